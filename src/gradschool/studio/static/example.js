// One example in full: its conversation, what was found, its tokens; and the decision about it.

import { get, post, StudioError } from "./api.js";
import { h, path, show, update } from "./dom.js";
import { action, badge, dialog, errorBox, filled, labelled, pictures, plural, say, when } from "./parts.js";

export async function openExample(n, run, facets, decided) {
  const content = h("div", h("p", { class: "loading", role: "status" }, "Loading…"));
  const box = dialog("Example", [content], [["Close", null]], { class: "big" });
  const load = () => filled(content, async () => draw(await get("example", { path, run, n })));
  const draw = (one) => {
    box.querySelector("h2").textContent = `Example ${one.id}`;
    const { prepared } = facets.about;
    const fields = one.messages.map(field);
    box.unsaved = () => fields.some(([, area], i) => area.value !== one.messages[i].content);
    const problem = h("div"), tokens = h("div", { "aria-live": "polite" });
    const read = () => fields.map(([role, area]) => ({ role, content: area.value }));
    const decide = async (decision) => {
      show(problem);
      try {
        await post("decide", { path, run, n, item: one.item, version: one.version, decision, ...(decision === "edit" ? { messages: read() } : {}) });
        decided(decision);
        say("Saved in review.jsonl.");
        await load();
      } catch (error) {
        show(problem, errorBox(error), error.now && conflict(error.now));
      }
    };
    update(content,
      h("p", { class: "line soft small" }, badge(one.state === "dropped" ? "stopped" : one.state === "kept" ? "done" : "waiting", one.state), one.part && h("span", `part: ${one.part}`), one.label && h("span", `label: ${one.label}`), one.grouped && h("span", `group: ${one.grouped}`), h("span", { class: "mono" }, one.source)),
      one.decision && h("p", h("b", `Decision: ${one.decision}`), one.by && ` by ${one.by}`, one.at && [", ", when(Date.parse(one.at) / 1000)]),
      one.why.length > 0 && h("ul", one.why.map((why) => h("li", h("b", why.kind), why.text && `: ${why.text}`))),
      one.images.length > 0 && h("p", pictures(one.images)),
      fields.map(([, , element]) => element),
      one.before.length > 0 && h("details", h("summary", "As it was read"), h("div", { class: "turns" }, one.before.map((message) => h("p", h("b", `${message.role}: `), h("span", { class: "text" }, message.content))))),
      problem,
      h("div", { class: "actions decide" }, action("Keep as it was read", () => decide("keep"), { id: "keep" }), action("Drop", () => decide("drop"), { id: "drop" }), action("Save the correction", () => decide("edit"), { class: "main", id: "edit" }), one.decision && action("No decision", () => decide(""), { class: "quiet" }), h("span", { class: "soft small" }, prepared ? "It counts when the job is prepared again." : "It counts from the next climb on; the file stays as it is.")),
      h("div", { class: "actions" }, action("Show the tokens", () => filled(tokens, async () => {
        show(tokens, h("p", { class: "soft", role: "status" }, "Reading the tokens with the base of the job; the first time takes some seconds…"));
        const found = await post("tokens", { path, messages: read() });
        show(tokens, found.segments.length === 0 ? h("p", { class: "soft" }, "The base is not on this machine: its tokens cannot be shown.")
          : [h("p", { class: "soft small" }, `${plural(found.tokens, "token")} of ${found.base}, ${found.trained} of them trained on, which are marked.`), h("pre", { class: "log tokens", tabindex: "0" }, found.segments.map(([text, trained]) => trained ? h("mark", text) : text))]);
      }), { class: "quiet" })), tokens);
  };
  await load();
}

function field({ role, content }) {
  const area = h("textarea", { dir: "auto", rows: Math.min(14, Math.max(2, Math.ceil(content.length / 90) + content.split("\n").length - 1)) });
  area.value = content;
  const words = { system: "Instructions", user: "Question", assistant: "Answer" };
  return [role, area, h("div", { class: `turn ${role}` }, labelled(words[role] ?? role, area))];
}

function conflict(now) {
  return h("div", { class: "note" }, h("p", h("b", "What is there now: "), now.decision || "no decision"), (Array.isArray(now.messages) ? now.messages : []).map((one) => h("p", h("b", `${one.role}: `), h("span", { class: "text" }, one.content))),
    h("p", { class: "soft" }, "Close this example and open it again to decide on that. Your text is still above: copy it first."));
}

export function addExample(facets, done) {
  const fields = [{ role: "user", content: "" }, { role: "assistant", content: "" }].map(field);
  const box = dialog("Add an example", [h("p", { class: "soft" }, "What would someone ask, and what should be answered?"), fields.map(([, , element]) => element)], [
    ["Add", async () => {
      if (fields.some(([, area]) => !area.value.trim())) throw new StudioError({ what: "The example is not complete.", fix: "write a question and an answer." });
      const { added } = await post("examples/add", { path, messages: fields.map(([role, area]) => ({ role, content: area.value })) });
      say(`Added; ${plural(added, "example")} by hand.`);
      done();
    }, { class: "main" }], ["Cancel", null]]);
  box.unsaved = () => fields.some(([, area]) => area.value.trim());
}
