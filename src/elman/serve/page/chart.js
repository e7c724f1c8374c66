// A series, its forecast and the intervals around it, drawn as SVG.

import { h, s, shortNumber } from "./dom.js";

const LEFT = 56, RIGHT = 14, TOP = 12, BOTTOM = 30; // pixels

function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

/** `past`, `ahead`: { times, values }; `bands`: [{ name, low, high }], the widest first; `width`: in
 * pixels. */
export function chart(label, past, ahead, bands, width) {
  const height = Math.round(Math.max(200, Math.min(320, 0.5 * width)));
  const known = (each) => each !== null && Number.isFinite(each);
  const all = [...past.values, ...ahead.values, ...bands.flatMap((each) => [...each.low, ...each.high])].filter(known);
  let low = Math.min(...all), high = Math.max(...all);
  if (low === high) [low, high] = [low - 1, high + 1];
  const edge = 0.05 * (high - low);
  [low, high] = [low - edge, high + edge];
  const count = past.values.length + ahead.values.length;
  const x = (i) => LEFT + ((width - LEFT - RIGHT) * i) / Math.max(count - 1, 1);
  const y = (value) => TOP + ((height - TOP - BOTTOM) * (high - value)) / (high - low);
  const place = (i, value) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`;
  const line = (values, from) => {
    let path = "", pen = "M";
    values.forEach((value, i) => {
      if (!known(value)) pen = "M";
      else { path += `${pen}${place(from + i, value)}`; pen = "L"; }
    });
    return path;
  };
  const start = past.values.length;
  const last = past.values.at(-1);
  const lead = (values) => (known(last) ? [last, ...values] : values); // from the last known value on
  const from = known(last) ? start - 1 : start;
  const area = ({ low: lows, high: highs }) =>
    [...lead(lows).map((value, i) => place(from + i, value)), ...lead(highs).map((value, i) => place(from + i, value)).reverse()].join(" ");
  const marks = ticks(low, high);
  const times = [...past.times, ...ahead.times];
  const shown = [[0, "start"], [start, "middle"], [count - 1, "end"]];
  const text = (i, anchor) => s("text", { x: x(i), y: height - 8, "text-anchor": anchor }, timeText(times[i]));
  const isFree = start > 0.2 * count && start < 0.85 * count;
  return s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    marks.map((value) => [
      s("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      s("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, shortNumber(value)),
    ]),
    s("line", { class: "grid", x1: x(from), x2: x(from), y1: TOP, y2: height - BOTTOM, "stroke-dasharray": "4 4" }),
    bands.map((each, i) => s("polygon", { class: i < bands.length - 1 ? "far" : "near", points: area(each) })),
    s("path", { class: "past", d: line(past.values, 0) }),
    s("path", { class: "ahead", d: line(lead(ahead.values), from) }),
    shown.filter(([i]) => i !== start || isFree).map(([i, anchor]) => text(i, anchor)));
}

/** What the lines and areas are. */
export function key(bands) {
  const sign = (child) => s("svg", { class: "swatch", viewBox: "0 0 28 16", "aria-hidden": "true" }, child);
  const entries = [
    ["Series", s("path", { class: "past", d: "M0 8H28" })],
    ["Median forecast", s("path", { class: "ahead", d: "M0 8H28" })],
    ...bands.map((each, i) => [each.name, s("rect", { class: i < bands.length - 1 ? "far" : "near", width: 28, height: 16 })]),
  ];
  return h("ul", { class: "key" }, entries.map(([name, child]) => h("li", {}, sign(child), name)));
}

/** A time without the clock where it is midnight. */
export const timeText = (time) => String(time).replace(/T00:00:00(\.0+)?$/, "").replace("T", " ");
