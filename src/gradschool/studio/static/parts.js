// What several pages show in the same way: errors, states, times, sizes, scores, dialogs.

import { get, post, repeat } from "./api.js";
import { byId, h, link, screen, show } from "./dom.js";

/** An error with what, why and what to do. */
export function errorBox(error) {
  if (typeof error.what !== "string") { // neither of the studio nor said by a page
    console.error(error);
    error = { what: "This page made a mistake.", why: String(error.message ?? error), fix: "reload it." };
  }
  return h("div", { class: "error", role: "alert" },
    h("p", h("b", error.what)),
    error.why && h("p", { class: "lines" }, error.why),
    error.fix && h("p", h("b", "What to do: "), error.fix));
}

/** Fill an element with what `make` gives, and with its error if it has one. */
export async function filled(element, make) {
  try {
    await make();
  } catch (error) {
    if (error.name !== "AbortError") show(element, errorBox(error));
  }
}

/** Fill the screen of one page about a run; an error stands under the way to the run and its other pages. */
export async function filledRun(title, page, run, make) {
  const framed = (error) => error.name !== "AbortError" && show(screen, head(title, [["Start", "/"], ...(page === "run" ? [] : [[run.split("/").at(-1), link("run", { path: run })]])]), tabs(run, page), errorBox(error));
  await make().catch(framed);
}

/**
 * Run something while a button takes no second press. The button is only said to be off: one that is off loses the
 * focus, and a keyboard its place.
 */
export async function busy(button, run) {
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  try {
    await run();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** A button with what it does; an error is shown in a dialog. */
export function action(label, run, attributes = {}) {
  const button = h("button", { type: "button", ...attributes }, label);
  button.addEventListener("click", () => busy(button, () => run(button)).catch((error) => dialog("This did not work", [errorBox(error)], [["Close", null]])));
  return button;
}

/** A dialog with buttons, each a label and what it does before the dialog closes; returns its element. */
export function dialog(title, content, buttons, attributes = {}) {
  const before = document.activeElement;
  const id = `title-${Math.random().toString(36).slice(2)}`;
  const box = h("dialog", { "aria-labelledby": id, ...attributes },
    h("h2", { id }, title), h("div", { class: "content" }, content));
  const close = () => box.close();
  // One key does not throw away what was typed: if `unsaved` says that there is some, the dialog closes at the second.
  let warned = false;
  const leave = (event) => {
    if (warned || !box.unsaved?.()) return close();
    event.preventDefault();
    warned = true;
    row.before(h("p", { class: "note", role: "alert" }, "What you wrote is not saved. Close again to leave without it."));
  };
  box.addEventListener("cancel", leave);
  const row = h("div", { class: "actions" }, buttons.map(([label, run, more = {}]) =>
    h("button", {
      type: "button", ...more,
      onclick: (event) => run ? busy(event.target, async () => {
        if ((await run(box)) !== false) close();
      }).catch((error) => {
        box.querySelector(".error")?.remove();
        row.before(errorBox(error));
      }) : leave(event),
    }, label)));
  box.append(row);
  box.addEventListener("close", () => { box.remove(); (before?.isConnected ? before : byId(before?.id))?.focus(); }); // it may have been drawn again
  document.body.append(box);
  box.showModal();
  return box;
}

/** Say something in the corner, and to screen readers. */
export function say(text) {
  byId("said").textContent = text;
  setTimeout(() => { if (byId("said").textContent === text) byId("said").textContent = ""; }, 6000);
}

const STATES = {
  passed: "passed", failed: "failed", "not proven": "not proven", running: "running", stopped: "not finished",
  unfinished: "not finished", "not verified": "not verified", damaged: "damaged", waiting: "waiting", done: "done", killed: "ended from outside", stopping: "stopping",
};

export const stateWords = (state) => STATES[state] ?? state;

/** The state of a run; the verdict of one that was not begun here is what its record says. */
export const runBadge = (run) => run.own === false && ["passed", "failed", "not proven"].includes(run.state) ? badge("waiting", `${run.state}, its record says`) : badge(run.state);

/** The state of work: a run can be gone on with, and is not finished; other work has only been stopped. */
export const workBadge = (one) => badge(one.state, one.state === "stopped" ? one.began ? "stopped" : "taken out" : undefined);

/** A state as a word with a sign, which does not depend on colour. */
export function badge(state, label = stateWords(state)) {
  const signs = { passed: "✓", done: "✓", failed: "✕", damaged: "✕", killed: "✕", "not verified": "✕", "not proven": "◇", unfinished: "‖", running: "●", stopping: "●", waiting: "○", stopped: "‖" };
  return h("span", { class: `badge ${state.replaceAll(" ", "-")}` }, h("span", { "aria-hidden": "true" }, signs[state] ?? "·"), ` ${label}`);
}

export function duration(seconds) {
  if (seconds < 1) return "under 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function when(seconds) {
  if (!seconds) return "";
  const date = new Date(1000 * seconds);
  const today = new Date().toDateString() === date.toDateString();
  const options = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return h("time", { datetime: date.toISOString() }, (today ? "today " : "") + date.toLocaleString("en-GB", options));
}

export const size = (bytes) => bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB` : `${bytes} bytes`;
export const score = (value) => value === null || value === undefined ? "" : value.toFixed(3);
export const count = (value) => value.toLocaleString("en-US");
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** The head of a page: the way to it, its name, what to do there. */
export function head(title, way, actions = [], about = null) {
  document.title = `${title} · gradschool studio`;
  return h("div", { class: "head" },
    way.length > 0 && h("p", { class: "way" }, way.map(([label, address], i) => [i > 0 && " / ", h("a", { href: address }, label)])),
    h("div", { class: "row" }, h("h1", title), h("div", { class: "actions" }, actions)), about);
}

/** Pages about one run, as tabs. */
export function tabs(run, current) {
  const pages = [["run", "Climb"], ["answers", "Result"], ["talk", "Talk"], ["ship", "Ship"]];
  return h("nav", { class: "tabs", "aria-label": "This run" }, pages.map(([page, label]) =>
    h("a", { href: link(page, { path: run }), "aria-current": page === current && "page" }, label)));
}

/** A text that is copied by a button. */
export function copied(text) {
  return h("div", { class: "copy" }, h("pre", { tabindex: "0" }, h("code", text)),
    action("Copy", async () => { await navigator.clipboard.writeText(text); say("Copied."); }, { class: "small", "aria-label": `Copy: ${text.slice(0, 80)}` }));
}

/** A table in a region that scrolls by itself, and by the keyboard. */
export function table(label, heads, rows, attributes = {}) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h("table", attributes,
      h("thead", h("tr", heads.map((one) => Array.isArray(one) ? h("th", { scope: "col", class: one[1] }, one[0]) : h("th", { scope: "col" }, one)))),
      h("tbody", rows)));
}

/** A labelled field: its input, and a line about it. */
export function labelled(label, input, about = "") {
  const id = input.id || `field-${Math.random().toString(36).slice(2)}`;
  input.id = id;
  if (about) input.setAttribute("aria-describedby", `${id}-about`);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, about && h("p", { class: "soft small", id: `${id}-about` }, about));
}

export function option(value, label, chosen) {
  return h("option", { value, selected: value === chosen }, label);
}

/** Show in the head of the page how much work is in the queue. */
function followQueue() {
  const busy = byId("busy");
  repeat(async () => {
    const { work } = await get("queue");
    const number = work.filter((one) => ["running", "waiting", "stopping"].includes(one.state)).length;
    busy.hidden = !number;
    busy.textContent = number || "";
    busy.setAttribute("aria-label", plural(number, "piece of work", "pieces of work"));
    document.dispatchEvent(new CustomEvent("work", { detail: work }));
  }, 2, (error) => { byId("lost").hidden = false; byId("lost").textContent = [error.what, error.why, error.fix].join(" "); });
}
followQueue();

export const stopWork = (id) => post(`work/${id}`, { action: "stop" });

/** The images of a question, which come as data: URLs. */
export function pictures(images) {
  return (images ?? []).map((src, i) => h("img", { src, alt: `image ${i + 1} of the question`, class: "picture" }));
}
