// The token of the server, which both pages ask for and keep for the tab.

import { Notice, field, h } from "./dom.js";
import { Server } from "./server.js";

const KEPT = "elman-token"; // in this tab's storage, until it is closed

/** The server, with the token that was entered before. */
export const known = () => new Server(sessionStorage.getItem(KEPT));

/** The server without a token, which is kept no more. */
export function forgotten() {
  sessionStorage.removeItem(KEPT);
  return new Server(null);
}

/** A form that asks for the token; `entered` gets the server that knows it. */
export function tokenForm(entered) {
  const notice = new Notice();
  const input = h("input", { type: "password", autocomplete: "off", required: true });
  const enter = async (event) => {
    event.preventDefault();
    const asked = new Server(input.value.trim());
    try {
      await asked.models();
    } catch (error) {
      notice.fail(error.code === "unauthorized" ? new Error("The server does not know this token") : error);
      input.focus();
      return;
    }
    sessionStorage.setItem(KEPT, asked.token);
    entered(asked);
  };
  const form = h("form", { class: "panel", onsubmit: enter },
    field("Token", input, { hint: "Whoever runs this server has it. It is kept until this tab is closed." }),
    h("div", { class: "row" }, h("button", { class: "first" }, "Enter")), notice.element);
  return { form, input };
}
