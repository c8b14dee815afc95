// Two runs: what changed in score, settings, data and answers.

import { get } from "./api.js";
import { marked } from "./diff.js";
import { h, link, screen, show } from "./dom.js";
import { pager } from "./pager.js";
import { badge, filled, head, labelled, option, plural, score, stateWords, table } from "./parts.js";

const asked = new URLSearchParams(location.search);
const result = h("div", { "aria-live": "polite" });
let a = asked.get("a") ?? "", b = asked.get("b") ?? "", page = 0;

async function load() {
  const { runs } = await get("overview");
  const usable = runs.filter((run) => run.state !== "damaged");
  if (usable.length < 2) return show(screen, head("Compare", [["Start", "/"]]), h("p", { class: "empty" }, "Two runs are needed to compare. Climb a job again with other settings, and both are here."));
  a ||= usable[1].path;
  b ||= (usable.find((run) => run.path !== a && run.job === usable.find((one) => one.path === a)?.job) ?? usable.find((run) => run.path !== a)).path;
  const select = (value, set) => h("select", { onchange: (event) => { set(event.target.value); page = 0; draw(); } }, usable.map((run) => option(run.path, `${run.name}: ${stateWords(run.state)}${run.score === null ? "" : `, ${score(run.score)}`}`, value)));
  show(screen, head("Compare", [["Start", "/"]]),
    h("div", { class: "filters two" }, labelled("First run", select(a, (value) => { a = value; })), labelled("Second run", select(b, (value) => { b = value; }))), result);
  draw();
}

function draw() {
  history.replaceState(null, "", link("compare", { a, b }));
  show(result, h("p", { class: "loading", role: "status" }, "Comparing…"));
  return filled(result, async () => {
    const found = await get("compare", { a, b, page });
    show(result, verdict(found), settings(found), data(found), answers(found));
  });
}

const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);

function verdict({ runs, states, doubts, difference }) {
  const sure = difference && (difference.interval.low > 0 || difference.interval.high < 0);
  return h("section", h("h2", "Score"),
    table("The two runs", ["Run", "State", "Rung", ["Score", "n"], ["Bounds", "n"]], runs.map((run, i) => h("tr", h("th", { scope: "row" }, h("a", { href: link("run", { path: run.path }) }, run.name)), h("td", badge(states[i]), doubts[i] && h("small", doubts[i])), h("td", run.rung), h("td", { class: "n" }, score(run.score)), h("td", { class: "n" }, run.low === null ? "" : `${score(run.low)} to ${score(run.high)}`)))),
    difference ? h("p", "On the same test examples, the second scores ", h("b", signed(-difference.mean)), ` against the first, bounds ${signed(-difference.interval.high)} to ${signed(-difference.interval.low)}. `, sure ? "The difference is proven: its bounds exclude 0." : "The difference is not proven: its bounds include 0.")
      : h("p", { class: "note" }, "Their scores cannot be compared: one is not finished or not verified, or the test examples or the metric differ."));
}

function settings({ settings: changed }) {
  const rows = Object.entries(changed);
  return h("section", h("h2", "Settings"), rows.length === 0 ? h("p", { class: "soft" }, "All settings are the same.")
    : table("Settings that differ", ["Setting", "First", "Second"], rows.map(([name, [one, other]]) => h("tr", h("th", { scope: "row", class: "mono" }, name), h("td", { class: "text" }, one), h("td", { class: "text" }, other)))));
}

function data({ parts, inputs }) {
  const rows = Object.entries(parts);
  return h("section", h("h2", "Data"),
    rows.length > 0 && table("Examples of each part", ["Part", ["First", "n"], ["Second", "n"], ["In both", "n"]], rows.map(([name, numbers]) => h("tr", h("th", { scope: "row" }, name), numbers.map((number) => h("td", { class: "n" }, number))))),
    h("p", inputs.length ? `These files differ: ${inputs.join(", ")}.` : "Guidelines, metric files and other inputs are the same."));
}

function answers({ rows, pages, total, common, same }) {
  return h("section", h("h2", "Answers"),
    common === 0 ? h("p", { class: "soft" }, "There are no test questions that both have answered.") : h("p", `${plural(same, "answer")} of ${common} ${same === 1 ? "is" : "are"} the same${total ? `; ${plural(total, "differs", "differ")}, the largest change of the score first` : ""}.`),
    rows.map((row) => h("article", { class: "question" }, h("p", { class: "text asked" }, row.question), h("div", { class: "sides" },
      h("section", { class: "ideal" }, h("h3", "Ideal answer"), h("div", { class: "text" }, row.ideal)),
      row.texts.map((text, i) => h("section", h("h3", i ? "Second " : "First ", h("span", { class: "soft" }, score(row.values[i]))), h("div", { class: "text" }, marked(text, row.ideal))))))),
    pager(page, pages, (to) => { page = to; draw(); }));
}

filled(screen, load);
