// The answers of every rung to the same test questions, side by side: failures and low scores first.

import { get, post } from "./api.js";
import { marked } from "./diff.js";
import { evidence } from "./evidence.js";
import { byId, h, link, path, screen, show, update } from "./dom.js";
import { pager } from "./pager.js";
import { action, count, filled, filledRun, head, labelled, option, pictures, plural, say, score, tabs } from "./parts.js";

const SHOW = {
  all: "all questions", failed: "failures", wrong: "not fully right", right: "fully right",
  better: "better than the first rung", worse: "worse than the first rung",
};
const chosen = { show: "all", rung: "", search: "", failure: "", page: 0, marks: "ideal" };
const list = h("div");
let running;

async function draw() {
  running?.abort();
  running = new AbortController();
  const { show: wanted, rung, search, failure, page } = chosen;
  const found = await get("answers", { path, show: wanted, rung, search, failure, page }, running.signal);
  if (!byId("filters")) frame(found);
  for (const name of Object.keys(SHOW)) byId(`show-${name}`).textContent = `${SHOW[name]} (${count(found.counts[name])})`;
  byId("number").textContent = `${plural(found.fitting, "question")} of ${count(found.total)}`;
  update(list, found.fitting === 0 ? h("p", { class: "empty" }, found.total ? "No question fits these filters." : "No test question has been answered yet. The base rung answers them first.") : found.questions.map((one) => question(one, found)),
    pager(chosen.page, found.pages, (to) => { chosen.page = to; filled(list, draw).then(() => scrollTo(0, 0)); }));
}

function frame(found) {
  const again = () => { chosen.page = 0; filled(list, draw); };
  let timer;
  const search = h("input", { type: "search", oninput: (event) => { clearTimeout(timer); timer = setTimeout(() => { chosen.search = event.target.value; again(); }, 250); } });
  show(screen,
    head("Result", [["Start", "/"], [path.split("/").at(-1), link("run", { path })]], [
      action("Write the report", async () => { await post("report", { path }); say("The report is in the queue; then it opens with “Open the report”."); }, { class: "quiet" }),
      h("a", { class: "button", href: link("report", { path }), target: "_blank", rel: "noopener" }, "Open the report")]),
    tabs(path, "answers"),
    h("div", { class: `verdict ${found.state.replaceAll(" ", "-")}` }, h("p", { class: "big" }, found.sentence), found.figures && h("p", found.figures)),
    found.recorded && h("p", { class: "note" }, found.recorded),
    found.note && h("p", { class: "note" }, found.note),
    evidence(found.evidence, found.chosen, (kind) => { chosen.failure = byId("failure").value = kind; again(); byId("failure").focus(); }),
    h("h2", { class: "after" }, "Answers of all rungs"),
    h("form", { id: "filters", class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      labelled("Show", h("select", { onchange: (event) => { chosen.show = event.target.value; again(); } }, Object.entries(SHOW).map(([value, label]) => h("option", { value, id: `show-${value}` }, label)))),
      labelled("By the answers of", h("select", { onchange: (event) => { chosen.rung = event.target.value; again(); } }, found.rungs.map((rung) => option(rung, rung, found.chosen)))),
      labelled("Mark what differs from", h("select", { onchange: (event) => { chosen.marks = event.target.value; again(); } }, option("ideal", "the ideal answer"), option("before", "the rung before"), option("", "nothing"))),
      found.evidence.failures.length > 0 && labelled("Failure", h("select", { id: "failure", onchange: (event) => { chosen.failure = event.target.value; again(); } }, option("", "any or none", ""), found.evidence.failures.map(({ kind }) => option(kind, kind, "")))),
      labelled("Search", search), h("output", { id: "number", class: "soft" })),
    list);
}

function question(one, found) {
  return h("article", { class: "question" },
    h("p", { class: "soft small mono" }, one.id),
    h("p", { class: "text asked" }, one.question),
    one.images.length > 0 && h("p", pictures(one.images)),
    h("div", { class: "sides" },
      h("section", { class: "ideal" }, h("h3", "Ideal answer"), h("div", { class: "text" }, one.ideal)),
      one.incumbent && h("section", h("h3", "What you have now"), h("div", { class: "text" }, one.incumbent)),
      one.answers.map((answer, i) => side(answer, one, i, found))));
}

function side(answer, one, i, found) {
  const other = chosen.marks === "ideal" ? one.ideal : chosen.marks === "before" ? one.answers[i - 1]?.text ?? "" : "";
  return h("section", { class: answer.rung === found.chosen && "chosen" },
    h("h3", answer.rung, " ", h("span", { class: "soft" }, answer.asked ? score(answer.value) : "not asked")),
    answer.failure && h("p", { class: "bad small" }, h("b", answer.failure)),
    h("div", { class: "text" }, answer.text ? marked(answer.text, other) : h("span", { class: "soft" }, answer.asked ? "(empty)" : "The verdict was certain before this question.")),
    answer.draft && h("details", h("summary", "What it withheld"), h("div", { class: "text" }, answer.draft)),
    Object.keys(answer.parts).length > 0 && h("p", { class: "soft small" }, Object.entries(answer.parts).map(([name, value]) => `${name} ${score(value)}`).join(", ")),
    answer.citations.length > 0 && h("details", h("summary", plural(answer.citations.length, "passage")), answer.citations.map((cited) =>
      h("p", { class: "small" }, h("b", `${cited.file}, line ${cited.lines[0]}`), h("br"), h("span", { class: "text" }, cited.text)))));
}

show(screen, head("Result", [["Start", "/"]]), tabs(path, "answers"), h("p", { class: "loading", role: "status" }, "The answers are scored again, so that nothing is taken on trust. The first time takes some seconds…"));
filledRun("Result", "answers", path, draw);
