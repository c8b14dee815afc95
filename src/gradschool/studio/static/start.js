// The start page: the jobs and runs of the folders, and what is being done now.

import { get } from "./api.js";
import { h, link, screen, show } from "./dom.js";
import { count, errorBox, filled, head, runBadge, score, table, when, workBadge } from "./parts.js";

let seen = "";

async function draw() {
  const { folders, jobs, runs, work, problem } = await get("overview");
  const now = JSON.stringify([folders, jobs, runs, work.map((one) => [one.id, one.state]), problem]);
  if (now === seen) return;
  seen = now;
  const running = work.filter((one) => ["running", "stopping"].includes(one.state));
  show(screen,
    head("Start", [], [h("a", { class: "button main", href: "/new" }, "New job")],
      h("p", { class: "soft mono" }, folders.join("  ·  "))),
    problem && errorBox({ what: "The queue cannot be written.", why: problem, fix: "free some space." }),
    running.length > 0 && h("section", { "aria-label": "Now" }, h("h2", "Now"), running.map(nowLine)),
    jobs.length + runs.length === 0 ? welcome() : [jobList(jobs), runList(runs)]);
}

function nowLine(one) {
  return h("p", { class: "card line" }, workBadge(one), h("b", one.title), h("span", { class: "soft" }, "since ", when(one.began)),
    h("a", { href: one.about.run ? link("run", { path: one.about.run }) : "/queue" }, one.about.run ? "Follow it" : "Show the queue"));
}

function welcome() {
  return h("section", { class: "welcome" },
    h("h2", "There are no jobs here yet"),
    h("p", "A job is a folder with examples of the work that you want done: questions, and the answers that you would give. From these, gradschool makes a specialist, step by step, and stops at the first one that is proven good enough."),
    h("ol", { class: "steps" },
      h("li", h("b", "Bring files."), " A table, a mailbox, chats, documents. Nothing leaves this machine."),
      h("li", h("b", "Look at the examples."), " Keep, drop, or correct what was found."),
      h("li", h("b", "Climb."), " Each rung is tested on examples that it never saw."),
      h("li", h("b", "Use it."), " Talk to it, export it, or serve it.")),
    h("p", h("a", { class: "button main", href: "/new" }, "Begin with your files")));
}

function jobList(jobs) {
  return h("section", { "aria-labelledby": "jobs" }, h("h2", { id: "jobs" }, "Jobs"),
    jobs.length === 0 ? h("p", { class: "soft" }, "There are runs, but their jobs are not in these folders.")
      : h("ul", { class: "cards" }, jobs.map((job) =>
        h("li", { class: "card" }, h("h3", h("a", { href: link("job", { path: job.path }) }, job.name)),
          h("p", { class: "soft mono small" }, job.path),
          job.error ? h("p", { class: "bad" }, job.error) : h("p", { class: "clamp" }, job.task || "No task is written: the examples alone say what to do."),
          job.base && h("p", { class: "soft small" }, "Base: ", job.base)))));
}

function runList(runs) {
  return h("section", { "aria-labelledby": "runs" },
    h("div", { class: "row" }, h("h2", { id: "runs" }, "Runs"), runs.length > 1 && h("a", { href: "/compare" }, "Compare two")),
    runs.length === 0 ? h("p", { class: "soft" }, "Nothing has been climbed yet. Open a job to start.")
      : table("All runs", ["Run", "State", "Rung", ["Score", "n"], ["Bounds", "n"], ["Pass mark", "n"], "Base", "Began"], runs.map(row), { class: "stack" }));
}

function row(run) {
  const damaged = run.state === "damaged";
  return h("tr",
    h("th", { scope: "row" }, damaged ? run.path : h("a", { href: link("run", { path: run.path }) }, run.name), run.own === false && h("small", "not begun here")),
    h("td", { "data-label": "State" }, runBadge(run), damaged && h("small", run.why)),
    h("td", { "data-label": "Rung" }, run.rung),
    h("td", { class: "n", "data-label": "Score" }, score(run.score), run.examples && h("small", `${count(run.examples)} examples`)),
    h("td", { class: "n", "data-label": "Bounds" }, run.low === null || damaged ? "" : `${score(run.low)} to ${score(run.high)}`),
    h("td", { class: "n", "data-label": "Pass mark" }, run.pass_mark ?? ""),
    h("td", { "data-label": "Base" }, run.base), h("td", { "data-label": "Began" }, when(run.began)));
}

filled(screen, draw);
document.addEventListener("work", () => filled(screen, draw));
