// Tables of files: CSV with commas, semicolons or tabs.

/** The rows of a text, each a list of texts. */
export function parsed(text) {
  const clean = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const first = clean.slice(0, clean.indexOf("\n") >>> 0);
  const mark = [",", ";", "\t"].reduce((a, b) => (first.split(b).length > first.split(a).length ? b : a));
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let i = 0; i < clean.length; i++) {
    const c = clean[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (clean[i + 1] === '"') cell += clean[++i];
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === mark) { row.push(cell); cell = ""; }
    else if (c === "\n") { rows.push([...row, cell]); row = []; cell = ""; }
    else cell += c;
  }
  if (quoted) throw new Error("The table ends within quotes");
  if (cell !== "" || row.length) rows.push([...row, cell]);
  const filled = rows.filter((each) => each.some((value) => value.trim() !== ""));
  if (!filled.length) throw new Error("The table is empty");
  const decimal = mark === "," ? /^$/ : /^\s*[-+]?\d+,\d+\s*$/;
  return filled.map((each) => each.map((value) => (decimal.test(value) ? value.replace(",", ".") : value.trim())));
}

const isNumber = (value) => value !== "" && Number.isFinite(Number(value));

/** Columns by the names of the first row; `texts` names those that stay texts. */
export function columnsOf(text, texts = []) {
  const [names, ...rows] = parsed(text);
  const uneven = rows.findIndex((row) => row.length !== names.length);
  if (uneven >= 0) {
    throw new Error(`Row ${uneven + 2} of the table has ${rows[uneven].length} cells, the first has ${names.length}`);
  }
  return Object.fromEntries(names.map((name, i) => {
    const cells = rows.map((row) => row[i]);
    const numeric = !texts.includes(name) && cells.every((each) => each === "" || isNumber(each));
    return [name, cells.map((each) => (each === "" ? null : numeric ? Number(each) : each))];
  }));
}

/** Numbers, a list a row; a first row of names is passed over. */
export function numbersOf(text, width) {
  let rows = parsed(text);
  if (!rows[0].every(isNumber)) rows = rows.slice(1);
  rows.forEach((row, i) => {
    if (row.length !== width) throw new Error(`Row ${i + 1} has ${row.length} cells, and ${width} numbers are needed`);
    const wrong = row.find((each) => !isNumber(each));
    if (wrong !== undefined) throw new Error(`Row ${i + 1}: "${wrong}" is no number`);
  });
  if (!rows.length) throw new Error("The table has no numbers");
  return rows.map((row) => row.map(Number));
}
