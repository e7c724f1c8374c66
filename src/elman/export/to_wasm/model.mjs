// A recurrent network exported by elman. It lies in the .wasm file beside this one, which needs
// nothing from outside; __NAME__.d.ts describes what is here.
const DESCRIPTION = __DESCRIPTION__;
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

  /** A stream: one step after the other, from the first state on. */
  stream() {
    if (DESCRIPTION.form !== "step") throw new Error("the model has no step: call run");
    return new Stream(this);
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
      return this._call("run", state, inputs, this._steps(inputs));
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

  _steps(inputs) {
    const counts = DESCRIPTION.inputs.map((input) => {
      const given = numbers(inputs, input);
      const steps = (given.length - (input.count[0] ?? 0)) / (input.count[1] || input.count[0]);
      return DESCRIPTION.form === "step" ? given.length / input.count[0] : steps;
    });
    const steps = counts.find((_, at) => DESCRIPTION.form === "step" || DESCRIPTION.inputs[at].count[1]) ?? 0;
    if (!Number.isInteger(steps) || steps < 0) {
      const wrong = DESCRIPTION.inputs[0];
      throw new RangeError(`${wrong.name} has ${numbers(inputs, wrong).length} numbers, which are no whole steps`);
    }
    return steps;
  }

  // Call step or run: copy the inputs in, and the outputs out.
  _call(name, state, inputs, steps) {
    const own = DESCRIPTION, isStep = own.form === "step";
    const size = (count) => (isStep ? count[0] * steps : total(count, steps));
    const sizes = [...own.inputs, ...own.outputs].map((array) => size(array.count));
    const scratch = isStep ? 0 : 4 * total(own.scratch, steps);
    const places = this._places([...sizes.map((count) => 4 * count), scratch]);
    own.inputs.forEach((input, at) => {
      const given = numbers(inputs, input);
      if (given.length !== sizes[at]) {
        throw new RangeError(`${input.name} has ${given.length} numbers, ${sizes[at]} are needed`);
      }
      this._view(input.kind).set(given, places[at] / 4);
    });
    const given = places.slice(0, own.inputs.length);
    const made = places.slice(own.inputs.length, sizes.length);
    const first = isStep ? [state] : own.states ? [state, places[sizes.length]] : [places[sizes.length]];
    const status = name === "step"
      ? this._function(name)(...first, ...given, ...made)
      : this._function(name)(...first, ...given, steps, ...made);
    if (status) throw new RangeError(`${name}: ${ERRORS[status]}`);
    const outputs = {};
    own.outputs.forEach((output, at) => {
      const start = made[at] / 4;
      outputs[output.name] = this._view(output.kind).slice(start, start + sizes[own.inputs.length + at]);
    });
    return outputs;
  }

  _view(kind) {
    if (this._floats?.buffer !== this._memory.buffer) {
      this._floats = new Float32Array(this._memory.buffer);
      this._wholes = new Int32Array(this._memory.buffer);
    }
    return kind === "float" ? this._floats : this._wholes;
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
  constructor(model) {
    this._model = model;
    this._state = model._state();
  }

  /** One step: its inputs to its outputs. */
  step(inputs) {
    return this._model._call("step", this._place(), inputs, 1);
  }

  /** Several steps, whose inputs lie one after the other; so do their outputs. */
  run(inputs) {
    return this._model._call("run", this._place(), inputs, this._model._steps(inputs));
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

function total(count, steps) {
  return count.reduceRight((sum, factor) => sum * steps + factor, 0);
}

function aligned(bytes) {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
