// A form that sends one request of a route, and shows what the server answers.

import { Notice, button, field, h } from "./dom.js";
import { example, fields, typeOf } from "./schema.js";

const MOST_SHOWN = 100_000; // characters of an answer

export function attempt(server, method, path, operation, routes) {
  const notice = new Notice();
  const parameters = (operation.parameters ?? []).map((each) => ({ ...each, control: h("input", { spellcheck: "false" }) }));
  const [kind, body] = bodyOf(operation, routes);
  const output = h("pre", { tabindex: "0", role: "region", "aria-label": "Answer" });
  const result = h("div", { class: "card", "aria-live": "polite", hidden: true }, output);
  let abort = null;

  const send = notice.guard(async () => {
    abort?.abort();
    abort = new AbortController();
    result.hidden = true;
    const given = { method: method.toUpperCase(), signal: abort.signal };
    if (body) {
      given.body = body.value();
      if (kind === "application/json") given.headers = { "content-type": kind };
    }
    notice.say("Asking");
    const response = await server.send(address(path, parameters), given);
    await show(response, output, result);
    notice.say(`Status ${response.status}`);
  });

  return h("div", { class: "panel" },
    h("h3", {}, "Try it"),
    parameters.map((each) => field(each.name, each.control)),
    body?.elements ?? [],
    h("div", { class: "row" }, button("Send", send, { class: "first" })),
    notice.element, result);
}

/** The type of a request's body, and controls for it. */
function bodyOf(operation, routes) {
  const [[kind, { schema } = {}] = [null]] = Object.entries(operation.requestBody?.content ?? {});
  if (kind === null) return [null, null];
  return [kind, kind === "multipart/form-data" ? form(schema, routes) : json(schema, routes)];
}

function json(schema, routes) {
  const area = h("textarea", { class: "code", rows: 6, spellcheck: "false" });
  area.value = JSON.stringify(example(schema, routes), null, 2);
  return { elements: field("Body as JSON", area), value: () => area.value };
}

function form(schema, routes) {
  const controls = fields(schema, routes).map(({ name, schema: each, isRequired }) =>
    [name, h("input", { type: typeOf(each, routes) === "file" ? "file" : "text", required: isRequired, spellcheck: "false" })]);
  const value = () => {
    const data = new FormData();
    for (const [name, control] of controls) {
      if (!control.value) continue; // left out
      data.append(name, control.type === "file" ? control.files[0] : control.value);
    }
    return data;
  };
  return { elements: controls.map(([name, control]) => field(name, control)), value };
}

function address(path, parameters) {
  const query = new URLSearchParams();
  let found = path.slice(1); // relative to the page, also behind a proxy's prefix
  for (const { name, in: where, control } of parameters) {
    if (where === "path") {
      if (!control.value.trim()) throw new Error(`${name}: a value is needed`);
      found = found.replace(`{${name}}`, encodeURIComponent(control.value.trim()));
    } else if (control.value !== "") query.set(name, control.value);
  }
  return query.size ? `${found}?${query}` : found;
}

/** Writes an answer as it comes. */
async function show(response, output, result) {
  output.textContent = "";
  result.hidden = false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    output.textContent = text.slice(0, MOST_SHOWN);
  }
  try {
    output.textContent = JSON.stringify(JSON.parse(text), null, 2).slice(0, MOST_SHOWN);
  } catch { /* it is no JSON, and stands there as it is */ }
  if (text.length > MOST_SHOWN) output.append(`\n... of ${text.length.toLocaleString("en")} characters`);
}
