// Speech written down while one speaks, or from a file, with the times of its words.

import { Notice, button, field, h, percent, table } from "../dom.js";
import { encoded } from "../server.js";
import { Recorder, asInt16 } from "../sound.js";

const PAUSE = 0.5; // seconds of silence that end a segment
const BEHIND = 20; // seconds of sound that wait at most
const COLUMNS = [{ name: "Word" }, ...["From, s", "To, s", "Confidence"].map((name) => ({ name, number: true }))];

export function panel(model, server, place) {
  const notice = new Notice();
  const said = h("div", { class: "text", role: "log", "aria-label": "Text" });
  const partial = h("p", { class: "text unsure", "aria-label": "Not settled yet" });
  const times = h("div");
  const result = h("section", { class: "card", "aria-label": "Result" }, said, partial);
  let words = [], session = null, pieces = [], rate = 0;

  function clear() {
    words = [];
    said.replaceChildren();
    partial.textContent = "";
    times.replaceChildren();
  }

  function add(more) {
    words.push(...more);
    const rows = words.map((each) => [each.text, each.start.toFixed(2), each.end.toFixed(2), percent(each.confidence)]);
    times.replaceChildren(...(rows.length ? [table("Words and their times", COLUMNS, rows)] : []));
  }

  function heard(update) {
    for (const [best] of update.segments) {
      said.append(h("p", {}, best.text));
      add(best.words);
    }
    partial.textContent = update.partial;
  }

  function finished({ value, details }) {
    partial.textContent = "";
    const shown = [...said.children].map((each) => each.textContent);
    const begin = [shown.join(" "), shown.join("")].find((each) => value.startsWith(each)) ?? "";
    if (!begin) said.replaceChildren();
    const rest = value.slice(begin.length).trim();
    if (rest) said.append(h("p", {}, rest));
    words = [];
    add(details.words ?? []);
    notice.say(value ? `${words.length} words` : "Nothing was heard");
  }

  async function whole(input) {
    notice.say("Recognising");
    finished(await server.predict(model.id, input));
  }

  const recorder = new Recorder({
    start: "Start microphone", stop: "Stop", notice,
    onstart: async (found) => {
      clear();
      rate = found;
      if (model.sessions) {
        session = server.session(model.id);
        session.onlost = (error) => {
          recorder.cancel();
          notice.fail(error);
        };
        await session.start({ rate, pause: PAUSE }, { dtype: "int16", shape: [-1] });
      }
      pieces = [];
      notice.say("Listening");
    },
    onpiece: (piece) => {
      if (!session) {
        pieces.push(piece);
        return;
      }
      if (session.backlog > 2 * BEHIND * rate) {
        recorder.cancel();
        session.close();
        notice.fail(new Error("The server does not keep up with the sound"));
        return;
      }
      session.input(asInt16(piece).buffer).then(heard, notice.guard((error) => { throw error; }));
    },
    onstop: async () => {
      if (!session) {
        await whole({ samples: await encoded(new Blob(pieces), { dtype: "float32" }), rate });
        return;
      }
      notice.say("Recognising");
      const ended = session;
      session = null;
      ended.onlost = () => {};
      try {
        finished(await ended.finish());
      } finally {
        ended.close();
      }
    },
  });

  const file = h("input", { type: "file", accept: "audio/*,.flac,.wav,.ogg,.mp3" });
  file.addEventListener("change", notice.guard(async () => {
    if (!file.files.length) return;
    clear();
    await whole(await encoded(file.files[0]));
  }));

  place.append(
    h("div", { class: "row" }, recorder.button, button("Clear", () => { clear(); notice.say(""); })),
    recorder.level,
    ...(model.sessions ? [] : [h("p", { class: "hint" }, "This model hears from the end, too: its text comes when you stop.")]),
    field("Or a file of sound", file, { hint: `The model hears ${model.input.rate} samples a second; others are converted.` }),
    notice.element, result, times);
  return () => {
    recorder.cancel();
    session?.close();
  };
}
