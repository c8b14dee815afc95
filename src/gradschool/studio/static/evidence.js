// What is known of a result besides its answers: each part says its main figure, and opens to all of it.

import { h, s } from "./dom.js";
import { badge, count, duration, plural, score, size, table } from "./parts.js";

const percent = (value) => `${Math.round(100 * value)}%`;
const bounds = ({ low, high }) => `${score(low)} to ${score(high)}`;
const cell = (label, ...content) => h("td", { class: "n", "data-label": label }, content);

/** The sections; `choose` shows the questions that failed in one way. */
export function evidence(found, chosen, choose) {
  const rungs = found.rungs_tested;
  if (!rungs.length) return null;
  return h("section", { class: "evidence", "aria-labelledby": "h-evidence" }, h("h2", { id: "h-evidence" }, "Evidence and cost"),
    found.coverage && coverage(found.coverage), found.calibration && calibration(found.calibration),
    scores(rungs, found.confidence, chosen), cost(rungs, chosen), found.parts.length > 0 && metrics(found.parts, rungs), failures(found.failures, rungs, choose),
    found.bases.length > 0 && bases(found), found.environment.length > 0 && fold("Made with", found.environment.find(([name]) => name === "Processor")?.[1] ?? "", table("Made with", ["What", "Value"], found.environment.map(([name, value]) => h("tr", h("th", { scope: "row" }, name), h("td", value))))));
}

const fold = (title, figure, ...content) => h("details", h("summary", h("b", title), figure && h("span", { class: "soft" }, ` ${figure}`)), content);

function scores(rungs, confidence, chosen) {
  const last = rungs.find((one) => one.rung === chosen) ?? rungs.at(-1);
  return fold("Scores", `${last.rung} ${score(last.score.mean)}${last.differences.length ? `, ${last.differences[0][0]}` : ""}`,
    h("p", { class: "soft small" }, `On the test examples, which no choice has seen. Each bound has ${confidence} confidence; differences are paired.`),
    table("Scores of each rung", ["Rung", "Recipe", ["Score", "n"], ["Bounds", "n"], "Difference"], rungs.map((one) => h("tr", { class: one.rung === chosen && "chosen" }, h("th", { scope: "row" }, one.rung), h("td", { "data-label": "Recipe" }, one.recipe), cell("Score", score(one.score.mean)), cell("Bounds", bounds(one.score.interval)),
      h("td", { "data-label": "Difference" }, h("div", one.differences.map(([mean, interval]) => h("div", mean, h("small", interval))))))), { class: "stack" }));
}

function cost(rungs, chosen) {
  const last = rungs.find((one) => one.rung === chosen) ?? rungs.at(-1);
  return fold("Cost", `${duration(last.cost.seconds)} and ${count(Math.round(last.cost.prompt_tokens + last.cost.new_tokens))} tokens per answer`,
    table("Cost of each rung", ["Rung", ["Tokens read per answer", "n"], ["Tokens written per answer", "n"], ["Time per answer", "n"], ["To make and test", "n"], ["Tokens trained on", "n"], ["Peak memory", "n"]], rungs.map((one) => h("tr", { class: one.rung === chosen && "chosen" }, h("th", { scope: "row" }, one.rung),
      cell("Tokens read per answer", count(Math.round(one.cost.prompt_tokens))), cell("Tokens written per answer", count(Math.round(one.cost.new_tokens))), cell("Time per answer", one.cost.seconds < 1 ? `${one.cost.seconds.toFixed(2)} s` : duration(one.cost.seconds)), cell("To make and test", duration(one.seconds)), cell("Tokens trained on", one.tokens_trained ? count(one.tokens_trained) : "none"), cell("Peak memory", size(one.peak_memory)))), { class: "stack" }),
    h("p", { class: "soft small" }, "Peak memory of the whole process up to the end of the rung."));
}

function metrics(parts, rungs) {
  return fold("Further metrics and rules", parts.join(", "), h("p", { class: "soft small" }, "The metric of the job alone decides; these are its parts, the extra metrics and the rules."),
    table("Further metrics and rules", ["Name", ...rungs.map((one) => [one.rung, "n"])], parts.map((part) => h("tr", h("th", { scope: "row" }, part), rungs.map((one) => cell(one.rung, one.parts[part] && [score(one.parts[part].mean), h("small", bounds(one.parts[part].interval))])))), { class: "stack" }));
}

function failures(kinds, rungs, choose) {
  if (!kinds.length) return fold("Failures", "none: every answer of every rung could be scored");
  return fold("Failures", plural(kinds.length, "kind"), h("p", { class: "soft small" }, "A failure counts as 0. Choose a kind to see its questions."),
    table("Failures by kind", ["Kind", ...rungs.map((one) => [one.rung, "n"]), "Example"], kinds.map(({ kind, example }) => h("tr", h("th", { scope: "row" }, h("button", { type: "button", class: "cell", onclick: () => choose(kind) }, kind)), rungs.map((one) => cell(one.rung, one.failures[kind] ?? 0)), h("td", { "data-label": "Example" }, example))), { class: "stack" }));
}

function coverage(one) {
  const text = `It abstains if ${one.rule}, and leaves the question to a person. Signal and threshold were chosen on validation examples. On the test it answers ${percent(one.share.mean)} of ${plural(one.share.examples, "question")} (bounds ${bounds(one.share.interval)}; at least ${one.min_share} was wanted), and these answers score ${score(one.score.mean)} (bounds ${bounds(one.score.interval)}). If it answered all, it would score ${score(one.all_answers)}.`;
  const lowest = Math.min(...one.curve.map(([, value]) => value), one.score.mean, one.pass_mark ?? 1), height = Math.max(1 - lowest, 0.01);
  const y = (value) => 100 * (1 - value) / height;
  return fold("Which questions it answers", `${percent(one.share.mean)} of them`, h("p", text), one.curve.length > 0 && plot("Score of the answered questions by the fraction that is answered, from the surest on", [1 - height, 1],
    s("polyline", { class: "smooth", points: one.curve.map(([share, value]) => `${100 * share},${y(value)}`).join(" ") }), one.pass_mark !== null && line("pass", 0, y(one.pass_mark), 100, y(one.pass_mark)),
    [[100 * one.share.mean, y(one.score.mean), `as packaged: ${percent(one.share.mean)} answered, score ${score(one.score.mean)}`]], ["0%", "50%", "100% answered"]),
  h("p", { class: "soft small" }, "Risk-coverage curve on the test examples. The point is the specialist as it is packaged; nothing is proven of the others. Dashed: the pass mark."));
}

function calibration(one) {
  return fold("What its confidence means", `it differs from the score by ${score(one.error)} on average`, h("p", `It compares all labels by their probability, and the confidence of an answer is that of its label. On ${plural(one.answers, "validation answer")}, confidence and score differ by ${score(one.error)} on average (expected calibration error).`),
    plot("Score of the answers by their confidence; on the diagonal, both are the same", [0, 1], s("polyline", { class: "smooth", points: one.bins.map((bin) => `${100 * bin.confidence},${100 * (1 - bin.score)}`).join(" ") }), line("pass", 0, 100, 100, 0),
      one.bins.map((bin) => [100 * bin.confidence, 100 * (1 - bin.score), `${plural(bin.answers, "answer")}: mean confidence ${score(bin.confidence)}, score ${score(bin.score)}`]), ["0", "0.5", "1 confidence"]),
    h("p", { class: "soft small" }, "Below the dashed line, it is surer than it is right. With few answers in an interval, a point is far from it by chance."));
}

const line = (name, x1, y1, x2, y2) => s("line", { class: name, x1, y1, x2, y2 });

/** A curve with points, of which each says what it is; `low` and `high` are the values at the ends of the axis. */
function plot(title, [low, high], curve, reference, points, ticks) {
  return h("figure", { class: "plot" }, h("div", { class: "chart" }, h("span", { class: "tick high" }, high.toFixed(2)), h("span", { class: "tick low" }, low.toFixed(2)),
    s("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": `${title}. ${points.map(([, , text]) => text).join("; ")}` }, [25, 50, 75].map((y) => line("grid", 0, y, 100, y)), reference, curve),
    points.map(([x, y, text]) => h("i", { class: "point", title: text, "aria-hidden": "true", style: { left: `${x}%`, top: `${y}%` } }))), h("div", { class: "ticks small soft", "aria-hidden": "true" }, ticks.map((tick) => h("span", tick))));
}

function bases({ bases: found, about_bases: about }) {
  return fold("The bases", found.filter((one) => one.chosen).map((one) => one.base).join(", "), h("p", about), table("The bases, compared on validation", ["Base", ["Score", "n"], ["The best is above by", "n"], ["Size", "n"], ["Tokens/s", "n"], "Why"], found.map((one) => h("tr", { class: one.chosen && "chosen" }, h("th", { scope: "row" }, one.base, one.recipe && h("small", one.recipe)),
    cell("Score", one.score ? [score(one.score.mean), h("small", bounds(one.score.interval))] : badge("stopped", "left out")), cell("The best is above by", one.below_best), cell("Size", one.score && one.size), cell("Tokens/s", one.tokens_per_second ? count(Math.round(one.tokens_per_second)) : ""), h("td", { "data-label": "Why" }, one.chosen && "chosen: ", one.reason))), { class: "stack" }));
}
