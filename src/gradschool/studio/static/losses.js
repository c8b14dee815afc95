// Loss curves as they grow: one panel for each training, all on one scale.

import { h, s } from "./dom.js";
import { count } from "./parts.js";

const POINTS = 300; // of one line
const FINAL = "training"; // the name of the training that the rung proposes

/** Steps by training, from events; a training that is resumed repeats steps, of which the last ones count. */
export class Trainings {
  constructor() { this.byName = new Map(); }

  add(event) {
    const name = event.training || "training";
    if (!this.byName.has(name)) this.byName.set(name, []);
    const steps = this.byName.get(name);
    while (steps.length && steps.at(-1).step >= event.step) steps.pop();
    if (Number.isFinite(event.loss)) steps.push(event);
  }

  get size() { return [...this.byName.values()].reduce((sum, steps) => sum + steps.length, 0); }
}

export function lossPanels(trainings) {
  const all = [...trainings.byName.entries()].filter(([, steps]) => steps.length);
  const losses = all.flatMap(([, steps]) => steps.flatMap((step) => [step.loss, step.validation_loss])).filter((loss) => Number.isFinite(loss));
  if (!losses.length) return null;
  const [low, high] = losses.reduce(([a, b], loss) => [Math.min(a, loss), Math.max(b, loss)], [Infinity, -Infinity]);
  const top = high + 0.05 * (high - low || 1), bottom = Math.max(0, low - 0.05 * (high - low || 1));
  all.sort(([a], [b]) => (b === FINAL) - (a === FINAL));
  return h("div", { class: "panels" }, all.map(([name, steps]) => panel(name, steps, (loss) => 100 * (1 - (loss - bottom) / (top - bottom)), top, bottom)));
}

function panel(name, steps, height, top, bottom) {
  const first = steps[0].step, last = Math.max(steps.at(-1).steps, steps.at(-1).step, first + 1);
  const across = (step) => 100 * (step - first) / (last - first);
  const line = (points) => thinned(points).map(([step, loss]) => `${across(step).toFixed(2)},${height(loss).toFixed(2)}`).join(" ");
  const raw = steps.map((step) => [step.step, step.loss]);
  const validation = steps.filter((step) => Number.isFinite(step.validation_loss)).map((step) => [step.step, step.validation_loss]);
  const best = validation.reduce((a, b) => (a && a[1] <= b[1] ? a : b), null);
  const now = steps.at(-1);
  const title = `${label(name)}: loss ${now.loss.toFixed(3)} at step ${now.step} of ${now.steps}` + (best ? `, best validation loss ${best[1].toFixed(3)} at step ${best[0]}` : "");
  return h("figure", { class: "loss" },
    h("figcaption", h("b", label(name)), h("small", `step ${count(now.step)} of ${count(now.steps)}, loss ${now.loss.toFixed(3)}${best ? `, validation ${validation.at(-1)[1].toFixed(3)}, best ${best[1].toFixed(3)}` : ""}`)),
    h("div", { class: "chart" },
      h("span", { class: "tick high" }, top.toFixed(1)), h("span", { class: "tick low" }, bottom.toFixed(1)),
      s("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": title },
        [25, 50, 75].map((y) => s("line", { class: "grid", x1: "0", x2: "100", y1: y, y2: y })),
        s("polyline", { class: "raw", points: line(raw) }),
        s("polyline", { class: "smooth", points: line(smoothed(raw)) }),
        validation.length > 0 && s("polyline", { class: "valid", points: line(validation) }))));
}

function label(name) {
  if (name === FINAL) return "The training";
  if (name.startsWith("trial-")) return `Short trial, learning rate ${name.slice(6)}`;
  if (name.startsWith("curve-")) return `Learning curve, ${name.split("-")[1]} examples`;
  return name;
}

function smoothed(points) {
  const reach = Math.max(1, Math.round(points.length / 40));
  return points.map(([step], i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return [step, near.reduce((sum, [, loss]) => sum + loss, 0) / near.length];
  });
}

function thinned(points) {
  const every = Math.max(1, Math.ceil(points.length / POINTS));
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}
