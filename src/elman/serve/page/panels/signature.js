// Several signatures of one person, and another one beside them.

import { Notice, button, h, percent } from "../dom.js";
import { Pad, drawing } from "../ink.js";

const KNOWN = ["pressure"]; // what a browser's pen tells, beside place and time

export function panel(model, server, place) {
  const notice = new Notice();
  const needed = model.input.references;
  let enrolled = [];
  const list = h("ol", { class: "list" });
  const title = h("h2");
  const answer = h("p", { class: "answer", role: "status" });
  const result = h("section", { class: "card", "aria-label": "Decision", hidden: true }, answer);
  const share = h("p", { class: "hint" });
  result.append(share);

  const pad = new Pad({ label: "Signature", low: true, notice, ondone: () => update() });

  function signature() {
    if (pad.strokes.flat().length < 2) throw new Error("Sign in the field first");
    return pad.strokes;
  }

  function update() {
    title.textContent = `Enrolled: ${enrolled.length}`;
    list.replaceChildren(...enrolled.map((each, i) => h("li", {},
      drawing(each, `Reference ${i + 1}`),
      button("Remove", () => { enrolled = enrolled.filter((other) => other !== each); update(); },
        { class: "plain", "aria-label": `Remove reference ${i + 1}` }))));
    verify.disabled = !enrolled.length || !pad.strokes.length;
    enrol.disabled = !pad.strokes.length;
    if (!pad.strokes.length) result.hidden = true;
  }

  const enrol = button("Enrol as reference", notice.guard(() => {
    enrolled = [...enrolled, signature()];
    pad.clear();
    const left = needed - enrolled.length;
    notice.say(left > 0 ? `${enrolled.length} enrolled, ${left} more make the usual number` : `${enrolled.length} enrolled: now sign to be verified`);
  }));
  const verify = button("Verify", notice.guard(async () => {
    notice.say("Comparing");
    const { value, details } = await server.predict(model.id, { references: enrolled, signature: signature() });
    answer.textContent = value ? "Taken as genuine" : "Not taken as genuine";
    answer.className = `answer ${value ? "good" : "bad"}`;
    share.textContent = `Probability that it is genuine: ${percent(details.probability)}; from ${percent(model.output.threshold)} on it is taken as such.`;
    result.hidden = false;
    notice.say("");
  }), { class: "first" });

  const unknown = model.input.channels.filter((each) => !KNOWN.includes(each));
  place.append(
    h("p", { class: "hint" }, `Sign ${needed} times and enrol each; then sign once more and verify. The references stay on this page, and are forgotten with it.`),
    ...(unknown.length ? [h("p", { class: "error" }, `This model reads the pen's ${unknown.join(" and ")}, which this page cannot send.`)] : []),
    pad.element, h("div", { class: "row" }, pad.buttons, enrol, verify), notice.element, result,
    h("p", { class: "hint" }, h("strong", {}, "This is no legal proof. "),
      "The decision is a statistical estimate, which is wrong at times: it neither proves nor disproves who signed."),
    h("section", { "aria-label": "References" }, title, list), pad.typed);
  update();
}
