// A text in; the ink of somebody who never wrote out.

import { Notice, button, field, h, number, numberOf } from "../dom.js";
import { drawing } from "../ink.js";

const PACE = 250; // points a second that are drawn

export function panel(model, server, place) {
  const notice = new Notice();
  const readsText = model.input.kind === "text";
  const text = h("input", { type: "text", autocomplete: "off" });
  const bias = number(0.5, { min: 0, max: 10, step: 0.1 });
  const seed = h("input", { type: "number", min: 0, max: 1e9, inputmode: "numeric" });
  const written = h("section", { class: "written", "aria-label": "Written", hidden: true });
  let timer = 0;

  const write = notice.guard(async () => {
    if (readsText && !text.value.trim()) throw new Error("There is no text yet");
    const options = { bias: numberOf(bias), ...(seed.value === "" ? {} : { seed: numberOf(seed) }) };
    notice.say("Writing");
    go.disabled = true;
    try {
      const { value } = await server.predict(model.id, readsText ? { text: text.value } : {}, options);
      const svg = drawing(value, readsText ? `Handwriting: ${text.value}` : "Handwriting");
      written.replaceChildren(svg);
      written.hidden = false;
      animate(svg);
      notice.say(value.length === 1 ? "1 stroke written" : `${value.length} strokes written`);
    } finally {
      go.disabled = false;
    }
  });

  function animate(svg) {
    cancelAnimationFrame(timer);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const lines = [...svg.querySelectorAll("polyline")].map((line) => [line, line.getAttribute("points").split(" ")]);
    const start = performance.now();
    const step = (now) => {
      let left = Math.floor((PACE * (now - start)) / 1000);
      const total = lines.reduce((sum, [, points]) => sum + points.length, 0);
      for (const [line, points] of lines) {
        line.setAttribute("points", points.slice(0, Math.max(0, left)).join(" "));
        left -= points.length;
      }
      if (left < 0 && total > 0) timer = requestAnimationFrame(step);
    };
    step(start);
  }

  const go = button("Write", write, { class: "first" });
  text.addEventListener("keydown", (event) => event.key === "Enter" && write());
  const known = readsText ? `The model knows these characters: ${model.input.characters.replace(" ", "space ")}` : null;
  place.append(
    ...(readsText ? [field("Text", text, { hint: known })] : [h("p", { class: "hint" }, "The model has learnt from ink alone: it writes what it likes.")]),
    h("div", { class: "row" }, field("Tidiness", bias, { short: true }), field("Seed", seed, { short: true }), go),
    h("p", { class: "hint" }, "Tidiness 0 varies as people do; the same seed writes the same again."),
    notice.element, written);
  return () => cancelAnimationFrame(timer);
}
