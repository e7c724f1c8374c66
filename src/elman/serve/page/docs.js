// The routes and messages of the server, out of openapi.json and asyncapi.json.

import { Notice, button, h, table } from "./dom.js";
import { attempt } from "./attempt.js";
import { fields, resolved, typeOf } from "./schema.js";
import { forgotten, known, tokenForm } from "./token.js";

const GROUPS = { models: "Models", openai: "OpenAI's clients", operations: "Operations" };
const SESSIONS = "Sessions";

const main = document.getElementById("main");
const nav = document.getElementById("groups");
const forget = document.getElementById("forget");
let server = known();

async function begin() {
  forget.hidden = !server.token;
  nav.replaceChildren();
  let routes, messages;
  try {
    [routes, messages] = await Promise.all(["openapi.json", "asyncapi.json"].map((each) => server.json(each)));
  } catch (error) {
    if (error.code === "unauthorized") askForToken();
    else showFault(error);
    return;
  }
  const groups = [...grouped(routes), [SESSIONS, sessions(messages)]];
  nav.append(h("ul", {}, groups.map(([name]) => h("li", {}, h("a", { href: `#${anchor(name)}` }, name)))));
  main.replaceChildren(
    h("h1", {}, `API of ${routes.info.title} ${routes.info.version}`),
    prose(routes.info.description ?? ""),
    h("p", { class: "hint" }, coded("For programs the same stands in `/openapi.json` and `/asyncapi.json`.")),
    ...groups.map(([name, content]) => h("section", { "aria-labelledby": anchor(name) }, h("h2", { id: anchor(name) }, name), content)));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function askForToken() {
  const { form, input } = tokenForm(async (entered) => {
    server = entered;
    await begin();
    main.focus({ preventScroll: true });
  });
  main.replaceChildren(h("h1", {}, "A token is needed"), form);
  input.focus();
}

function showFault(error) {
  const notice = new Notice();
  main.replaceChildren(h("h1", {}, "No answer"), notice.element, button("Try again", begin));
  notice.fail(error);
}

const anchor = (name) => name.toLowerCase().replace(/[^a-z]+/g, "-");

/** The operations of each group, as elements. */
function grouped(routes) {
  const found = new Map(Object.values(GROUPS).map((name) => [name, []]));
  for (const [path, methods] of Object.entries(routes.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "Others";
      const name = GROUPS[tag] ?? tag;
      found.set(name, [...(found.get(name) ?? []), route(method, path, operation, routes)]);
    }
  }
  return [...found].filter(([, each]) => each.length);
}

function route(method, path, operation, routes) {
  const [first, ...rest] = paragraphs(operation.description ?? operation.summary ?? "");
  const place = h("div", { class: "panel" });
  const details = h("details", { class: "card route" },
    h("summary", {}, h("span", { class: "method" }, method.toUpperCase()), " ", h("code", {}, path), h("span", { class: "about" }, coded(first ?? ""))),
    place);
  details.addEventListener("toggle", () => place.append(...whole()), { once: true }); // when it is opened
  const whole = () => [
    ...rest.map((each) => h("p", {}, coded(each))),
    ...parameters(operation, routes),
    ...body(operation, routes),
    answers(operation, routes),
    attempt(server, method, path, operation, routes),
  ];
  return details;
}

function parameters(operation, routes) {
  const rows = (operation.parameters ?? []).map((each) => [
    h("code", {}, each.name), each.in, typeOf(each.schema ?? {}, routes), each.required ? "yes" : "", coded(each.description ?? "")]);
  return rows.length ? [filled("Parameters", ["Name", "In", "Type", "Required", "What it is"], rows)] : [];
}

function body(operation, routes) {
  return Object.entries(operation.requestBody?.content ?? {}).map(([kind, { schema }]) =>
    listed(`Body, ${kind}`, schema ?? {}, routes));
}

function answers(operation, routes) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, each]) => {
    const [[kind, { schema = {} } = {}] = [""]] = Object.entries(each.content ?? {});
    const named = resolved(schema, routes);
    const parts = named.properties ? Object.keys(named.properties).map((name) => [h("code", {}, name), " "]) : [];
    return [status, each.description, kind, parts];
  });
  return filled("Answers", ["Status", "What it is", "Type", "Fields"], rows);
}

/** The messages that each side sends. */
function sessions(document) {
  const { channels, operations } = document;
  const [channel] = Object.values(channels);
  const sides = { receive: "The client sends", send: "The server answers" }; // as the server sees them
  return [
    h("p", {}, "A session is a WebSocket at ", h("code", {}, channel.address), ". Messages are JSON objects with a type."),
    Object.values(operations).map(({ action, messages }) => [
      h("h3", {}, sides[action]),
      messages.map((each) => {
        const { name, summary, payload } = resolved(each, document);
        const { type, ...others } = payload.properties;
        const title = h("summary", {}, h("code", {}, type.const ?? name), h("span", { class: "about" }, coded(summary)));
        return Object.keys(others).length
          ? h("details", { class: "card route" }, title, listed("Fields", { ...payload, properties: others }, document))
          : h("div", { class: "card route bare" }, h("code", {}, type.const ?? name), h("span", { class: "about" }, coded(summary)));
      })]),
  ];
}

function listed(caption, schema, document) {
  const rows = fields(schema, document).map(({ name, type, isRequired, about }) => [
    h("code", {}, name), type, isRequired ? "yes" : "", coded(about)]);
  return filled(caption, ["Field", "Type", "Required", "What it is"], rows);
}

/** A table without the columns that are empty in every row. */
function filled(caption, names, rows) {
  const isFilled = names.map((_, i) => rows.some((row) => row[i].length !== 0 && row[i].toString() !== ""));
  const kept = (row) => row.filter((_, i) => isFilled[i]);
  return table(caption, kept(names).map((name) => ({ name })), rows.map(kept));
}

const paragraphs = (text) => text.split(/\n\s*\n/).map((each) => each.replace(/\s+/g, " ").trim()).filter(Boolean);

const prose = (text) => h("div", {}, paragraphs(text).map((each) => h("p", {}, coded(each))));

/** A text whose parts within backticks are code. */
const coded = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));

forget.addEventListener("click", () => {
  server = forgotten();
  begin();
});
begin();
