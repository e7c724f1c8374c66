// The microphone, in pieces of a tenth of a second.

import { button, h } from "./dom.js";

const PIECE = 0.1; // seconds

const REFUSED = {
  NotAllowedError: "The browser does not give the microphone to this page: allow it in the address bar",
  NotFoundError: "There is no microphone",
  NotReadableError: "The microphone is in use elsewhere",
};

class Microphone {
  static async open(onpiece) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("Browsers give the microphone only to pages over https, or from this machine");
    }
    // as it is: what a model learnt from was not made quieter or cleaner by a browser
    const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new Error(REFUSED[error.name] ?? `The microphone cannot be opened: ${error.message}`);
    }
    const context = new AudioContext();
    const found = new Microphone(stream, context, onpiece);
    try {
      await context.audioWorklet.addModule("page/capture.js");
      found.connect();
      await context.resume();
    } catch (error) {
      found.close();
      throw error;
    }
    return found;
  }

  constructor(stream, context, onpiece) {
    this.stream = stream;
    this.context = context;
    this.onpiece = onpiece;
    this.rate = context.sampleRate;
    this.piece = new Float32Array(Math.round(PIECE * this.rate));
    this.filled = 0;
  }

  connect() {
    const node = new AudioWorkletNode(this.context, "capture", { numberOfInputs: 1, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }) => this.#add(data);
    this.context.createMediaStreamSource(this.stream).connect(node).connect(this.context.destination);
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
    if (this.filled) this.onpiece(this.piece.slice(0, this.filled));
    this.onpiece = () => {};
  }

  #add(samples) {
    for (let i = 0; i < samples.length;) {
      const count = Math.min(samples.length - i, this.piece.length - this.filled);
      this.piece.set(samples.subarray(i, i + count), this.filled);
      this.filled += count;
      i += count;
      if (this.filled === this.piece.length) {
        this.filled = 0;
        this.onpiece(this.piece.slice());
      }
    }
  }
}

/** A button that starts and stops the microphone, and its level.
 *
 * `onstart(rate)`, `onpiece(samples)`, `onstop()`; `notice` shows what fails. */
export class Recorder {
  constructor({ start, stop, notice, onstart, onpiece, onstop }) {
    Object.assign(this, { start, stop, onstart, onpiece, onstop });
    this.button = button(start, notice.guard(() => this.toggle()), { class: "first", "aria-pressed": "false" });
    this.bar = h("div");
    this.level = h("div", { class: "level", "aria-hidden": "true" }, this.bar);
    this.microphone = null;
  }

  async toggle() {
    if (this.microphone) return this.end();
    this.button.disabled = true;
    try {
      const pieces = []; // before the rate is known
      let take = (piece) => pieces.push(piece);
      this.microphone = await Microphone.open((piece) => take(piece));
      await this.onstart(this.microphone.rate);
      take = (piece) => this.#take(piece);
      pieces.forEach(take);
      this.#show(true);
    } catch (error) {
      this.cancel();
      throw error;
    } finally {
      this.button.disabled = false;
    }
  }

  async end() {
    this.cancel();
    await this.onstop();
  }

  /** Stops without an answer. */
  cancel() {
    this.microphone?.close();
    this.microphone = null;
    this.#show(false);
  }

  #show(on) {
    this.button.textContent = on ? this.stop : this.start;
    this.button.setAttribute("aria-pressed", String(on));
    if (!on) this.bar.style.width = "0";
  }

  #take(piece) {
    const loudest = piece.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    this.bar.style.width = `${Math.min(100, 100 * Math.sqrt(loudest))}%`;
    this.onpiece(piece);
  }
}

/** Samples from -1 to 1 as int16. */
export const asInt16 = (samples) =>
  Int16Array.from(samples, (each) => Math.round(32767 * Math.max(-1, Math.min(1, each))));
