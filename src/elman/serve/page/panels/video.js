// A clip in, frame by frame; its class over time, or the frames that follow.

import { Notice, button, field, h, percent, table } from "../dom.js";
import { framesOf } from "../frames.js";

const MOST = 2 ** 19; // bytes of a message
const EVENTS = [{ name: "Event" }, ...["From, s", "To, s", "Confidence"].map((name) => ({ name, number: true }))];

export function panel(model, server, place) {
  const notice = new Notice();
  const { rate, size, needed } = model.input;
  const predicts = model.output.kind === "frames";
  const file = h("input", { type: "file", accept: "video/*,image/*", multiple: true });
  const result = h("section", { class: "card", "aria-label": "Result", "aria-live": "polite", hidden: true });
  let stopped = null;

  const go = notice.guard(async () => {
    if (!file.files.length) return;
    stopped?.abort();
    const own = (stopped = new AbortController());
    result.hidden = true;
    stop.disabled = false;
    notice.say("Reading the frames");
    const session = server.session(model.id);
    try {
      const clip = await framesOf([...file.files], { rate, size, signal: own.signal, onframe: (i) => notice.say(`${i} frames read`) });
      if (clip.frames.length < needed) throw new Error(`The clip has ${clip.frames.length} frames, and the model reads ${needed}`);
      const { width, height } = clip;
      const opened = session.start({}, { dtype: "uint8", shape: [-1, height, width, 3] });
      await opened;
      const several = Math.max(1, Math.min(predicts ? clip.frames.length : 4, Math.floor(MOST / (3 * width * height))));
      const over = [];
      let value = null;
      for (let i = 0; i < clip.frames.length; i += several) {
        own.signal.throwIfAborted();
        const frames = clip.frames.slice(i, i + several);
        ({ value } = await session.input(joined(frames)));
        over.push({ value: words(value), count: frames.length });
        notice.say(`${Math.min(i + several, clip.frames.length)} of ${clip.frames.length} frames seen`);
      }
      const final = await session.finish();
      if (final.error) throw new Error(final.error);
      if (predicts) followed(clip, final.value);
      else if (model.output.kind === "events") happened(final.value);
      else told(clip, over, final);
      result.hidden = false;
      notice.say(`${clip.frames.length} frames${clip.rate ? `, ${clip.rate} a second` : ""}`);
    } finally {
      session.close();
      if (stopped === own) stop.disabled = true;
    }
  });

  function happened(events) {
    const rows = events.map(({ label, start, end, confidence }) => [label, start.toFixed(1), end.toFixed(1), percent(confidence)]);
    result.replaceChildren(rows.length ? table("What happened", EVENTS, rows) : h("p", { class: "answer" }, "No event"));
  }

  function told(clip, over, { value: last, details }) {
    const runs = [], value = words(last);
    let at = 0;
    for (const each of over) {
      if (each.value !== null && runs.at(-1)?.value === each.value) runs.at(-1).count += each.count;
      else if (each.value !== null) runs.push({ ...each, from: at });
      at += each.count;
    }
    const time = (frame) => (clip.rate ? `${(frame / clip.rate).toFixed(1)} s` : `frame ${frame + 1}`);
    const strip = h("div", { class: "over", "aria-hidden": "true" }, runs.map((each) => {
      const part = h("span", { class: each.value === value ? "best" : null, title: `${each.value}, from ${time(each.from)}` }, each.value);
      part.style.flex = String(each.count);
      return part;
    }));
    result.replaceChildren(
      h("p", { class: "answer" }, value), h("p", { class: "hint" }, `Probability ${percent(details.probability)}`),
      h("p", { class: "label" }, "What the clip showed so far, over time"), strip,
      h("ol", { class: "unseen" }, runs.map((each) => h("li", {}, `${each.value} from ${time(each.from)}`))));
  }

  function followed(clip, frames) {
    const figure = (canvas, text) => h("figure", {}, canvas, h("figcaption", {}, text));
    const last = clip.frames.slice(-needed).map((each, i) =>
      figure(canvasOf(each, clip.width, clip.height, 3), `${i - Math.min(needed, clip.frames.length) + 1}`));
    const ahead = frames.map((each, i) => {
      const [height, width, channels] = [each.length, each[0].length, each[0][0].length];
      return figure(canvasOf(each.flat(2), width, height, channels), `+${i + 1}`);
    });
    result.replaceChildren(
      h("p", { class: "label" }, "The last frames"), h("div", { class: "frames" }, last),
      h("p", { class: "label" }, "What the model expects next"), h("div", { class: "frames" }, ahead));
  }

  file.addEventListener("change", go);
  const stop = button("Stop", () => stopped?.abort(), { disabled: true });
  const read = [rate ? `${rate} frames a second` : "every frame, or 10 a second of a film", `${size[1]} × ${size[0]} pixels`];
  place.append(
    field("Clip", file, { hint: `A film that this browser can play, or several pictures in the order of their names. The model reads ${read.join(", ")}.` }),
    h("div", { class: "row" }, stop), notice.element, result);
  return () => stopped?.abort();
}

// A label, or several; null before the first frame.
const words = (value) => (Array.isArray(value) ? value.join(", ") || "none" : value);

function joined(frames) {
  const all = new Uint8Array(frames.reduce((sum, each) => sum + each.length, 0));
  frames.forEach((each, i) => all.set(each, i * each.length));
  return all.buffer;
}

function canvasOf(values, width, height, channels) {
  const canvas = h("canvas", { width, height });
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = values[channels * i + Math.min(c, channels - 1)];
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}
