// Pages of a long list: where we are, and buttons to the others.

import { h } from "./dom.js";
import { count } from "./parts.js";

export function pager(page, pages, go) {
  if (pages < 2) return null;
  const button = (label, to, off) => h("button", { type: "button", class: "small", id: `page-${label}`, disabled: off, onclick: () => go(to) }, label);
  return h("nav", { class: "pager", "aria-label": "Pages" },
    button("First", 0, page === 0), button("Previous", page - 1, page === 0),
    h("span", `page ${count(page + 1)} of ${count(pages)}`),
    button("Next", page + 1, page >= pages - 1), button("Last", pages - 1, page >= pages - 1));
}
