// Differences between two texts, by words: the longest common subsequence, for texts of a usual length.

import { h } from "./dom.js";

const MOST = 1200; // words of a text that is compared; the table has so many squared cells

const words = (text) => text.match(/\s+|[^\s]+/g) ?? [];
const plain = (word) => word.toLowerCase().replace(/[.,;:!?"'()]/g, "");

/** The parts of `text`, with what `other` does not have marked; the whole text if either is very long. */
export function marked(text, other) {
  const ours = words(text), theirs = words(other).filter((word) => word.trim());
  const real = ours.map((word, i) => [word, i]).filter(([word]) => word.trim());
  if (real.length > MOST || theirs.length > MOST || !theirs.length) return [text];
  const common = new Set(subsequence(real.map(([word]) => plain(word)), theirs.map(plain)).map((i) => real[i][1]));
  const parts = [];
  let run = "";
  const flush = () => { if (run) parts.push(run.trim() ? h("mark", run) : run); run = ""; };
  ours.forEach((word, i) => {
    if (common.has(i) || !word.trim()) {
      if (run && !word.trim() && ours[i + 1] && !common.has(i + 1)) { run += word; return; }
      flush();
      parts.push(word);
    } else run += word;
  });
  flush();
  return parts;
}

/** The places in `a` of a longest common subsequence of `a` and `b`. */
function subsequence(a, b) {
  const width = b.length + 1;
  const length = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      length[i * width + j] = a[i] === b[j] ? length[(i + 1) * width + j + 1] + 1 : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
  const places = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) { places.push(i); i++; j++; }
    else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) i++;
    else j++;
  }
  return places;
}
