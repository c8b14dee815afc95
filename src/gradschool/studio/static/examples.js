// The examples of a job: a table of all with search and filters, and each in full, to keep, drop or correct.

import { get, post } from "./api.js";
import { openExample, addExample } from "./example.js";
import { byId, h, link, path, screen, show, update } from "./dom.js";
import { pager } from "./pager.js";
import { action, badge, count, duration, errorBox, filled, head, labelled, pictures, plural, say } from "./parts.js";

const address = new URLSearchParams(location.search);
const NAMES = ["search", "part", "state", "label", "finding", "decision", "min", "max", "sort", "run"];
const chosen = Object.fromEntries(NAMES.map((name) => [name, address.get(name) ?? ""]));
let page = Number(address.get("page") ?? 0) || 0;
let running, facets;
const list = h("div", { id: "rows" });
const bar = h("div");

async function load() {
  facets = await get("examples/counts", { path, run: chosen.run });
  show(screen,
    head("Examples", [["Start", "/"], [path.split("/").at(-1), link("job", { path })]], [
      action("Add an example", () => addExample(facets, load)),
      facets.about.prepared && action("Prepare again", again, { class: "main" })],
    h("p", { class: "soft" }, `${plural(facets.total, "example")}, ${facets.about.form}. ${facets.about.note}`)),
    facets.added > 0 && h("p", { class: "note" }, `${plural(facets.added, "example")} added by hand in added.jsonl. `, facets.remembered ? "“Prepare again” takes them in." : "To use them, name the file too: examples = [\"examples.jsonl\", \"added.jsonl\"] in job.toml."),
    facets.about.issues.length > 0 && h("details", { class: "note" }, h("summary", plural(facets.about.issues.length, "remark about the files", "remarks about the files")), h("ul", facets.about.issues.map((one) => h("li", one)))),
    filters(), bar, list);
  await draw();
}

function filters() {
  let timer;
  const later = (name) => (event) => { clearTimeout(timer); timer = setTimeout(() => set(name, event.target.value), 250); };
  const select = (name, label, options) => labelled(label, h("select", { id: `f-${name}`, onchange: (event) => set(name, event.target.value) }, h("option", { value: "" }, "all"), options.map(([value, words]) => h("option", { value, selected: value === chosen[name] }, words))));
  const counted = (name) => facets[name].map(([value, number]) => [value, `${value.slice(0, 60)} (${count(number)})`]);
  const input = (name, type) => { const field = h("input", { id: `f-${name}`, type, min: type === "number" && "0", oninput: later(name) }); field.value = chosen[name]; return field; };
  return h("form", { class: "filters tight", role: "search", onsubmit: (event) => event.preventDefault() },
    labelled("Search", input("search", "search")),
    select("part", "Part", counted("part")), select("state", "State", counted("state")), select("finding", "Finding", counted("findings")),
    facets.label.length > 0 && select("label", "Label", counted("label")),
    select("decision", "Decision", [["none", "none yet"], ...counted("decision")]),
    h("div", { class: "pairfield" }, labelled("Shortest", input("min", "number")), labelled("Longest", input("max", "number"))),
    labelled("Order", h("select", { id: "f-sort", onchange: (event) => set("sort", event.target.value) }, [["", "as in the file"], ["shortest", "shortest first"], ["longest", "longest first"]].map(([value, words]) => h("option", { value, selected: value === chosen.sort }, words)))),
    facets.runs.length > 0 && labelled("Parts of", h("select", { onchange: (event) => { chosen.run = event.target.value; load(); } }, h("option", { value: "" }, "a climb now"), facets.runs.map((run) => h("option", { value: run, selected: run === chosen.run }, run.split("/").at(-1))))));
}

function set(name, value) {
  chosen[name] = value;
  page = 0;
  filled(list, draw);
}

async function draw() {
  history.replaceState(null, "", link("examples", { path, ...chosen, page: page || "" }));
  running?.abort();
  running = new AbortController();
  list.setAttribute("aria-busy", "true");
  const found = await get("examples", { path, ...chosen, page }, running.signal);
  list.removeAttribute("aria-busy");
  update(bar, h("div", { class: "row" }, h("output", { class: "soft" }, `${plural(found.fitting, "example")} of ${count(facets.total)}`), pager(page, found.pages, go)));
  show(list, found.rows.length === 0 ? h("p", { class: "empty" }, facets.total ? "No example fits these filters." : "There are no examples.") : table(found.rows), found.rows.length > 20 && pager(page, found.pages, go));
}

function go(to) {
  page = to;
  filled(list, draw).then(() => byId("rows").scrollIntoView({ block: "start" }));
}

function table(rows) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Examples" }, h("table", { class: "stack examples" },
    h("thead", h("tr", ["Question", "Ideal answer", "Length", "Part", "State", "Findings"].map((one) => h("th", { scope: "col", class: one === "Length" && "n" }, one)))),
    h("tbody", rows.map(line))));
}

function line(row) {
  const open = () => openExample(row.n, chosen.run, facets, (decision) => { row.decision = decision; byId(`row-${row.n}`)?.replaceWith(line(row)); });
  return h("tr", { id: `row-${row.n}`, class: row.decision && `decided-${row.decision}` },
    h("td", { "data-label": "Question" }, h("button", { type: "button", class: "cell", id: `open-${row.n}`, onclick: open, "aria-label": row.question ? undefined : `Open ${row.id}` }, pictures(row.images), row.question || (row.images.length === 0 && h("span", { class: "soft" }, "(no question)")))),
    h("td", { "data-label": "Ideal answer" }, row.ideal), h("td", { class: "n", "data-label": "Length" }, count(row.length)), h("td", { "data-label": "Part" }, row.part),
    h("td", { "data-label": "State" }, badge(row.state === "dropped" ? "stopped" : row.state === "kept" ? "done" : "waiting", row.state), row.decision && h("small", `decision: ${row.decision}`)),
    h("td", { "data-label": "Findings" }, row.findings.join(", ")));
}

async function again() {
  await post("prepare", { path });
  say("The preparation is in the queue. Its result appears here when it has ended.");
}

document.addEventListener("work", ({ detail }) => {
  const mine = detail.filter((one) => one.kind === "prepare" && one.about.job === path).at(-1);
  if (!mine || mine.state === again.state) return;
  const before = again.state;
  again.state = mine.state;
  if (before && mine.state === "done") { say("Prepared again."); filled(screen, load); }
  if (before && mine.state === "failed") show(bar, errorBox({ what: "The preparation failed.", why: mine.said.trim().split("\n").slice(-4).join("\n"), fix: "read all that it said in the queue; the job is as it was before." }));
});

const waiting = h("p", { class: "soft", role: "status" }, "Reading the examples…"), waited = h("progress", { max: "1", "aria-label": "Reading the examples" }), since = h("p", { class: "soft small" });
document.addEventListener("working", ({ detail: { doing, done, total, seconds } }) => {
  if (!waiting.isConnected) show(bar.isConnected ? bar : screen, waiting, waited, since);
  if (!waiting.textContent.startsWith(doing)) waiting.textContent = `${doing}…`; // so that it is read out once
  if (total) waited.value = done / total;
  else waited.removeAttribute("value");
  since.textContent = `${total ? `${count(done)} of ${count(total)} · ` : ""}${duration(seconds)} so far. The table is made once, and again when the data has changed.`;
});
show(screen, head("Examples", [["Start", "/"]]), h("div", { class: "making" }, waiting, waited, since));
filled(screen, load);
