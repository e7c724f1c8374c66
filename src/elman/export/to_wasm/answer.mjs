// What a module computes of sequences whose arrays come and go as base64, in Node.js or a browser.
/** From base64. */
export const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
/** To base64. */
export function text(array) {
  let letters = "";
  for (const byte of new Uint8Array(array.buffer, array.byteOffset, array.byteLength)) letters += String.fromCharCode(byte);
  return btoa(letters);
}

/** The outputs and states after one sequence; `arrays` is ARRAYS of the script that loaded the model. */
export function answer(model, arrays, { call, lengths, states, inputs }) {
  const own = model.description, state = model._state(), first = bytes(states), given = { ...lengths };
  const memory = () => new Uint8Array(model._memory.buffer);
  memory().set(first, state);
  for (const input of own.inputs) {
    given[input.name] = new arrays[input.kind](bytes(inputs[input.name]).buffer);
  }
  const outputs = model._call(call, state, given);
  const after = memory().slice(state, state + first.length);
  model._give(state, own.state);
  const found = Object.fromEntries(Object.entries(outputs).map(([name, array]) => [name, text(array)]));
  return { states: text(after), outputs: found };
}
