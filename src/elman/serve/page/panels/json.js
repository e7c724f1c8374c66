// Any model that has no panel of its own: JSON in, JSON out.

import { Notice, button, field, h } from "../dom.js";

export function panel(model, server, place) {
  const notice = new Notice();
  const area = h("textarea", { class: "code", rows: 8, spellcheck: "false" });
  const options = h("textarea", { class: "code", rows: 2, spellcheck: "false" });
  options.value = "{}";
  const output = h("pre", { tabindex: "0", "aria-label": "Answer", role: "region" });
  const result = h("section", { class: "card", "aria-label": "Result", "aria-live": "polite", hidden: true }, output);

  const go = notice.guard(async () => {
    result.hidden = true;
    notice.say("Asking");
    const found = await server.predict(model.id, parsed(area.value, "input"), parsed(options.value || "{}", "options"));
    output.textContent = JSON.stringify(found, null, 2);
    result.hidden = false;
    notice.say("Answered");
  });

  const known = model.predict_options ?? [];
  place.append(
    field("Input as JSON", area, { hint: 'An array within it is a list, or {"base64": ..., "dtype": "float32", "shape": [-1]}.' }),
    field("Options as JSON", options, { hint: known.length ? `There are ${known.join(", ")}.` : "There are none for this model." }),
    h("div", { class: "row" }, button("Ask", go, { class: "first" })), notice.element, result);
}

function parsed(text, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The ${what} is not JSON: ${error.message}`);
  }
}
