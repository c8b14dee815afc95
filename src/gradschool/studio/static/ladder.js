// The ladder as a picture that fills: a rung for each method, cheapest at the bottom, on one scale with the pass mark.

import { h } from "./dom.js";
import { badge, duration, score } from "./parts.js";

const WORDS = {
  base: ["Base", "the model as it is"],
  prompt: ["Prompt", "instructions and examples in the question"],
  ground: ["Ground", "passages of your documents"],
  tune: ["Tune", "new layers, trained on your examples"],
};
const percent = (value) => `${Math.min(100, Math.max(0, 100 * value)).toFixed(2)}%`;

/** The picture; `results` by rung, `now` is the rung that is being worked on, with how far it is (0 to 1, or null). */
export function ladder({ rungs, results, passMark, now, done, packaged, state }) {
  return h("div", { class: "ladder", role: "list", "aria-label": "The ladder, from the last rung to the first" },
    passMark !== null && passMark !== undefined && h("div", { class: "mark", "aria-hidden": "true" },
      h("span", { class: `label${passMark > 0.8 ? " left" : ""}`, style: { left: percent(passMark) } }, `pass mark ${passMark}`)),
    [...rungs].reverse().map((rung) => row(rung, results[rung], passMark, rung === now ? done : undefined, rung === packaged, state)),
    h("div", { class: "scale", "aria-hidden": "true" }, [0, 0.25, 0.5, 0.75, 1].map((tick) => h("span", { style: { left: percent(tick) } }, tick))));
}

function row(rung, result, passMark, working, packaged, state) {
  const [name, about] = WORDS[rung] ?? [rung, ""];
  const report = result?.report;
  const verdict = !result ? "" : result.skipped ? "skipped" : report ? (result.gates.every((gate) => gate.held) ? report.verdict : "failed") : "";
  const at = report?.score;
  const sentence = report ? `score ${score(at.mean)}, bounds ${score(at.interval.low)} to ${score(at.interval.high)}` : "";
  return h("div", { role: "listitem", class: `rung ${verdict.replaceAll(" ", "-")}${working !== undefined ? " working" : ""}${packaged ? " packaged" : ""}` },
    h("div", { class: "name" }, h("b", name), h("small", result?.recipe || about)),
    h("div", { class: "track", "aria-hidden": "true" },
      report && [
        h("i", { class: "fill", style: { width: percent(at.mean) } }),
        h("i", { class: "whisker", style: { left: percent(at.interval.low), width: percent(at.interval.high - at.interval.low) } })],
      working !== undefined && !report && h("i", { class: working === null ? "fill unknown" : "fill part", style: { width: working === null ? "100%" : percent(working) } }),
      passMark !== null && passMark !== undefined && h("i", { class: "passline", style: { left: percent(passMark) } })),
    h("div", { class: "end" },
      report ? [h("b", score(at.mean)), h("small", `${score(at.interval.low)} to ${score(at.interval.high)}`)] : working !== undefined ? h("small", "working") : null,
      verdict === "skipped" ? h("small", { title: result.skipped }, "skipped") : verdict ? badge(verdict) : working === undefined && h("small", state === "ended" ? "not needed" : ""),
      h("span", { class: "hidden" }, sentence),
      report && h("small", duration(result.seconds))),
    result?.skipped && h("p", { class: "why soft small" }, result.skipped));
}
