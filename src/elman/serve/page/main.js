// Which models there are, and the panel of the chosen one. A panel is chosen by the forms of a
// model's input and output, as the server tells them; whatever has no panel of its own gets JSON.

import { Notice, button, h } from "./dom.js";
import { forgotten, known, tokenForm } from "./token.js";

const PANELS = {
  "text>labels": "classify",
  "sound>labels": "classify",
  "features>labels": "classify",
  "text>writing": "language",
  "sound>transcript": "speech",
  "table>forecast": "forecast",
  "text>text": "translate",
  "ink>labels": "handwriting",
  "ink>text": "handwriting",
  "text>ink": "synthesis",
  "nothing>ink": "synthesis",
  "signatures>verification": "signature",
  "frames>labels": "video",
  "frames>frames": "video",
  "frames>events": "video",
};

const main = document.getElementById("main");
const nav = document.getElementById("models");
const forget = document.getElementById("forget");
let server = known();
let models = [];
let leave = () => {};
let chosen = 0;

function show(...content) {
  leave();
  leave = () => {};
  main.replaceChildren(...content);
}

async function begin() {
  forget.hidden = !server.token;
  nav.replaceChildren();
  try {
    models = await server.models();
  } catch (error) {
    if (error.code === "unauthorized") askForToken();
    else showFault(error);
    return;
  }
  nav.append(h("ul", {}, models.map((each) => h("li", {}, h("a", { href: `#/${encodeURIComponent(each.id)}` }, each.id)))));
  await choose({ move: false });
}

function askForToken() {
  const { form, input } = tokenForm(async (entered) => {
    server = entered;
    await begin();
    main.focus({ preventScroll: true });
  });
  show(h("h1", {}, "A token is needed"), form);
  input.focus();
}

function showFault(error) {
  const notice = new Notice();
  show(h("h1", {}, "No models"), notice.element, button("Try again", begin));
  notice.fail(error);
}

async function choose({ move = true } = {}) {
  const asked = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  const model = models.find((each) => each.id === asked) ?? models[0];
  for (const link of nav.querySelectorAll("a")) {
    if (link.textContent === model.id) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  const name = PANELS[`${model.input.kind}>${model.output.kind}`] ?? "json";
  const number = ++chosen;
  const { panel } = await import(`./panels/${name}.js`);
  if (number !== chosen) return; // another one was chosen meanwhile
  const place = h("div", { class: "panel" });
  show(h("h1", {}, model.id), h("p", { class: "about" }, `${model.task}: ${model.description}`), place);
  leave = panel(model, server, place) ?? leave;
  document.title = `${model.id} – elman`;
  if (move) main.focus({ preventScroll: true });
}

forget.addEventListener("click", () => {
  server = forgotten();
  begin();
});
window.addEventListener("hashchange", () => models.length && choose());
begin();
