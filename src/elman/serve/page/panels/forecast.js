// A table of series in; their forecasts drawn with intervals.

import { Notice, button, field, h, number, numberOf, shortNumber, table } from "../dom.js";
import { chart, key, timeText } from "../chart.js";
import { columnsOf } from "../table.js";

const LEVELS = [95, 80]; // percents, the widest first
const SHOWN = 4; // times as much of the past as of the forecast

export function panel(model, server, place) {
  const notice = new Notice();
  const { id, time, target, past, future, static: fixed } = model.input;
  const file = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv" });
  const area = h("textarea", { class: "code", rows: 6, spellcheck: "false" });
  const steps = number(model.output.horizon, { min: 1, max: 100000 });
  const which = h("select");
  const targets = h("select");
  const whichField = field("Series", which, { short: true });
  const targetField = field("Column", targets, { short: true });
  const drawn = h("div");
  const result = h("section", { class: "card", "aria-label": "Forecast", hidden: true },
    h("div", { class: "row" }, whichField, targetField), drawn);
  let known = null, found = null;
  let fitted = new ResizeObserver(() => {}); // draws anew where the width changes

  const go = notice.guard(async () => {
    result.hidden = true;
    notice.say("Forecasting");
    known = columnsOf(area.value, [id]);
    const options = { h: numberOf(steps), level: LEVELS };
    found = (await server.predict(model.id, known, options)).value;
    const names = found[id] ? [...new Set(found[id])] : [""];
    which.replaceChildren(...names.map((each) => h("option", {}, each)));
    targets.replaceChildren(...target.map((each) => h("option", {}, each)));
    whichField.hidden = names.length < 2;
    targetField.hidden = target.length < 2;
    result.hidden = false;
    draw();
    notice.say(names.length < 2 ? `${found[time].length} steps ahead` : `${names.length} series`);
  });

  function draw() {
    const own = (columns, name) => columns[time].map((_, i) => i).filter((i) => !columns[id] || columns[id][i] === name);
    const ahead = own(found, which.value);
    const isWide = !(targets.value in known); // a column a series
    const before = own(known, which.value).slice(-Math.max(SHOWN * ahead.length, 20));
    const lead = target.length > 1 ? `${targets.value}-` : "";
    const of = (columns, name, at) => at.map((i) => columns[name][i]);
    const bands = LEVELS.map((level) => ({
      name: `${level} % interval`, low: of(found, `${lead}lo-${level}`, ahead), high: of(found, `${lead}hi-${level}`, ahead),
    }));
    const middle = { times: of(found, time, ahead), values: of(found, `${lead}median`, ahead) };
    const series = { times: of(known, time, before), values: of(known, isWide ? which.value : targets.value, before) };
    const name = which.value || targets.value;
    const label = `${name}: ${middle.values.length} steps from ${timeText(middle.times[0])} to ${timeText(middle.times.at(-1))},`
      + ` median from ${shortNumber(middle.values[0])} to ${shortNumber(middle.values.at(-1))}; the numbers are in the table`;
    const columns = [{ name: time }, ...["Median", ...LEVELS.flatMap((each) => [`Low ${each} %`, `High ${each} %`])].map((each) => ({ name: each, number: true }))];
    const rows = middle.times.map((each, i) => [
      timeText(each), ...[middle.values, ...bands.flatMap((band) => [band.low, band.high])].map((values) => shortNumber(values[i])),
    ]);
    const line = h("div");
    drawn.replaceChildren(line, key(bands),
      h("details", {}, h("summary", {}, "The numbers"), table(`Forecast of ${name}`, columns, rows)));
    fitted.disconnect();
    fitted = new ResizeObserver(([{ contentRect: { width } }]) => {
      if (width > 0) line.replaceChildren(chart(label, series, middle, bands, Math.round(width)));
    });
    fitted.observe(line);
  }

  which.addEventListener("change", draw);
  targets.addEventListener("change", draw);
  file.addEventListener("change", notice.guard(async () => {
    if (!file.files.length) return;
    area.value = await file.files[0].text();
    await go();
  }));

  const needed = [time, ...target, ...past, ...future, ...fixed].map((each) => `"${each}"`).join(", ");
  place.append(
    field("File", file, { hint: `A CSV file with the columns ${needed}, and "${id}" where there are several series; or "${time}" and a column a series.` }),
    field("Or the table itself", area),
    h("div", { class: "row" }, field("Steps ahead", steps, { short: true }), button("Forecast", go, { class: "first" })),
    notice.element, result);
  return () => fitted.disconnect();
}
