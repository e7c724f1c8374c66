/** What a call takes: an array for each input by name, or one array where there is one input. */
export type Inputs = __INPUTS__;
/** What a call gives: an array for each output by name. */
export interface Outputs {
__OUTPUTS__
}

/** What the model remembers between steps, by name. */
export interface States {
__STATES__
}

/** Load the model: from the .wasm file beside this module, another URL, a Response or bytes. */
export function load(
  source?: URL | string | Response | ArrayBuffer | Uint8Array | WebAssembly.Module,
): Promise<Model>;

export class Model {
  /** A stream: one step after the other, from these states on, by name, else from the first ones; a
   * model of whole sequences has none. */
  stream(states?: Partial<States>): Stream;
  /** The outputs of a whole sequence; the inputs hold all steps, the first step first. */
  run(inputs: Inputs): Outputs;
}

export class Stream {
  /** One step. */
  step(inputs: Inputs): Outputs;
  /** Several steps, whose inputs lie one after the other; so do their outputs. */
  run(inputs: Inputs): Outputs;
  /** A copy of each state by name, for `stream` of this model or another. */
  states(): States;
  /** Begin a new sequence. */
  reset(): void;
  /** A copy of the state, for `restore`. */
  save(): Uint8Array;
  /** Go on from a state that was saved. */
  restore(state: Uint8Array): void;
  /** Give the state's memory back. */
  close(): void;
}
