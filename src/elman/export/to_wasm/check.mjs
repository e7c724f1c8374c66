// Runs sequences, to compare their outputs with the model's: of each line of stdin, a list as JSON,
// it writes a line of results.
import { createInterface } from "node:readline";
import { answer } from "./answer.mjs";

const { load, ARRAYS } = await import(process.argv[2]);
const model = await load();
for await (const line of createInterface({ input: process.stdin })) {
  const found = JSON.parse(line).map((each) => answer(model, ARRAYS, each));
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
