// Ink: a pad to draw on, and drawings of strokes. Points are [x, y, milliseconds, pressure].

import { button, field, h, s } from "./dom.js";

const points = (stroke) => (stroke.length > 1 ? stroke : [stroke[0], stroke[0]]).map(([x, y]) => `${x},${y}`).join(" ");

/** A drawing of strokes, scaled to its box. */
export function drawing(strokes, label) {
  const all = strokes.flat();
  const [left, top] = [0, 1].map((i) => all.reduce((a, p) => Math.min(a, p[i]), Infinity));
  const [right, low] = [0, 1].map((i) => all.reduce((a, p) => Math.max(a, p[i]), -Infinity));
  const [width, height] = [Math.max(right - left, 1e-6), Math.max(low - top, 1e-6)];
  const edge = 0.06 * Math.max(width, height);
  const box = [left - edge, top - edge, width + 2 * edge, height + 2 * edge].join(" ");
  return s("svg", { viewBox: box, role: "img", "aria-label": label, preserveAspectRatio: "xMidYMid meet" },
    strokes.map((stroke) => s("polyline", { class: "ink", points: points(stroke), "vector-effect": "non-scaling-stroke" })));
}

/** An area to draw on by pen, mouse or finger, with undo, clear and strokes as JSON. */
export class Pad {
  /** `onchange(strokes)`: while one draws; `ondone(strokes)`: when a stroke is done or taken back. */
  constructor({ label, low = false, notice, onchange = () => {}, ondone = () => {} }) {
    Object.assign(this, { label, onchange, ondone });
    this.strokes = [];
    this.began = 0;
    this.svg = s("svg", { class: low ? "low" : null, role: "img", "aria-label": `${label}: empty` });
    this.svg.addEventListener("pointerdown", (event) => this.#down(event));
    this.svg.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) this.svg.addEventListener(name, (event) => this.#up(event));
    this.undoing = button("Undo", () => this.undo(), { disabled: true });
    this.clearing = button("Clear", () => this.clear(), { disabled: true });
    const typed = h("textarea", { class: "code", placeholder: "[[[0, 0], [5, 9]], [[2, 4], [8, 4]]]" });
    const use = notice.guard(() => this.set(strokesOf(typed.value)));
    this.element = h("div", { class: "pad" }, this.svg);
    this.buttons = [this.undoing, this.clearing];
    this.typed = h("details", {}, h("summary", {}, "Without a pen: strokes as JSON"),
      field("Strokes", typed, { hint: "A list of strokes, each a list of points [x, y]; y grows downwards." }),
      button("Use these strokes", use));
    this.element.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "z") this.undo();
    });
  }

  set(strokes) {
    this.strokes = strokes;
    this.#draw();
    this.ondone(this.strokes);
  }

  undo() {
    if (this.strokes.length) this.set(this.strokes.slice(0, -1));
  }

  clear() {
    this.set([]);
  }

  #draw() {
    this.svg.replaceChildren(...this.strokes.map((each) => s("polyline", { class: "ink", points: points(each) })));
    this.#told();
  }

  #told() {
    const count = this.strokes.length;
    this.svg.setAttribute("aria-label", `${this.label}: ${count === 0 ? "empty" : count === 1 ? "1 stroke" : `${count} strokes`}`);
    for (const each of this.buttons) each.disabled = count === 0;
  }

  #down(event) {
    if (this.pointer !== undefined || event.button > 0) return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    if (!this.strokes.length) this.began = event.timeStamp;
    this.strokes = [...this.strokes, []];
    this.line = s("polyline", { class: "ink" });
    this.svg.append(this.line);
    this.#add([event]);
    this.#told();
  }

  #move(event) {
    if (event.pointerId !== this.pointer) return;
    const several = event.getCoalescedEvents?.() ?? [];
    this.#add(several.length ? several : [event]);
  }

  #up(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = undefined;
    this.ondone(this.strokes);
  }

  #add(events) {
    const box = this.svg.getBoundingClientRect();
    const round = (value) => Math.round(100 * value) / 100;
    const stroke = this.strokes.at(-1);
    for (const each of events) {
      const [x, y] = [round(each.clientX - box.left), round(each.clientY - box.top)];
      stroke.push([x, y, round(each.timeStamp - this.began), round(each.pressure)]);
    }
    this.line.setAttribute("points", points(stroke));
    this.onchange(this.strokes);
  }
}

function strokesOf(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("The strokes are not JSON");
  }
  const isPoint = (each) => Array.isArray(each) && each.length >= 2 && each.length <= 4 && each.every(Number.isFinite);
  const isStroke = (each) => Array.isArray(each) && each.length > 0 && each.every(isPoint);
  if (!Array.isArray(found) || !found.length || !found.every(isStroke)) {
    throw new Error("Strokes are a list of lists of points, such as [[[0, 0], [5, 9]]]");
  }
  return found;
}
