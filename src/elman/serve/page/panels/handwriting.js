// What is drawn, read while it is drawn.

import { Notice, h, latest, percent, probabilities, shortNumber } from "../dom.js";
import { Pad } from "../ink.js";

const WAIT = 150; // ms between two readings
const N = 5;

export function panel(model, server, place) {
  const notice = new Notice();
  const answer = h("p", { class: "answer" });
  const others = h("div");
  const result = h("section", { class: "card", "aria-label": "Result" }, answer, others);
  const isText = model.output.kind === "text";
  const n = isText ? N : Math.min(N, model.output.labels.length);

  const read = latest(notice.guard(async (strokes, isDone) => {
    if (!strokes.length) {
      answer.textContent = "";
      others.replaceChildren();
      notice.say("");
      return;
    }
    const { value, details } = await server.predict(model.id, strokes, { n });
    if (!pad.strokes.length) return; // cleared meanwhile
    answer.textContent = value;
    const rest = (details.others ?? []).filter(([text]) => text);
    if (isText) {
      others.replaceChildren(...(rest.length ? [h("p", { class: "hint" }, `Or: ${rest.map(([text, score]) => `${text} (${shortNumber(score)})`).join(", ")}`)] : []));
      if (isDone) notice.read(value || "Nothing is read yet");
    } else {
      others.replaceChildren(probabilities([[value, details.probability], ...rest]));
      if (isDone) notice.read(`${value}, ${percent(details.probability)}`);
    }
  }), WAIT);

  const pad = new Pad({
    label: "Drawing", notice,
    onchange: (strokes) => read(strokes, false),
    ondone: (strokes) => read(strokes, true),
  });

  place.append(
    h("p", { class: "hint" }, isText ? "Write a line with a pen, a finger or the mouse." : "Draw a character with a pen, a finger or the mouse."),
    pad.element, h("div", { class: "row" }, pad.buttons), notice.element, result, pad.typed);
}
