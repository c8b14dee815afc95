// What a preparation has found, before the job is made: counts, examples, what was left out, and private data.

import { post } from "./api.js";
import { h, link, show } from "./dom.js";
import { action, count, dialog, errorBox, plural, say, table } from "./parts.js";

const listed = (counts) => Object.entries(counts ?? {}).sort(([, a], [, b]) => b - a).map(([kind, number]) => `${kind} ${count(number)}`).join(", ");

export function found(box, now, id, again, back) {
  const { result } = now;
  const stops = result.obstacles ?? [];
  show(box,
    h("section", { class: "verdict" }, h("p", { class: "big" }, `${plural(result.kept ?? now.examples.length, "example")} for “${now.name}”`),
      h("p", `From ${plural(result.read ?? 0, "draft")}. ${listed(result.dropped) ? `Left out: ${listed(result.dropped)}.` : "Nothing was left out."}`),
      result.split && Object.keys(result.split).length > 0 && h("p", `For training, for choices, and for the verdict: ${Object.values(result.split).map(count).join(" / ")}.`),
      stops.length > 0 && h("div", { class: "error" }, h("p", h("b", "This job cannot be climbed yet:")), h("ul", stops.map((one) => h("li", one)))),
      result.warnings?.length > 0 && h("details", h("summary", plural(result.warnings.length, "warning")), h("ul", result.warnings.map((one) => h("li", one)))),
      h("div", { class: "actions" },
        action("Make the job", async () => { const { path } = await post("preview/create", { id }); location.assign(link("job", { path })); }, { class: "main", id: "create" }),
        h("a", { class: "button", href: back }, "Back to the files"), h("span", { class: "soft" }, "Until you make it, nothing is in your folder."))),
    privateData(now, id, again),
    h("section", h("h2", "Examples"), folded(now.examples)),
    now.dropped.length > 0 && h("section", h("h2", "Left out"), h("p", { class: "soft" }, "The first ones. In the job, you can keep or correct each."), folded(now.dropped)),
    now.changed.length > 0 && h("section", h("h2", "Changed or noticed"), folded(now.changed, 3)),
    h("section", h("h2", "Files"), h("details", h("summary", "job.toml, as it will be"), h("pre", { class: "log", tabindex: "0" }, now.job_file)), h("details", h("summary", "The report"), h("pre", { class: "log", tabindex: "0" }, now.report))));
}

function folded(examples, most = 6) {
  const rest = examples.slice(most);
  return [examples.slice(0, most).map(example), rest.length > 0 && h("details", h("summary", `${rest.length} more`), rest.map(example))];
}

function example(one) {
  return h("article", { class: "question" },
    one.why.length > 0 && h("p", { class: "small" }, one.why.map((why) => h("span", { class: "pair" }, h("b", why.kind), why.text && `: ${why.text}`))),
    h("div", { class: "turns" }, one.messages.map((message) => h("p", { class: message.role }, h("b", `${message.role}: `), h("span", { class: "text" }, message.content)))),
    h("p", { class: "soft small mono" }, one.source));
}

function privateData(now, id, again) {
  if (!now.values.length) return h("section", h("h2", "Private data"), h("p", { class: "soft" }, "None was found."));
  let changed = 0;
  const note = h("p", { class: "soft", role: "status" });
  const failed = (error) => dialog("This did not work", [errorBox(error)], [["Close", null]]);
  const decide = async (value, decision, as) => {
    await post("preview/decide", { id, kind: "value", key: value.value, decision, ...(decision === "edit" ? { as } : {}) });
    changed++;
    note.textContent = `${plural(changed, "decision")}, applied when the files are looked at again.`;
    say("Saved.");
  };
  return h("section", h("h2", "Private data"), h("p", { class: "soft" }, "What was found, and what stands in its place. Change the replacement, or keep the value."),
    table("Private data", ["Kind", "Value", "In its place", ["Times", "n"], "Decision"], now.values.map((value) => {
      const as = h("input", { type: "text", "aria-label": `In place of ${value.text}` });
      as.value = value.as ?? "";
      as.addEventListener("change", () => decide(value, "edit", as.value).catch((error) => { as.value = value.as ?? ""; failed(error); }));
      const select = h("select", { "aria-label": `Decision about ${value.text}` }, [["", "replace"], ["keep", "keep as it is"], ["drop", "leave its examples out"]].map(([word, label]) => h("option", { value: word, selected: word === value.decision }, label)));
      select.addEventListener("change", () => decide(value, select.value).catch((error) => { select.value = value.decision; failed(error); }));
      return h("tr", h("td", { "data-label": "Kind" }, value.kind), h("td", { "data-label": "Value", class: "text" }, value.text), h("td", { "data-label": "In its place" }, as), h("td", { class: "n", "data-label": "Times" }, value.times), h("td", { "data-label": "Decision" }, select));
    }), { class: "stack" }),
    now.more_values > 0 && h("p", { class: "note" }, `${plural(now.more_values, "more value")} will be treated in the same way. Once the job is made, all are in its file review.jsonl.`), note,
    action("Look at the files again", async () => { await post("preview/again", { id }); again(); }));
}
