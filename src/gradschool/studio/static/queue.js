// The queue: what runs, what waits in its order, and what has ended, with what it said.

import { get, post } from "./api.js";
import { h, link, screen, show, update } from "./dom.js";
import { action, duration, errorBox, filled, head, size, stopWork, when, workBadge } from "./parts.js";

const ENDED = ["done", "failed", "stopped", "killed"];
const open = new Set();
let seen = "";

async function draw() {
  const { work, problem } = await get("queue");
  const now = JSON.stringify([work, problem]);
  if (now === seen) return;
  seen = now;
  const running = work.filter((one) => ["running", "stopping"].includes(one.state));
  const waiting = work.filter((one) => one.state === "waiting");
  const ended = work.filter((one) => ENDED.includes(one.state)).reverse();
  const list = h("div");
  if (screen.querySelector(".list")) update(screen.querySelector(".list"), parts());
  else show(screen, head("Queue", [], [], h("p", { class: "soft" }, "One climb or export runs at a time, and one preparation; servers run beside them. What runs goes on when this page or the studio is closed; what waits starts while a studio is open.")), h("div", { class: "list" }, parts()));

  function parts() {
    return [
      problem && errorBox({ what: "The queue cannot be written.", why: problem, fix: "free some space." }),
      work.length === 0 && h("p", { class: "empty" }, "Nothing has been started yet. Climbs, preparations, exports and servers appear here."),
      section("Running", running), section("Waiting", waiting), section("Ended", ended)];
  }
  return list;
}

function section(title, works) {
  return works.length > 0 && h("section", { "aria-label": title }, h("h2", title), h("ul", { class: "plain" }, works.map(item)));
}

function item(one) {
  const waits = one.state === "waiting";
  const buttons = [
    waits && move(one, "earlier", "Earlier"), waits && move(one, "later", "Later"),
    (waits || ["running", "stopping"].includes(one.state)) && action(waits ? "Take out" : "Stop", async () => { await stopWork(one.id); await draw(); }, { class: "small", id: `stop-${one.id}`, "aria-label": `Stop: ${one.title}` }),
    ENDED.includes(one.state) && action("Remove", async () => { await post(`work/${one.id}`, { action: "forget" }); await draw(); }, { class: "small quiet", id: `forget-${one.id}`, "aria-label": `Remove from the list: ${one.title}` }),
  ];
  const took = one.began && (one.state === "running" ? Date.now() / 1000 : one.ended) - one.began;
  const details = one.said && h("details", { open: open.has(one.id), ontoggle: (event) => open[event.target.open ? "add" : "delete"](one.id) },
    h("summary", { id: `said-${one.id}` }, "What it said"), h("pre", { class: "log", tabindex: "0" }, one.said));
  return h("li", { class: "card" },
    h("div", { class: "row" }, h("div", { class: "line" }, workBadge(one), h("b", one.title),
      one.about.run && h("a", { href: link("run", { path: one.about.run }) }, one.about.run),
      one.about.job && !one.about.run && h("a", { href: link("job", { path: one.about.job }) }, one.about.job)),
    h("div", { class: "actions" }, buttons)),
    h("p", { class: "soft small" }, "asked ", when(one.asked), one.began ? [", began ", when(one.began)] : "", took > 0 ? `, ${duration(took)}` : "", one.memory > 0 && `, ${size(one.memory)} of memory`),
    details);
}

function move(one, where, label) {
  return action(label, async () => { await post(`work/${one.id}`, { action: where }); await draw(); }, { class: "small quiet", id: `${where}-${one.id}`, "aria-label": `${label}: ${one.title}` });
}

filled(screen, draw);
document.addEventListener("work", () => filled(screen, draw));
