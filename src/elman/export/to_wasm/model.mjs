// A recurrent network exported by elman. It lies in the .wasm file beside this one, which needs
// nothing from outside; __NAME__.d.ts describes what is here.
const DESCRIPTION = __DESCRIPTION__;
/** The kinds of arrays that inputs and outputs have. */
export const ARRAYS = { float: Float32Array, int: Int32Array, byte: Uint8Array };
const PAGE = 65536, ALIGNMENT = 64;
const ERRORS = ["", "an address is null", "an id or the number of steps is out of range"];

/** Load the model: from a URL, a Response, bytes or a WebAssembly.Module. */
export async function load(source = new URL(DESCRIPTION.file, import.meta.url)) {
  const module = source instanceof WebAssembly.Module ? source : await compiled(source);
  return new Model(await WebAssembly.instantiate(module));
}

async function compiled(source) {
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  if (source instanceof Response) return WebAssembly.compile(await source.arrayBuffer());
  const url = new URL(source, import.meta.url);
  if (url.protocol === "file:" && typeof process !== "undefined") {
    const { readFile } = await import("node:fs/promises");
    return WebAssembly.compile(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} cannot be read: ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** The network; each stream or sequence has its own state. */
export class Model {
  constructor(instance) {
    this.description = DESCRIPTION;
    this._functions = instance.exports;
    this._memory = instance.exports.memory;
    this._end = DESCRIPTION.heap;
    this._free = new Map();
    this._arrays = { size: 0, place: 0 };
  }

  /** A stream: one step after the other, from these states on, by name; else from the first ones. */
  stream(states = {}) {
    if (DESCRIPTION.form !== "step") throw new Error("the model has no step: call run");
    return new Stream(this, states);
  }

  /** The outputs of a whole sequence; inputs hold all steps, the first step first. */
  run(inputs) {
    if (DESCRIPTION.form === "step") {
      const stream = this.stream();
      try {
        return stream.run(inputs);
      } finally {
        stream.close();
      }
    }
    const state = this._state();
    try {
      return this._call("run", state, inputs);
    } finally {
      this._give(state, DESCRIPTION.state);
    }
  }

  _state() {
    const place = this._take(DESCRIPTION.state);
    if (DESCRIPTION.state) this._function("reset")(place);
    return place;
  }

  _function(name) {
    return this._functions[`${DESCRIPTION.name}_${name}`];
  }

  // Call step or run: copy the inputs in, and the outputs out. A run of a model of single steps
  // takes the arrays of all steps, one after the other.
  _call(name, state, inputs) {
    if (!DESCRIPTION.parameters[name]) throw new Error(`the model has no ${name}`);
    const own = DESCRIPTION, times = name === "run" && own.form === "step";
    const lengths = times ? { steps: wholeSteps(inputs) } : sizes(inputs);
    const arrays = [...own.inputs, ...own.outputs];
    const counts = arrays.map((array) => total(array.count, lengths) * (times ? lengths.steps : 1));
    const scratch = own.scratch ? this._function("scratch_size")(...own.scratch.map((n) => lengths[n])) : 0;
    const bytes = counts.map((count, at) => ARRAYS[arrays[at].kind].BYTES_PER_ELEMENT * count);
    const places = this._places([...bytes, scratch]);
    const given = { ...lengths, state, scratch: places[arrays.length] };
    arrays.forEach((array, at) => {
      given[array.name] = places[at];
      if (at >= own.inputs.length) return;
      const values = numbers(inputs, array);
      if (values.length !== counts[at]) {
        throw new RangeError(`${array.name} has ${values.length} numbers, ${counts[at]} are needed`);
      }
      this._view(array.kind, places[at], counts[at]).set(values);
    });
    const status = this._function(name)(...own.parameters[name].map((each) => given[each]));
    if (status) throw new RangeError(`${name}: ${ERRORS[status]}`);
    const outputs = {};
    own.outputs.forEach((output, index) => {
      const at = own.inputs.length + index;
      outputs[output.name] = this._view(output.kind, places[at], counts[at]).slice();
    });
    return outputs;
  }

  _view(kind, place, count) {
    return new ARRAYS[kind](this._memory.buffer, place, count);
  }

  // Places for arrays, one after the other in one block, which grows when it is too small.
  _places(sizes) {
    let size = 0;
    const offsets = sizes.map((each) => {
      const at = size;
      size += aligned(each) || ALIGNMENT;
      return at;
    });
    if (size > this._arrays.size) {
      if (this._arrays.size) this._give(this._arrays.place, this._arrays.size);
      const room = Math.max(size, 2 * this._arrays.size);
      this._arrays = { size: room, place: this._take(room) };
    }
    return offsets.map((at) => this._arrays.place + at);
  }

  _take(bytes) {
    const size = aligned(bytes) || ALIGNMENT, known = this._free.get(size);
    if (known?.length) return known.pop();
    const place = this._end;
    const missing = place + size - this._memory.buffer.byteLength;
    if (missing > 0) this._memory.grow(Math.ceil(missing / PAGE));
    this._end += size;
    return place;
  }

  _give(place, bytes) {
    const size = aligned(bytes) || ALIGNMENT;
    if (!this._free.has(size)) this._free.set(size, []);
    this._free.get(size).push(place);
  }
}

/** A sequence as it comes, step by step. */
export class Stream {
  constructor(model, states) {
    this._model = model;
    this._state = model._state();
    const known = this._places();
    for (const [name, values] of Object.entries(states)) {
      const own = known[name];
      if (!own) throw new TypeError(`there is no state ${name}; there is ${Object.keys(known)}`);
      if (values.length !== own.length) {
        throw new RangeError(`the state ${name} has ${own.length} numbers, not ${values.length}`);
      }
      own.set(values);
    }
  }

  /** A copy of each state by name, for `model.stream`. */
  states() {
    return Object.fromEntries(Object.entries(this._places()).map(([name, own]) => [name, own.slice()]));
  }

  /** One step: its inputs to its outputs. */
  step(inputs) {
    return this._model._call("step", this._place(), inputs);
  }

  /** Several steps, whose inputs lie one after the other; so do their outputs. */
  run(inputs) {
    return this._model._call("run", this._place(), inputs);
  }

  /** Begin a new sequence. */
  reset() {
    this._model._function("reset")(this._place());
  }

  /** A copy of the state, for `restore`. */
  save() {
    const place = this._place();
    return new Uint8Array(this._model._memory.buffer).slice(place, place + DESCRIPTION.state);
  }

  /** Go on from a state that was saved. */
  restore(state) {
    if (state.length !== DESCRIPTION.state) {
      throw new RangeError(`a state has ${DESCRIPTION.state} bytes, not ${state.length}`);
    }
    new Uint8Array(this._model._memory.buffer).set(state, this._place());
  }

  /** Give the state's memory back; the stream cannot be used any more. */
  close() {
    if (this._state === null) return;
    this._model._give(this._state, DESCRIPTION.state);
    this._state = null;
  }

  _places() {
    let place = this._place();
    const found = {};
    for (const { name, count } of DESCRIPTION.states) {
      found[name] = this._model._view("float", place, count);
      place += 4 * count;
    }
    return found;
  }

  _place() {
    if (this._state === null) throw new Error("the stream is closed");
    return this._state;
  }
}

function numbers(inputs, input) {
  const single = ArrayBuffer.isView(inputs) || Array.isArray(inputs);
  const given = single && DESCRIPTION.inputs.length === 1 ? inputs : inputs[input.name];
  if (given?.length === undefined) throw new TypeError(`the input ${input.name} is missing`);
  return given;
}

// The steps that the inputs of a model of single steps hold.
function wholeSteps(inputs) {
  const [input] = DESCRIPTION.inputs, { length } = numbers(inputs, input);
  const steps = length / total(input.count, {});
  if (!Number.isInteger(steps)) {
    throw new RangeError(`${input.name} has ${length} numbers, which are no whole steps`);
  }
  return steps;
}

// How long the inputs are, by name: as they are given, else from the number of their elements.
function sizes(inputs) {
  const found = {};
  for (const name of DESCRIPTION.lengths) if (Number.isInteger(inputs[name])) found[name] = inputs[name];
  for (const input of DESCRIPTION.inputs) {
    const open = DESCRIPTION.lengths.filter((n) => !(n in found) && input.count.some(([names]) => names.includes(n)));
    if (open.length !== 1) continue;
    const { length } = numbers(inputs, input), none = total(input.count, { ...found, [open[0]]: 0 });
    const size = (length - none) / (total(input.count, { ...found, [open[0]]: 1 }) - none);
    if (!Number.isInteger(size) || size < 0) {
      throw new RangeError(`${input.name} has ${length} numbers, which are no whole steps`);
    }
    found[open[0]] = size;
  }
  const missing = DESCRIPTION.lengths.find((name) => !(name in found));
  if (missing) throw new TypeError(`the number ${missing} is missing`);
  return found;
}

// A number of elements: a sum of factors times products of lengths, some of them less a number.
function total(count, lengths) {
  const size = (name) => {
    const [base, less] = name.split("_less_");
    return less ? Math.max(0, lengths[base] - less) : lengths[base];
  };
  return count.reduce((sum, [names, factor]) => sum + names.reduce((product, n) => product * size(n), factor), 0);
}

function aligned(bytes) {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
