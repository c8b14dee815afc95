// Elements from names, attributes and children. Text is always a text node: nothing that is shown can become markup,
// and characters that act or hide are written out.

import { visible } from "./visible.js";

const READ_OUT = ["aria-label", "title"];
const SVG = "http://www.w3.org/2000/svg";

/** An element: h("p", { class: "soft" }, "text", h("b", "more")). Handlers are given as onclick: function. */
export function h(name, ...parts) {
  return fill(document.createElement(name), parts);
}

/** The same for an element of a drawing. */
export function s(name, ...parts) {
  return fill(document.createElementNS(SVG, name), parts);
}

function fill(element, parts) {
  for (const part of parts.flat(Infinity)) {
    if (part === null || part === undefined || part === false) continue;
    if (part instanceof Node) element.append(part);
    else if (typeof part === "object") set(element, part);
    else element.append(document.createTextNode(visible(String(part))));
  }
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "value") element.value = value;
    else if (name === "href" && !/^(\/(?!\/)|#|\?)/.test(value)) throw new Error("links lead within the studio only");
    else element.setAttribute(name, value === true ? "" : READ_OUT.includes(name) ? visible(String(value)) : value);
  }
}

/** Replace what an element holds. */
export function show(element, ...parts) {
  element.replaceChildren();
  return fill(element, parts);
}

/** Replace what an element holds, and keep the focus on the element of the same id. */
export function update(element, ...parts) {
  const focused = document.activeElement?.id;
  show(element, ...parts);
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  return element;
}

export const byId = (id) => document.getElementById(id);
export const screen = byId("screen");
export const path = screen?.dataset.path ?? "";

/** The address of a page of the studio. */
export function link(page, fields = {}) {
  const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined));
  return `/${page}${query.size ? `?${query}` : ""}`;
}
