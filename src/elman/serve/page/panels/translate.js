// A text in one language in, in another out: token by token, or the n best of each line.

import { Notice, button, field, h, number, numberOf, shortNumber } from "../dom.js";

export function panel(model, server, place) {
  const notice = new Notice();
  const area = h("textarea", { rows: 5 });
  const count = number(1, { min: 1, max: 10 });
  const answer = h("p", { class: "text", role: "log", "aria-label": "Translation" });
  const others = h("div");
  const result = h("section", { class: "card", "aria-label": "Result" }, answer, others);
  let stopped = null;

  const translate = notice.guard(async () => {
    const n = numberOf(count);
    const lines = area.value.trim().split("\n");
    if (!lines[0]) throw new Error("There is no text yet");
    answer.textContent = "";
    others.replaceChildren();
    stopped = new AbortController();
    running(true);
    notice.say("Translating");
    try {
      if (n === 1) await streamed(lines);
      else await listed(lines, n);
      notice.say("Translated");
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      notice.say("Stopped");
    } finally {
      stopped = null;
      running(false);
    }
  });

  async function streamed(lines) {
    const input = lines.join("\n") + "\n";
    for await (const [event, content] of server.stream(model.id, input, { partial: true }, stopped.signal)) {
      if (event === "update") answer.append(content.new ?? "");
      else if (answer.textContent.trim() !== content.value.trim()) answer.textContent = content.value.trim();
    }
  }

  async function listed(lines, n) {
    for (const line of lines) {
      const options = { n_best: n, beam: Math.max(n, 5) };
      const { value, details } = await server.predict(model.id, line, options, stopped.signal);
      answer.append(`${value}\n`);
      others.append(h("details", { open: lines.length === 1 }, h("summary", {}, `The ${n} best of “${line}”`),
        h("ol", {}, details.n_best.map((each) => h("li", {}, each.translation, " ", h("span", { class: "hint" }, `score ${shortNumber(each.score)}`))))));
    }
  }

  const go = button("Translate", translate, { class: "first" });
  const stop = button("Stop", () => stopped?.abort(), { disabled: true });
  const running = (on) => {
    go.disabled = on;
    stop.disabled = !on;
    answer.setAttribute("aria-busy", String(on));
    if (on) stop.focus();
    else if (document.activeElement === document.body || document.activeElement === stop) go.focus();
  };
  place.append(
    field("Text", area, { hint: "A sentence a line." }),
    h("div", { class: "row" }, field("Translations", count, { short: true }), go, stop),
    h("p", { class: "hint" }, "One comes word by word; more are listed with their scores."),
    notice.element, result);
  return () => stopped?.abort();
}
