// Runs sequences, to compare their outputs with the model's: of each line of stdin, a list as JSON,
// it writes a line of results.
import { createInterface } from "node:readline";

const { load, ARRAYS } = await import(process.argv[2]);
const model = await load(), own = model.description;
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const text = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
function answer({ call, lengths, states, inputs }) {
  const state = model._state(), first = bytes(states), given = { ...lengths };
  const memory = () => new Uint8Array(model._memory.buffer);
  memory().set(first, state);
  for (const input of own.inputs) {
    given[input.name] = new ARRAYS[input.kind](bytes(inputs[input.name]).buffer);
  }
  const outputs = model._call(call, state, given);
  const after = memory().slice(state, state + first.length);
  model._give(state, own.state);
  const found = Object.fromEntries(Object.entries(outputs).map(([name, array]) => [name, text(array)]));
  return { states: text(after), outputs: found };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(answer))}\n`);
}
