// Talk to a specialist next to its base; what was good, bad or corrected becomes data.

import { get, GONE, post, reach, StudioError } from "./api.js";
import { byId, h, link, path, screen, show } from "./dom.js";
import { visible } from "./visible.js";
import { action, dialog, duration, errorBox, filled, filledRun, head, labelled, plural, say, tabs } from "./parts.js";

const NAMES = { specialist: "Specialist", base: "Base alone" };
let histories = { specialist: [], base: [] };
let running = null;
const turns = h("div", { class: "talk", role: "log", "aria-live": "off", "aria-label": "The talk" });
const spoken = h("p", { class: "hidden", role: "status" });

async function load() {
  const about = await get("talk", { path });
  const input = h("textarea", { rows: "2", dir: "auto", id: "question", required: true, onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); event.target.form.requestSubmit(); } } });
  const both = h("input", { type: "checkbox", id: "both", checked: true });
  show(screen,
    head("Talk", [["Start", "/"], [path.split("/").at(-1), link("run", { path })]], [action("New talk", () => { running?.abort(); histories = { specialist: [], base: [] }; show(turns, hint()); input.focus(); })], about.task && h("p", { class: "soft lines" }, about.task)),
    tabs(path, "talk"), turns, spoken,
    h("form", { class: "ask", onsubmit: (event) => { event.preventDefault(); ask(input, both.checked); } },
      labelled("Your question", input, "Enter sends it; Shift and Enter begin a new line."),
      h("div", { class: "actions" }, h("button", { type: "submit", class: "main", id: "send" }, "Ask"), h("button", { type: "button", id: "stop", hidden: true, onclick: () => running?.abort() }, "Stop"),
        h("label", { for: "both" }, both, "Also ask the base alone"))));
  show(turns, hint());
  input.focus();
}

const hint = () => h("p", { class: "empty" }, "Ask something that it was made for. The first answer takes some seconds, because the specialist is opened and its files are verified.");

async function ask(input, both) {
  const question = input.value.trim();
  if (!question || running) return;
  const speakers = both ? ["specialist", "base"] : ["specialist"];
  turns.querySelector(".empty")?.remove();
  const boxes = Object.fromEntries(speakers.map((who) => [who, h("div", { class: "text" }, h("span", { class: "soft" }, "…"))]));
  const extras = Object.fromEntries(speakers.map((who) => [who, h("div")]));
  const problem = h("div");
  const turn = h("article", { class: "exchange" }, h("p", { class: "asked text" }, h("b", "You: "), question),
    h("div", { class: "sides" }, speakers.map((who) => h("section", { class: who === "specialist" && "chosen" }, h("h3", NAMES[who]), boxes[who], extras[who]))), problem);
  turns.append(turn);
  turn.scrollIntoView({ block: "end" });
  input.value = "";
  busy(true);
  const conversations = Object.fromEntries(speakers.map((who) => [who, [...histories[who], { role: "user", content: question }]]));
  try {
    const response = await reach("/api/talk", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ path, conversations }), signal: running.signal });
    if (!response.ok) throw new StudioError((await response.json()).error, response.status);
    for await (const line of lines(response)) take(line, conversations, boxes, extras, turn);
  } catch (error) {
    if (error.name === "AbortError") show(problem, h("p", { class: "soft" }, "Stopped."));
    else show(problem, errorBox(error));
    // Nobody says more, and the question is not lost.
    for (const who of speakers) if (!extras[who].hasChildNodes() && boxes[who].querySelector(".soft")) show(boxes[who], h("span", { class: "soft" }, "no answer"));
    input.value ||= question;
  }
  busy(false);
  input.focus();
}

function busy(is) {
  running = is ? new AbortController() : null;
  byId("send").disabled = is;
  byId("stop").hidden = !is;
}

async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => { throw error.name === "AbortError" ? error : new StudioError(GONE); });
    if (done) return;
    const found = (rest + value).split("\n");
    rest = found.pop();
    for (const line of found) if (line) yield JSON.parse(line);
  }
}

function take(line, conversations, boxes, extras, turn) {
  if (line.error) throw new StudioError(line.error);
  if (line.doing) return show(boxes.specialist, h("span", { class: "soft" }, line.doing));
  const { who } = line;
  if (line.begins) show(boxes[who]);
  else if (line.part !== undefined) boxes[who].append(visible(line.part));
  else {
    show(boxes[who], line.text || h("span", { class: "soft" }, "(empty)"));
    histories[who] = [...conversations[who], { role: "assistant", content: line.text || " " }];
    show(extras[who], passages(line.passages), judge(who, conversations[who], line));
    spoken.textContent = visible(`${NAMES[who]}: ${line.text}`);
  }
  turn.scrollIntoView({ block: "end" });
}

function passages(found) {
  if (!found.length) return null;
  return h("details", { open: found.some((one) => one.cited) }, h("summary", plural(found.length, "passage was read", "passages were read")), found.map((one) =>
    h("div", { class: `passage${one.cited ? " cited" : ""}` }, h("p", { class: "small" }, one.cited && h("b", "Cited: "), action(`${one.file}, line${one.lines[0] === one.lines[1] ? ` ${one.lines[0]}` : `s ${one.lines.join(" to ")}`}`, () => openAt(one), { class: "cell inline" })), h("p", { class: "text small" }, one.text))));
}

async function openAt(one) {
  const content = h("div", h("p", { class: "loading" }, "Loading…"));
  dialog(`${one.file}, line ${one.lines[0]}`, [content], [["Close", null]], { class: "big" });
  await filled(content, async () => {
    let found;
    try {
      found = await get("document", { path, file: one.file, line: one.lines[0] });
    } catch (error) {
      return show(content, h("p", { class: "note" }, error.why), h("p", { class: "text" }, one.text));
    }
    show(content, h("ol", { class: "document", start: found.first, tabindex: "0", "aria-label": "Lines of the document" }, found.lines.map((text, i) => {
      const number = found.first + i, here = number >= one.lines[0] && number <= one.lines[1];
      return h("li", { class: here && "here", id: number === one.lines[0] && "here" }, here ? h("mark", text || " ") : text || " ");
    })));
    byId("here")?.scrollIntoView({ block: "center" });
  });
}

function judge(who, messages, line) {
  const note = h("span", { class: "soft small", role: "status" });
  const send = async (kind, better = "") => {
    const { file, count } = await post("feedback", { path, who, kind, messages, said: line.text, better });
    note.textContent = `In ${file}, which has ${count}.`;
    say("Kept.");
  };
  const correct = () => {
    const area = h("textarea", { rows: "6", dir: "auto" });
    area.value = line.text;
    const box = dialog("What should it have said?", [labelled("The right answer", area, "It becomes an example, and with the answer that was given a pair of a good and a bad answer.")], [["Keep the correction", () => send("corrected", area.value), { class: "main" }], ["Cancel", null]]);
    box.unsaved = () => area.value !== line.text;
  };
  return h("div", { class: "actions judge" }, action("Good", () => send("good"), { class: "small", "aria-label": `Good answer of the ${who}` }), action("Bad", () => send("bad"), { class: "small", "aria-label": `Bad answer of the ${who}` }), action("Correct…", correct, { class: "small", "aria-label": `Correct the answer of the ${who}` }),
    h("span", { class: "soft small" }, line.abstained ? "It is not sure, and leaves this to a person." : duration(line.seconds)), note);
}

filledRun("Talk", "talk", path, load);
