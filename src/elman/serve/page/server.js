// The server's native protocol: one-shot requests, events and sessions. Addresses are relative to
// the page, so that it works behind a proxy's prefix, too.

const CLOSED = {
  1001: "the server ended the session, as nothing came for a while",
  1006: "the connection to the server was lost or refused",
  1009: "what was sent is too large for the server",
  1012: "the server is ending",
  1013: "too many sessions are open: try again later",
};

/** What the server refuses, in its own words. */
export class Refused extends Error {
  constructor(code, message) {
    super(sentence(message));
    this.code = code;
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The content of a file or array as the server takes it within JSON. */
export async function encoded(content, form = {}) {
  const address = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error("The file cannot be read"));
    reader.readAsDataURL(content instanceof Blob ? content : new Blob([content]));
  });
  return { base64: address.slice(address.indexOf(",") + 1), ...form };
}

export class Server {
  constructor(token) {
    this.token = token;
  }

  async models() {
    return (await this.json("v1/models")).data;
  }

  async json(address) {
    return (await this.#fetch(address)).json();
  }

  /** The prediction for one input; an error in words where there is none. */
  async predict(name, input, options = {}, signal = undefined) {
    const response = await this.#post(`${path(name)}/predict`, { inputs: [input], options }, signal);
    const [found] = (await response.json()).predictions;
    if (found.error !== null) throw new Refused("bad_input", found.error);
    return found;
  }

  /** The events of a session's answer to one input, as [event, content]. */
  async *stream(name, input, options, signal) {
    const response = await this.#post(`${path(name)}/stream`, { input, options }, signal);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const [event, data] = block.split("\n").map((line) => line.slice(line.indexOf(": ") + 2));
        const content = JSON.parse(data);
        if (event === "error") throw new Refused(content.error.code, content.error.message);
        yield [event, content];
      }
    }
  }

  session(name) {
    return new Session(new URL(`${path(name)}/session`, document.baseURI), this.token);
  }

  #post(address, content, signal) {
    const headers = { "content-type": "application/json" };
    return this.#fetch(address, { method: "POST", headers, body: JSON.stringify(content), signal });
  }

  /** The response to a request, whatever its status is. */
  async send(address, { headers = {}, ...given } = {}) {
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    try {
      // without credentials the browser asks for no password of its own
      return await fetch(address, { ...given, headers, credentials: "omit", cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused("lost", "the server does not answer: it may have ended, or the network is down");
    }
  }

  async #fetch(address, given) {
    const response = await this.send(address, given);
    if (response.ok) return response;
    const told = await response.json().catch(() => ({}));
    const { code = "internal", message = `the server answers with status ${response.status}` } = told.error ?? {};
    throw new Refused(code, message);
  }
}

const path = (name) => `v1/models/${encodeURIComponent(name)}`;

/** A session over a WebSocket; each message has one answer, in order. */
export class Session {
  #waiting = [];
  #error = null;

  /** `onnew`: called with what is new before the answer to an input is complete. */
  constructor(address, token, onnew = () => {}) {
    this.onnew = onnew;
    this.onlost = () => {};
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const protocols = token ? ["elman", `bearer64.${base64url(token)}`] : ["elman"];
    this.socket = new WebSocket(address, protocols);
    this.socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve) => { this.socket.onopen = resolve; });
    this.socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.#end(code);
  }

  start(options, binary) {
    return this.#ask({ type: "start", options, ...(binary ? { binary } : {}) });
  }

  input(input, options = {}) {
    return this.#ask(input instanceof ArrayBuffer ? input : { type: "input", input, options });
  }

  finish() {
    return this.#ask({ type: "finish" });
  }

  /** Bytes that the network has not taken yet. */
  get backlog() {
    return this.socket.bufferedAmount;
  }

  close() {
    this.onlost = () => {};
    this.socket.close();
  }

  async #ask(message) {
    if (this.#error) throw this.#error;
    const answer = new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const send = () => this.socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
    if (this.socket.readyState === WebSocket.CONNECTING) this.opened.then(send);
    else if (this.socket.readyState === WebSocket.OPEN) send();
    return answer;
  }

  #take(message) {
    if (message.type === "partial") {
      this.onnew(message.new);
    } else if (message.type === "error") {
      this.last = new Refused(message.error.code, message.error.message);
      this.#waiting.shift()?.reject(this.last);
    } else {
      this.#waiting.shift()?.resolve(message);
    }
  }

  #end(code) {
    this.#error = this.last ?? new Refused("lost", CLOSED[code] ?? `the server closed the session (${code})`);
    for (const each of this.#waiting.splice(0)) each.reject(this.#error);
    this.onlost(this.#error);
  }
}
