// A text that a person and the model write in turns.

import { Notice, button, field, h, number, numberOf } from "../dom.js";

export function panel(model, server, place) {
  const notice = new Notice();
  const area = h("textarea", { rows: 10 });
  const length = number(200, { min: 1, max: 5000 });
  const temperature = number(0.8, { min: 0, max: 5, step: 0.1 });
  const heard = h("p", { class: "unseen", "aria-live": "polite" });
  let stopped = null;

  const write = notice.guard(async () => {
    const options = { length: numberOf(length), temperature: numberOf(temperature) };
    const before = area.value;
    let text = "";
    const add = (piece) => {
      const atEnd = area.scrollTop + area.clientHeight >= area.scrollHeight - 30;
      text += piece;
      area.value = before + text;
      if (atEnd) area.scrollTop = area.scrollHeight;
    };
    stopped = new AbortController();
    running(true);
    notice.say("Writing");
    try {
      for await (const [event, content] of server.stream(model.id, before, options, stopped.signal)) {
        if (event === "update") add(content.new ?? "");
        else add(content.value.slice(text.length));
      }
      notice.say(`${text.length} characters written`);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      notice.say(`Stopped after ${text.length} characters`);
    } finally {
      stopped = null;
      running(false);
      heard.textContent = text;
    }
  });
  const go = button("Write on", write, { class: "first" });
  const stop = button("Stop", () => stopped?.abort(), { disabled: true });
  const running = (on) => {
    go.disabled = area.readOnly = on;
    stop.disabled = !on;
    area.setAttribute("aria-busy", String(on));
    if (on) stop.focus();
    else if (document.activeElement === document.body || document.activeElement === stop) go.focus();
  };

  place.append(
    field("Text", area, { hint: "Begin it, and the model writes on at its end; change it as you like, and go on." }),
    h("div", { class: "row" },
      field("Tokens", length, { short: true }), field("Temperature", temperature, { short: true }),
      go, stop),
    h("p", { class: "hint" }, "Temperature 0 always takes the likeliest token; higher ones vary more."),
    notice.element, heard);
  return () => stopped?.abort();
}
