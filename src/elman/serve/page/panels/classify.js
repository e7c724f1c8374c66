// Text, sound or features in; the probabilities of labels out.

import { Notice, button, field, h, latest, percent, probabilities } from "../dom.js";
import { encoded } from "../server.js";
import { Recorder } from "../sound.js";
import { numbersOf } from "../table.js";

const PAUSE = 300; // ms without a key until a text is classified
const OPTIONS = { probabilities: true };

export function panel(model, server, place) {
  const notice = new Notice();
  const answer = h("p", { class: "answer" });
  const bars = h("div");
  const result = h("section", { class: "card", "aria-label": "Result", hidden: true }, answer, bars);

  async function classify(input) {
    const { value, details } = await server.predict(model.id, input, OPTIONS);
    const chosen = model.output.several ? value : [value];
    answer.textContent = chosen.length ? chosen.join(", ") : "No label";
    bars.replaceChildren(probabilities(model.output.labels.map((label, i) => [label, details.probabilities[i]])));
    result.hidden = false;
    notice.read(chosen.length ? `${chosen.join(", ")}, ${percent(details.probability)}` : "No label reaches one half");
  }

  function clear() {
    result.hidden = true;
    notice.say("");
  }

  const inputs = { text, sound, features }[model.input.kind];
  const end = inputs({ model, notice, classify, clear, place });
  place.append(notice.element, result);
  return end;
}

function text({ notice, classify, clear, place }) {
  const area = h("textarea", { rows: 4 });
  const show = notice.guard(async () => (area.value.trim() ? classify(area.value) : clear()));
  const soon = latest(show, 0);
  let timer = 0;
  area.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(soon, PAUSE);
  });
  place.append(field("Text", area, { hint: "The answer follows while you type." }));
}

function sound({ model, notice, classify, clear, place }) {
  let pieces = [], rate = 0;
  const recorder = new Recorder({
    start: "Record", stop: "Stop and classify", notice,
    onstart: (found) => {
      clear();
      notice.say("Recording");
      [pieces, rate] = [[], found];
    },
    onpiece: (piece) => pieces.push(piece),
    onstop: async () => {
      const samples = await encoded(new Blob(pieces), { dtype: "float32" });
      await classify({ samples, rate });
    },
  });
  const file = h("input", { type: "file", accept: "audio/*,.flac,.wav,.ogg,.mp3" });
  file.addEventListener("change", notice.guard(async () => {
    if (!file.files.length) return;
    clear();
    notice.say("Sending the file");
    await classify(await encoded(file.files[0]));
  }));
  place.append(
    h("div", { class: "row" }, recorder.button), recorder.level,
    field("Or a file of sound", file, { hint: `The model hears ${model.input.rate} samples a second; others are converted.` }));
  return () => recorder.cancel();
}

function features({ model, notice, classify, clear, place }) {
  const width = model.input.width;
  const file = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv" });
  const area = h("textarea", { class: "code", rows: 5 });
  const go = notice.guard(() => {
    clear();
    return classify(numbersOf(area.value, width));
  });
  file.addEventListener("change", notice.guard(async () => {
    if (!file.files.length) return;
    area.value = await file.files[0].text();
    await go();
  }));
  place.append(
    field("File", file, { hint: `A CSV file: a row each step, ${width} numbers a row.` }),
    field("Or the rows themselves", area), h("div", { class: "row" }, button("Classify", go, { class: "first" })));
}
