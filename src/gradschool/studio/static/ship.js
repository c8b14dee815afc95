// Ship a specialist: export it for other programs, see how each form compares with it, and serve it.

import { get, post, repeat } from "./api.js";
import { h, link, path, screen, show, update } from "./dom.js";
import { action, badge, copied, errorBox, filledRun, head, labelled, option, say, score, stopWork, table, tabs, when, workBadge } from "./parts.js";

const servers = h("div"), exports = h("div");
let seen = "";

async function load() {
  const found = await get("ship", { path });
  const to = h("select", { id: "to", onchange: () => more() }, found.forms.map(({ form, about }) => option(form, `${form}: ${about}`, "ollama")));
  const format = h("select", { id: "format" }, found.formats.map((one) => option(one, one, found.format)));
  const smallest = h("input", { type: "checkbox", id: "smallest", onchange: () => more() });
  const gguf = h("div", { class: "fields" }, labelled("Number format", format, "Fewer bits make a smaller file; the tests say whether the answers stay."), h("p", h("label", { for: "smallest" }, smallest, "Find the smallest that passes: it tries formats from small to large")));
  const more = () => { gguf.hidden = !["gguf", "ollama"].includes(to.value); format.disabled = smallest.checked; };
  show(screen, head("Ship", [["Start", "/"], [path.split("/").at(-1), link("run", { path })]]), tabs(path, "ship"),
    h("section", { "aria-labelledby": "h-serve" }, h("div", { class: "row" }, h("h2", { id: "h-serve" }, "Serve it"), action("Start a server", async () => { await post("serve", { path }); say("The server starts."); await draw(); })),
      h("p", { class: "soft" }, "An address that programs for OpenAI's API can use. Only this machine can reach it."), servers),
    h("section", { "aria-labelledby": "h-export" }, h("h2", { id: "h-export" }, "Export it"),
      found.server ? h("p", { class: "note" }, `Its base is on the server ${found.server}. Only a base whose weights are on this machine can be exported; serve it, or export it where the weights are.`) : [h("p", { class: "soft" }, "Each export answers the test questions, and is kept only if it answers them as the specialist does."),
      h("div", { class: "panel first" }, h("div", { class: "fields" }, h("div", { class: "wide" }, labelled("For which program", to))), gguf, h("div", { class: "actions" }, action("Export", async () => { await post("export", { path, to: to.value, format: format.value, smallest: smallest.checked }); say("The export is in the queue."); await draw(); }, { class: "main" }))), exports]),
    h("section", h("h2", "The folder"), h("p", { class: "soft" }, "The specialist itself, with its evidence. Before you give it to others, read what it contains: examples and test questions are your data."), copied(found.specialist)));
  more();
  repeat(draw, 1.5, (error) => show(servers, errorBox(error)));
}

async function draw() {
  const found = await get("ship", { path });
  const now = JSON.stringify([found.exports, found.servers].map((list) => list.map((one) => ({ ...one, memory: 0 }))));
  if (now === seen) return;
  seen = now;
  const live = found.servers.filter((one) => !["stopped", "done"].includes(one.state));
  update(servers, live.length === 0 ? h("p", { class: "empty" }, "No server runs.") : live.map(server));
  update(exports, found.exports.length === 0 ? h("p", { class: "empty" }, "Nothing has been exported yet.") : found.exports.toReversed().map(exported));
}

function server(one) {
  return h("div", { class: "card" }, h("div", { class: "row" }, h("div", { class: "line" }, workBadge(one), one.address ? h("b", { class: "mono" }, one.address) : one.state === "running" ? "The specialist is being opened…" : one.title, h("span", { class: "soft small" }, "since ", when(one.began))),
    h("div", { class: "actions" }, ["running", "waiting", "stopping"].includes(one.state) && action("Stop", async () => { await stopWork(one.id); await draw(); }, { class: "small", id: `stop-${one.id}` }))),
  one.curl && copied(one.curl), ["failed", "killed"].includes(one.state) && h("pre", { class: "log", tabindex: "0" }, one.said.trim()));
}

function exported(one) {
  const working = ["running", "waiting", "stopping"].includes(one.state);
  return h("article", { class: "card" }, h("div", { class: "row" }, h("div", { class: "line" }, workBadge(one), h("b", one.title), h("span", { class: "soft small" }, when(one.began || one.asked))),
    h("div", { class: "actions" }, working && action("Stop", async () => { await stopWork(one.id); await draw(); }, { class: "small", id: `stop-${one.id}` }))),
  one.gone && h("p", { class: "soft" }, "Its folder is not there any more."),
  one.folder && copied(one.folder),
  (working || ["failed", "killed"].includes(one.state)) && one.said && h("pre", { class: "log", tabindex: "0" }, one.said.trim().split("\n").slice(-10).join("\n")),
  one.table.length > 0 && table("Each form compared with the specialist", ["Form", ["MB", "n"], ["Same prompts", "n"], ["Mean KL", "n"], ["Same answers", "n"], ["Score", "n"], ["Tokens/s", "n"], ""], one.table.map((row) => h("tr", h("th", { scope: "row" }, row.form),
    cell("MB", row.bytes ? (row.bytes / 1e6).toFixed(1) : ""), cell("Same prompts", row.same_prompts === null ? "" : `${row.same_prompts}/${row.score.examples}`), cell("Mean KL", row.divergence === null ? "" : row.divergence.toFixed(4)), cell("Same answers", `${row.same_answers}/${row.score.examples}`),
    cell("Score", [score(row.score.mean), h("small", `${score(row.score.interval.low)} to ${score(row.score.interval.high)}`)]), cell("Tokens/s", row.tokens_per_second.toFixed(0)), h("td", badge(row.gates.every((gate) => gate.held) ? "passed" : "failed", row.gates.every((gate) => gate.held) ? "accepted" : "rejected")))), { class: "stack" }),
  one.commands.length > 0 && h("details", { open: true }, h("summary", "How to use it"), h("p", { class: "soft small" }, "In the folder of the export:"), one.commands.map((command) => [h("p", { class: "small" }, command.for), copied(command.command)])));
}

const cell = (label, ...content) => h("td", { class: "n", "data-label": label }, content);

filledRun("Ship", "ship", path, load);
