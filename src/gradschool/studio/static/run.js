// A run: the climb as it goes, from its events, and what it has come to.

import { get, post, repeat } from "./api.js";
import { h, link, path, screen, show, update } from "./dom.js";
import { ladder } from "./ladder.js";
import { lossPanels, Trainings } from "./losses.js";
import { action, badge, duration, errorBox, filledRun, head, plural, score, size, stopWork, table, tabs, when } from "./parts.js";

const parts = Object.fromEntries(["state", "ladder", "floors", "now", "losses", "result", "tried", "gates", "notes"].map((name) => [name, h("div", { class: `part-${name}` })]));
const seen = { results: {}, order: [], trainings: new Trainings(), notes: [], progress: null, began: null, last: 0 };
parts.state.setAttribute("aria-live", "polite");
let run = null, after = 0, ended = null;

async function load() {
  run = await get("run", { path });
  if (run.begins) return run;
  const { details } = run;
  show(screen,
    head(run.name, [["Start", "/"], ...(run.job_path ? [[run.job, link("job", { path: run.job_path })]] : [])], [],
      h("p", { class: "soft" }, `${details.job} over ${run.base}, ${details.metric}${details.pass_mark === null ? "" : `, pass mark ${details.pass_mark}`}, began `, when(run.began))),
    tabs(path, "run"),
    !run.own && h("p", { class: "note" }, "This run was not begun here. What its record says is shown as it is; the result page computes the scores again."),
    parts.state, parts.result,
    h("div", { class: "columns" },
      h("div", h("section", { "aria-labelledby": "h-ladder" }, h("h2", { id: "h-ladder" }, "The ladder"), parts.ladder, parts.floors, parts.now), parts.losses, parts.gates),
      h("div", parts.tried, settings(details), h("section", { "aria-labelledby": "h-notes" }, h("h2", { id: "h-notes" }, "What it said"), parts.notes))));
  result();
  return run;
}

function settings({ settings: changed, split }) {
  return h("section", { "aria-labelledby": "h-settings" }, h("h2", { id: "h-settings" }, "Settings"),
    split && h("p", { class: "soft small" }, split, "."),
    h("details", h("summary", plural(changed.length, "setting differs from its default", "settings differ from their defaults")),
      table("Settings that differ from their defaults", ["Setting", "Value"], changed.map(([name, value]) => h("tr", h("th", { scope: "row", class: "mono" }, name), h("td", { class: "text" }, value))))));
}

/** Take in new events; returns whether there are any. */
function take(events) {
  for (const event of events) {
    seen.last = event.time;
    if (event.event === "RungResult") {
      if (!(event.rung in seen.results)) seen.order.push(event.rung);
      seen.results[event.rung] = event;
      seen.progress = null;
    } else if (event.event === "Step") {
      seen.trainings.add(event);
      progress({ what: trainingWords(event), done: event.step, total: event.steps, unit: "steps" }, event.time);
    } else if (event.event === "Progress") progress(event, event.time);
    else if (event.event === "Note") seen.notes.push(event);
  }
  return events.length > 0;
}

const trainingWords = (step) => step.training && step.training !== "training" ? `tune: ${step.training.replace("-", " ")}` : "tune: training";

function progress(event, time) {
  const same = seen.progress?.what === event.what && event.done >= seen.progress.done;
  seen.progress = { ...event, began: same ? seen.progress.began : time, first: same ? seen.progress.first : event.done, time };
}

/** The remaining time of this step, as soon as a tenth of it is done; no guess for the climb as a whole. */
function remaining({ done, total, first, began, time }) {
  if (!total || done >= total || (done - first) * 10 < total) return "";
  const left = duration((time - began) / (done - first) * (total - done));
  return `${left.startsWith("under") ? left : `about ${left}`} left for this step`;
}

async function turn() {
  const answer = await get("live", { path, after });
  if (after > answer.after) Object.assign(seen, { results: {}, order: [], trainings: new Trainings(), notes: [], progress: null });
  let fresh = take(answer.events);
  after = answer.after;
  if (answer.more) return turn();
  if (answer.ended && !ended) {
    if (ended === false || !run.details.verdict) await load();
    fresh = true; // the last events may have come before the end, and the ladder shows what is packaged
  }
  ended = answer.ended;
  draw(answer, fresh);
  return true;
}

let drawn = "";
function draw(answer, fresh) {
  const state = run.details.verdict || (answer.running || ["running", "stopping"].includes(answer.work?.state) ? "running" : answer.work?.state === "waiting" ? "waiting" : "stopped");
  const work = answer.work && ["waiting", "running", "stopping"].includes(answer.work.state) ? answer.work : null;
  const key = JSON.stringify([state, work?.state, answer.work?.state]);
  if (key !== drawn) update(parts.state, answer.ended && !work ? null : stateLine(state, work, answer));
  drawn = key;
  if (answer.running) update(parts.now, nowLine(answer));
  else show(parts.now);
  if (!fresh && parts.ladder.childNodes.length) return;
  const rungs = run.details.rungs;
  const working = answer.running ? rungs.find((rung) => !(rung in seen.results)) : undefined;
  const part = seen.progress?.total ? seen.progress.done / seen.progress.total : null;
  update(parts.ladder, ladder({ rungs, results: seen.results, passMark: run.details.pass_mark, now: working, done: part, packaged: run.details.packaged, state: answer.ended ? "ended" : "" }));
  floors();
  const panels = lossPanels(seen.trainings);
  if (panels) update(parts.losses, h("section", { "aria-labelledby": "h-loss" }, h("h2", { id: "h-loss" }, "The loss"), h("p", { class: "soft small" }, "In nats per answer token; lower is better. Dashed: validation."), panels));
  notes();
  gates();
  tried();
}

function stateLine(state, work, answer) {
  const buttons = [];
  if (work) buttons.push(action(work.state === "waiting" ? "Take out of the queue" : "Stop", async () => { await stopWork(work.id); }, { id: "stop" }));
  else if (!answer.ended && !answer.running) buttons.push(action("Go on", async () => { await post("climb", { run: path }); }, { class: "main", id: "resume" }));
  const words = {
    running: work ? "The climb goes on when this page or the studio is closed." : "It was started in a terminal, where Ctrl-C stops it.",
    waiting: "It starts when the work before it has ended.",
    stopped: "It is not finished. Finished steps are saved, and none is repeated.",
  };
  const failed = answer.work && ["failed", "killed"].includes(answer.work.state) && !answer.ended;
  return h("div", { class: "card state" }, h("div", { class: "row" },
    h("div", { class: "line" }, badge(work?.state === "stopping" ? "stopping" : state), h("span", words[state] ?? "")),
    h("div", { class: "actions" }, buttons)),
  failed && h("div", { class: "error", role: "alert" }, h("p", h("b", answer.work.state === "killed" ? "Its process was ended from outside." : "It ended with an error.")), h("pre", { class: "log", tabindex: "0" }, answer.work.said.trim().split("\n").slice(-8).join("\n"))));
}

function nowLine(answer) {
  const now = seen.progress;
  const bar = now && h("progress", { max: now.total || null, "aria-label": now.what });
  if (now?.total) bar.value = now.done;
  return h("div", { class: "now", "aria-live": "off" },
    now ? [h("div", { class: "row" }, h("b", now.what), h("span", { class: "soft" }, now.total ? `${now.unit === "bytes" ? `${size(now.done)} of ${size(now.total)}` : `${now.done} of ${plural(now.total, now.unit, now.unit)}`}` : "")), bar] : h("p", "Preparing…"),
    h("p", { class: "soft small" }, [now && remaining(now), answer.memory > 0 && `${size(answer.memory)} of memory, ${size(answer.free)} of ${size(answer.total)} free`].filter(Boolean).join(" · ")));
}

/** What the record of a run says must follow from its answers, which are scored again; until then, that is said. */
async function verified() {
  const line = h("p", { class: "soft", role: "status" }, "That is what its record says. Its answers are being scored again…");
  const box = parts.result.firstChild;
  box.append(line);
  try {
    const { sentence, figures, doubt } = await get("answers", { path });
    line.remove();
    if (run.own && !doubt) return;
    if (doubt) box.className = "verdict failed";
    show(box.querySelector(".big"), sentence);
    show(box.querySelector(".big + p"), figures);
  } catch (error) {
    show(line, `Its answers could not be scored again: ${error.what ?? error.message}`);
  }
}

function result() {
  const { details } = run;
  if (!details.verdict) return show(parts.result);
  const words = { passed: "Proven: it reaches the pass mark.", failed: "Not passed.", "not proven": "Not proven: the test set does not settle it." };
  show(parts.result, h("section", { class: `verdict ${details.verdict.replaceAll(" ", "-")}` },
    h("p", { class: "big" }, run.own ? words[details.verdict] : `Its record says: ${details.verdict}.`),
    h("p", `The ${details.packaged} rung is packaged. On ${plural(run.examples ?? 0, "test example")} that it never saw, its ${details.metric} is ${score(run.score)}, bounds ${score(run.low)} to ${score(run.high)}${details.pass_mark === null ? "." : `; the pass mark is ${details.pass_mark}.`}`),
    details.remedies.length > 0 && [h("h2", { class: "sub" }, "What would most likely help"), h("ul", details.remedies.map((one) => h("li", one)))],
    h("div", { class: "actions" }, h("a", { class: "button main", href: link("talk", { path }) }, "Talk to it"), h("a", { class: "button", href: link("answers", { path }) }, "See its answers"), h("a", { class: "button", href: link("ship", { path }) }, "Ship it"), h("a", { class: "button quiet", href: link("compare", { a: path }) }, "Compare"))));
  verified();
}

function gates() {
  const found = [...Object.values(seen.results).flatMap((one) => one.gates.map((gate) => [one.rung, gate])), ...run.details.gates.map((gate) => ["package", gate])];
  if (!found.length) return;
  update(parts.gates, h("section", { "aria-labelledby": "h-gates" }, h("h2", { id: "h-gates" }, "Gates"), h("p", { class: "soft small" }, "Checks that can refuse a specialist, whatever its score is."),
    table("Gates of each rung", ["Rung", "Gate", "Result", "Evidence"], found.map(([rung, gate]) => h("tr", h("th", { scope: "row" }, rung), h("td", { "data-label": "Gate" }, gate.name),
      h("td", { "data-label": "Result" }, badge(gate.held ? (gate.exception ? "waiting" : "passed") : "failed", gate.held ? gate.exception || "passed" : "failed")), h("td", { "data-label": "Evidence" }, gate.evidence))), { class: "stack" })));
}

function tried() {
  const rows = Object.entries(run.details.tried).flatMap(([rung, one]) => [...one.tried.map(([what, value]) => [rung, what, value, false]), [rung, "score of the chosen one", one.validation, true]]);
  if (!rows.length) return show(parts.tried);
  update(parts.tried, h("section", { "aria-labelledby": "h-tried" }, h("h2", { id: "h-tried" }, "What was tried"), h("p", { class: "soft small" }, "On validation examples; the test set is only for the verdict."),
    table("What was tried on validation", ["Rung", "Alternative", ["Result", "n"]], rows.map(([rung, what, value, chosen]) => h("tr", { class: chosen && "chosen" }, h("th", { scope: "row" }, rung), h("td", what), h("td", { class: "n" }, score(value)))))));
}

/** The scores of trivial answers, which a rung must beat too. */
function floors() {
  const found = Object.values(seen.results).findLast((one) => one.report?.floors.length)?.report.floors ?? [];
  const words = { constant: "the same answer always", nearest: "the answer to the most similar training question", question: "the question again", letter: "one letter" };
  show(parts.floors, found.length > 0 && h("p", { class: "soft small" }, "Trivial answers, which need no model, score: ", found.map((one) => `${words[one.kind] ?? one.kind} ${score(one.score.mean)}${one.binding ? "" : " (only reported)"}`).join("; "), ". A rung must be proven better."));
}

let noted = -1;
function notes() {
  if (noted === seen.notes.length) return;
  noted = seen.notes.length;
  const warnings = seen.notes.filter((note) => note.level === "warning").length;
  update(parts.notes, seen.notes.length === 0 ? h("p", { class: "soft" }, "Nothing yet.") : [
    warnings > 0 && h("p", { class: "soft small" }, plural(warnings, "warning")),
    h("ol", { class: "log", tabindex: "0", "aria-label": "What it said, the latest first" }, seen.notes.slice(-400).reverse().map((note) =>
      h("li", { class: note.level }, when(note.time), " ", note.level === "warning" && h("b", "Warning: "), note.text)))]);
}

/** Wait for a run whose climb begins: its folder comes with its first step. Gives false if the climb has failed. */
async function begun() {
  for (;;) {
    const { begins } = await load();
    if (!begins) return true;
    const above = head(path.split("/").at(-1), [["Start", "/"], ...(begins.about.job ? [[begins.about.job, link("job", { path: begins.about.job })]] : [])]);
    if (!["waiting", "running", "stopping"].includes(begins.state)) {
      const why = { stopped: "It was stopped before its first step.", killed: "Its process was ended from outside." };
      show(screen, above, errorBox({ what: "The climb has not begun.", why: begins.said.trim() || why[begins.state], fix: begins.said.includes("What to do: ") ? "" : "open the job, and start the climb again." }));
      return false;
    }
    show(screen, above, h("p", { class: "loading", role: "status" }, "The climb begins…"));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Follow the run. If its folder goes, as that of a climb does that cannot begin, say what has become of the climb. */
async function follow() {
  if (!(await begun())) return;
  repeat(async () => {
    const still = await turn();
    if (Object.keys(seen.results).some((rung) => !run.details.tried[rung] && !seen.results[rung].skipped)) run.details = (await get("run", { path })).details;
    return still;
  }, 1, (error) => error.status === 404 ? filledRun(path.split("/").at(-1), "run", path, follow) : show(parts.state, errorBox(error)));
}

filledRun(path.split("/").at(-1), "run", path, follow);
