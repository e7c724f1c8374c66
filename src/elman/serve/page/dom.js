// Elements, fields and messages that all panels share.

const SVG = "http://www.w3.org/2000/svg";
let count = 0;

export const unique = (name) => `${name}-${++count}`;

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((each) => each !== null && each !== undefined));
  return element;
}

/** An element: h("p", { class: "hint", onclick: f }, "text", other). */
export const h = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

/** An element of SVG. */
export const s = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

export const button = (text, onclick, attributes = {}) =>
  h("button", { type: "button", onclick, ...attributes }, text);

/** A control below its label; `hint` explains it. */
export function field(label, control, { hint = null, short = false } = {}) {
  control.id ||= unique("field");
  const notes = hint && h("p", { class: "hint", id: unique("hint") }, hint);
  if (notes) control.setAttribute("aria-describedby", notes.id);
  return h("div", { class: short ? "field short" : "field" },
    h("label", { for: control.id }, label), control, notes);
}

export const number = (value, { min, max, step = 1 }) =>
  h("input", { type: "number", inputmode: "decimal", value, min, max, step });

/** The number of a field; an error in words where it holds none, or one out of bounds. */
export function numberOf(control) {
  const name = document.querySelector(`label[for="${control.id}"]`)?.textContent ?? "The number";
  if (control.value.trim() === "" || !control.checkValidity()) {
    throw new Error(`${name}: a number from ${control.min} to ${control.max} is needed`);
  }
  return Number(control.value);
}

/** What is going on, told to screen readers, too; and what went wrong. */
export class Notice {
  constructor() {
    this.status = h("p", { class: "status", role: "status" });
    this.alert = h("p", { class: "error", role: "alert", hidden: true });
    this.element = h("div", {}, this.status, this.alert);
  }

  say(text) {
    this.alert.hidden = true;
    this.alert.textContent = "";
    this.status.classList.remove("unseen");
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  /** Tells screen readers alone, of what stands on the page already. */
  read(text) {
    this.say(text);
    this.status.classList.add("unseen");
  }

  fail(error) {
    this.status.textContent = "";
    if (error?.name === "AbortError") return;
    this.alert.textContent = error?.message || String(error);
    this.alert.hidden = false;
  }

  /** Runs an action of the user; its error is shown. */
  guard(action) {
    return async (...given) => {
      try {
        return await action(...given);
      } catch (error) {
        this.fail(error);
      }
    };
  }
}

/** Runs `action` on the latest arguments: one call at a time, and one every `wait` ms at most. */
export function latest(action, wait) {
  let waiting = null, busy = false;
  const run = async () => {
    busy = true;
    while (waiting) {
      const given = waiting;
      waiting = null;
      await action(...given);
      await new Promise((resolve) => { setTimeout(resolve, wait); });
    }
    busy = false;
  };
  return (...given) => {
    waiting = given;
    if (!busy) run();
  };
}

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

export const shortNumber = (value) =>
  value === null ? "" : Number(value.toPrecision(5)).toLocaleString("en", { maximumFractionDigits: 6 });

/** A table: columns are { name, number } , rows lists of texts or elements. */
export function table(caption, columns, rows) {
  const kind = (column) => ({ class: column.number ? "n" : null });
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map((each) => h("th", { scope: "col", ...kind(each) }, each.name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((each, i) => h("td", kind(columns[i]), each)))))));
}

/** Labels with their probabilities as bars, the likeliest first. */
export function probabilities(pairs, most = 10) {
  const sorted = [...pairs].sort((a, b) => b[1] - a[1]);
  const rows = sorted.slice(0, most).map(([label, share], i) => {
    const bar = h("div", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${Math.max(1, 100 * share)}%`;
    return h("tr", { class: i === 0 ? "best" : null },
      h("th", { scope: "row" }, label), h("td", { class: "n" }, percent(share)), h("td", {}, bar));
  });
  const left = sorted.length - rows.length;
  return h("table", { class: "bars" },
    h("caption", {}, left > 0 ? `The ${most} likeliest of ${sorted.length}` : "Probabilities"),
    h("thead", { class: "unseen" }, h("tr", {}, ["Label", "Probability", ""].map((each) => h("th", { scope: "col" }, each)))),
    h("tbody", {}, rows));
}
