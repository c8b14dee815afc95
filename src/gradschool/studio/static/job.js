// A job: its task and goal, a form that starts a climb, its file, and its runs.

import { get, post, StudioError } from "./api.js";
import { h, link, path, screen, show } from "./dom.js";
import { action, busy, dialog, errorBox, filled, head, labelled, runBadge, score, table, when, workBadge } from "./parts.js";

async function draw() {
  const job = await get("job", { path });
  const name = job.name ?? job.path;
  show(screen,
    head(name, [["Start", "/"]], [
      h("a", { class: "button", href: link("examples", { path }) }, "Examples"),
      h("a", { class: "button main", href: "#climb" }, "Climb…")],
    h("p", { class: "soft mono" }, job.folder)),
    job.error ? [errorBox(new StudioError(job.error)), h("p", "Correct the file below.")] : about(job),
    job.work.filter((one) => one.state !== "done").length > 0 && h("section", h("h2", "Work on it"), job.work.filter((one) => one.state !== "done").map((one) =>
      h("p", { class: "card line" }, workBadge(one), h("b", one.title), h("a", { href: one.about.run ? link("run", { path: one.about.run }) : "/queue" }, one.about.run ? "Follow it" : "Show the queue")))),
    runs(job.runs),
    !job.error && climbForm(job),
    file(job));
}

function about(job) {
  return h("dl", { class: "facts" },
    h("div", h("dt", "Task"), h("dd", { class: "lines" }, job.task.trim() || "None is written: the examples alone say what to do.")),
    h("div", h("dt", "Base"), h("dd", job.bases.join(", "))),
    h("div", h("dt", "Metric"), h("dd", job.metric)),
    h("div", h("dt", "Pass mark"), h("dd", job.pass_mark ?? "none: the climb only measures")));
}

function runs(found) {
  return h("section", { "aria-labelledby": "runs" }, h("h2", { id: "runs" }, "Runs"),
    found.length === 0 ? h("p", { class: "empty" }, "Not climbed yet.")
      : table("Runs of this job", ["Run", "State", "Rung", ["Score", "n"], ["Pass mark", "n"], "Began"], found.map((run) => h("tr",
        h("th", { scope: "row" }, h("a", { href: link("run", { path: run.path }) }, run.name)), h("td", { "data-label": "State" }, runBadge(run)),
        h("td", { "data-label": "Rung" }, run.rung), h("td", { class: "n", "data-label": "Score" }, score(run.score)),
        h("td", { class: "n", "data-label": "Pass mark" }, run.pass_mark ?? ""), h("td", { "data-label": "Began" }, when(run.began)))), { class: "stack" }));
}

function climbForm(job) {
  const fields = new Map();
  const field = (one) => {
    const input = one.path === "task" ? h("textarea", { rows: "3" }) : h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    input.value = one.value;
    fields.set(one.path, [input, one.value]);
    const about = [one.help, one.unit && `in ${one.unit}`, one.default && `default: ${one.default}`].filter(Boolean).join("; ");
    return labelled(label(one), input, `${about[0].toUpperCase()}${about.slice(1)}.`);
  };
  const main = job.settings.filter((one) => one.main), more = job.settings.filter((one) => !one.main);
  const problem = h("div");
  return h("form", { id: "climb", class: "panel", onsubmit: async (event) => {
    event.preventDefault();
    const settings = {};
    for (const [name, [input, was]] of fields) if (input.value.trim() !== was) settings[name] = input.value.trim();
    await busy(event.target.querySelector("button[type=submit]"), () => filled(problem, async () => {
      const work = await post("climb", { path, settings });
      location.assign(work.about.run ? link("run", { path: work.about.run }) : "/queue");
    }));
  } },
  h("h2", "Start a climb"),
  h("p", { class: "soft" }, "It tries the cheapest help first and stops at the first rung that is proven to reach the pass mark. What you change here counts for this run only; the file of the job stays as it is."),
  h("div", { class: "fields" }, main.map(field)),
  h("details", h("summary", "All settings"), h("div", { class: "fields" }, more.map(field))),
  problem,
  h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Climb")));
}

function label(one) {
  const [table, name] = one.path.includes(".") ? one.path.split(".") : ["", one.path];
  const words = name.replaceAll("_", " ");
  return (table && !one.main ? `${table}: ` : "") + words[0].toUpperCase() + words.slice(1);
}

function file(job) {
  const text = h("textarea", { class: "code", rows: Math.min(24, job.file.split("\n").length + 1), spellcheck: "false" });
  text.value = job.file;
  const problem = h("div");
  const save = action("Save", async () => {
    show(problem);
    try {
      const saved = await post("job", { path, hash: job.hash, text: text.value });
      if (saved.error) {
        job.hash = saved.hash;
        show(problem, errorBox(new StudioError({ ...saved.error, what: `Saved, but ${saved.error.what}` })));
      } else await draw();
    } catch (error) {
      if (error.status === 409) dialog("The file has been changed meanwhile", [h("p", error.why), h("p", h("b", "What is there now:")), h("pre", { class: "log", tabindex: "0" }, error.now)], [["Close", null]]);
      else show(problem, errorBox(error));
    }
  });
  return h("details", { class: "panel", open: Boolean(job.error) }, h("summary", h("h2", "job.toml")),
    labelled("The file of the job", text, "Every setting is described in docs/settings.md."), problem, h("div", { class: "actions" }, save));
}

filled(screen, draw);
