// From files to a job: bring files, say what for, look at what was found, and only then make the job.

import { get, post, repeat, StudioError, upload } from "./api.js";
import { byId, h, link, screen, show, update } from "./dom.js";
import { found } from "./found.js";
import { action, dialog, errorBox, filled, head, labelled, plural, size, stopWork } from "./parts.js";

const PURPOSES = {
  skill: ["A skill", "It should do one kind of work: rewrite, sort, extract, answer. Bring examples with a question and the answer that you would give.", "tables, JSON, tickets"],
  persona: ["A persona", "It should answer as your team or your assistant does, from your help pages. Bring conversations, and documents if there are some.", "chats, tickets, dialogues, help pages"],
  style: ["A style", "It should write as one person writes. Bring what that person has written.", "a mailbox, letters, articles"],
};
const address = new URLSearchParams(location.search);
let batch = address.get("batch") ?? "", id = address.get("id") ?? "";
const sources = new Map(); // by path: name, bytes, progress or error
const list = h("ul", { class: "files", "aria-live": "polite" });
const reading = h("div", { "aria-live": "polite" });

async function start() {
  if (id) return follow();
  if (batch) for (const file of (await get("uploads", { batch })).files) sources.set(file.path, file);
  const problem = h("div");
  const picker = h("input", { type: "file", multiple: true, class: "hidden", id: "picker", tabindex: "-1", "aria-label": "Files", onchange: (event) => filled(problem, () => add([...event.target.files])) });
  const drop = h("div", { class: "drop", ondragover: (event) => { event.preventDefault(); drop.classList.add("over"); }, ondragleave: () => drop.classList.remove("over"),
    ondrop: (event) => { event.preventDefault(); drop.classList.remove("over"); filled(problem, () => add(dropped(event.dataTransfer))); } },
  h("p", h("b", "Drop files here")), h("p", { class: "soft" }, "Tables (CSV, XLSX), JSON, mailboxes, chat and ticket exports, documents, or archives of these. They stay on this machine."),
  h("div", { class: "actions center" }, h("button", { type: "button", onclick: () => picker.click() }, "Choose files"), action("Choose a folder here", browse), picker));
  show(screen, head("New job", [["Start", "/"]]),
    h("form", { onsubmit: (event) => { event.preventDefault(); filled(problem, () => look(event.target)); } },
      h("section", h("h2", "1. What do you have?"), drop, list, reading),
      h("section", h("fieldset", h("legend", h("h2", "2. What should it learn?")), h("div", { class: "cards choose" }, Object.entries(PURPOSES).map(([value, [name, words, bring]]) =>
        h("label", { class: "card" }, h("input", { type: "radio", name: "purpose", value, required: true, checked: value === "skill" }), h("b", name), h("span", words), h("small", `For example: ${bring}.`)))))),
      h("section", h("h2", "3. Name and goal"), h("div", { class: "fields" },
        labelled("Name of the job", h("input", { name: "name", required: true, pattern: "[\\p{L}\\p{N}_][\\p{L}\\p{N}_ .\\-]*", maxlength: "80", autocomplete: "off" }), "It becomes a folder, such as letters."),
        labelled("Pass mark", h("input", { name: "pass_mark", type: "number", min: "0.01", max: "1", step: "any" }), "From 0 to 1: how good is good enough? If you leave it empty, a guess is taken; set your own before the climb, because the verdict is about it."),
        labelled("Private data", h("select", { name: "private" }, h("option", { value: "pseudonyms" }, "replace by made-up names and numbers"), h("option", { value: "drop" }, "leave examples with private data out"), h("option", { value: "keep" }, "keep as it is")), "Names, addresses, phone numbers, accounts, keys. Which were found is shown before anything is written.")),
      h("details", h("summary", "More: columns, people, languages, guidelines"), h("div", { class: "fields" },
        column("input_column", "Column with the question", "If its name does not say so."), column("output_column", "Column with the ideal answer"), column("group_column", "Column with the customer or thread", "Examples of one group stay together."), column("date_column", "Column with the date"), text("text_column", "Column with the author's texts", "For a style."),
        text("author", "Author", "For a style: mail addresses or names, separated by commas."), text("agent", "Who answers", "For a persona: names or roles, separated by commas."), text("language", "Languages to keep", "Such as en, de."), text("guidelines", "File with guidelines", "In one of the folders of the studio."), text("others", "Texts of other people", "For a style: a file or folder in the folders of the studio.")))),
      problem, h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Look at the files"), h("span", { class: "soft" }, "Nothing is written into your folder yet."))));
  files();
}

/** A field that names a column: the tables are read again with it. */
function column(name, label, about) {
  const field = text(name, label, about);
  field.querySelector("input").addEventListener("change", understood);
  return field;
}

const text = (name, label, about = "") => labelled(label, h("input", { name, type: "text", autocomplete: "off", spellcheck: "false" }), about);

/** The files that were dropped; a browser gives folders as files that it cannot read. */
function dropped(data) {
  const folder = [...data.items].map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
  if (folder) throw new StudioError({ what: `${folder.name} is a folder.`, why: "Only files can be dropped.", fix: "drop the files in it; or take the folder with “Choose a folder here”, if it is in a folder of the studio." });
  return [...data.files];
}

async function add(given) {
  if (!batch) {
    ({ batch } = await post("uploads"));
    history.replaceState(null, "", link("new", { batch }));
  }
  for (const file of given) {
    const key = `waiting:${file.name}`;
    sources.set(key, { name: file.name, bytes: file.size, part: 0 });
    files_(key);
    try {
      const saved = await upload(`upload?${new URLSearchParams({ batch, name: file.name })}`, file, (part) => { sources.get(key).part = part; files_(key); });
      sources.delete(key);
      sources.set(saved.path, { ...saved, name: saved.path.split("/").at(-1), uploaded: true });
    } catch (error) {
      sources.set(key, { name: file.name, error });
    }
    files();
  }
}

const files_ = () => files(false);

function files(read = true) {
  update(list, [...sources].map(([path, one]) => h("li", { class: "line" },
    h("b", one.name), h("span", { class: "soft" }, one.bytes ? size(one.bytes) : ""),
    one.part !== undefined && h("progress", { max: "1", value: one.part, "aria-label": `Uploading ${one.name}` }),
    one.error && errorBox(one.error),
    one.part === undefined && action("Remove", async () => { if (one.uploaded || path.startsWith("uploads/")) await post("uploads/discard", { path }); sources.delete(path); files(); }, { class: "small quiet", "aria-label": `Remove ${one.name}` }))));
  if (read) understood();
}

const ready = () => [...sources].filter(([, one]) => one.part === undefined && !one.error).map(([path]) => path);

let asked = 0;
async function understood() {
  const paths = ready().filter((path) => /\.(jsonl|ndjson|json|csv|tsv|xlsx)$/i.test(path));
  if (!paths.length) return show(reading);
  const mine = ++asked;
  show(reading, h("p", { class: "soft", role: "status" }, "Reading the tables…"));
  await filled(reading, async () => {
    const columns = Object.fromEntries(["input_column", "output_column", "group_column", "date_column"].map((name) => [name, screen.querySelector(`[name=${name}]`)?.value ?? ""]));
    const answer = await post("reading", { sources: paths, ...columns });
    if (mine === asked) show(reading, answer.files.map(table));
  });
}

function table(file) {
  if (file.error) return h("div", { class: "note" }, h("p", h("b", `${file.file} is not a table of examples by itself. `), file.error.what), h("p", { class: "soft lines small" }, file.error.why), h("p", { class: "small" }, "If it is an export of chats or tickets, go on; otherwise, name its columns below under “More”."));
  return h("details", { class: "note", open: true }, h("summary", h("b", file.file), `: ${file.form}, ${plural(file.examples, "example")}${file.dropped ? `, ${plural(file.dropped, "line")} left out` : ""}`),
    h("p", Object.entries(file.columns).map(([name, use]) => h("span", { class: "pair" }, h("code", name), ` is ${use}`))),
    file.first[0] && h("div", { class: "turns" }, file.first[0].map((one) => h("p", h("b", `${one.role}: `), h("span", { class: "text" }, one.content.slice(0, 300))))));
}

async function browse(path = "") {
  const content = h("div");
  const box = dialog("Choose a file or folder", [content], [["Cancel", null]]);
  const open = async (at) => filled(content, async () => {
    const here = await get("browse", { path: typeof at === "string" ? at : "" });
    const name = here.path === "." ? here.roots[0].name : here.path; // the first folder itself
    const choose = (one) => { sources.set(one.path, { ...one, bytes: one.bytes }); files(); box.close(); };
    show(content, h("p", { class: "mono soft", role: "status" }, name), here.roots.length > 1 && h("p", here.roots.map((root) => h("button", { type: "button", class: "small quiet", onclick: () => open(root.path) }, root.name))),
      h("div", { class: "actions" }, here.above !== null && h("button", { type: "button", class: "small", onclick: () => open(here.above) }, "Up"), h("button", { type: "button", class: "small main", onclick: () => choose({ path: here.path, name }) }, "Take this whole folder")),
      h("ul", { class: "plain entries" }, here.entries.map((one) => h("li", { class: "line" }, one.folder ? h("button", { type: "button", class: "quiet", onclick: () => open(one.path) }, `${one.name}/`) : h("button", { type: "button", class: "quiet", onclick: () => choose(one) }, one.name), h("span", { class: "soft small" }, one.folder ? "" : size(one.bytes))))),
      here.entries.length === 0 && h("p", { class: "soft" }, "This folder is empty."), here.more > 0 && h("p", { class: "soft" }, `… and ${plural(here.more, "more entry", "more entries")}`));
    content.querySelector("button").focus(); // the one that was pressed is gone
  });
  await open(typeof path === "string" ? path : "");
}

async function look(form) {
  if ([...sources.values()].some((one) => one.part !== undefined)) throw new StudioError({ what: "Files are still being uploaded.", fix: "wait until they are there." });
  const values = Object.fromEntries(new FormData(form));
  const several = (name) => (values[name] ?? "").split(",").map((one) => one.trim()).filter(Boolean);
  const work = await post("preview", { ...values, sources: ready(), author: several("author"), agent: several("agent"), language: several("language"), others: several("others") });
  id = work.about.preview;
  history.pushState(null, "", link("new", { batch, id }));
  follow();
}

function follow() {
  show(screen, head("New job", [["Start", "/"]]), h("div", { id: "preview" }, h("p", { class: "loading", role: "status" }, "Looking at the files…")));
  const box = byId("preview");
  repeat(async () => {
    const now = await get("preview", { id });
    const { state, said } = now.work;
    if (["waiting", "running", "stopping"].includes(state)) {
      update(box, h("p", { class: "loading", role: "status" }, state === "waiting" ? "Waiting for the work before it…" : "Looking at the files…"), h("pre", { class: "log" }, said.trim()), h("p", action("Stop", () => stopWork(now.work.id), { id: "stop" })));
      return true;
    }
    if (state !== "done") {
      const [what, ...why] = said.trim().split("\n").slice(-8);
      show(box, h("div", { class: "error", role: "alert" }, h("p", h("b", "Nothing was prepared.")), h("p", { class: "lines" }, [what, ...why].join("\n"))), h("p", h("a", { class: "button", href: link("new", { batch }) }, "Back to the files")));
      return false;
    }
    found(box, now, id, follow, link("new", { batch }));
    return false;
  }, 0.7, (error) => show(box, errorBox(error), h("p", h("a", { class: "button", href: link("new", { batch }) }, "Back to the files"))));
}

addEventListener("popstate", () => location.reload());
filled(screen, start);
