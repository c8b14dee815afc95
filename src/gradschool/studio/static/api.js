// Requests to the studio: each gives a value, or an error with what, why and what to do.

import { byId } from "./dom.js";

export class StudioError extends Error {
  constructor({ what, why = "", fix = "", now }, status = 0) {
    super(what);
    Object.assign(this, { what, why, fix, now, status });
  }
}

const AGAIN = 400; // milliseconds
const UNREAD = {
  what: "The file was not uploaded.",
  why: "The browser could not read it, or the connection ended. A folder cannot be uploaded as a file.",
  fix: "check that it is a file that you may read, and choose it again.",
};
export const GONE = {
  what: "The studio does not answer.",
  why: "It may have been closed. Work that it has started goes on without it.",
  fix: "start it again with gradschool studio; this page goes on by itself.",
};

/** GET an address with fields. */
export async function get(address, fields = {}, signal) {
  const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined));
  return send(`/api/${address}${query.size ? `?${query}` : ""}`, { signal });
}

/** POST values as JSON. */
export async function post(address, values = {}, signal) {
  return send(`/api/${address}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(values),
    signal,
  });
}

/** Ask; while the studio is still computing the reply, say so with an event `working`, and ask again. */
async function send(address, options) {
  let response, value;
  for (;;) {
    response = await reach(address, options);
    value = await response.json().catch(() => ({}));
    if (response.status !== 202) break;
    document.dispatchEvent(new CustomEvent("working", { detail: value.working }));
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
  if (!response.ok) throw new StudioError(value.error ?? GONE, response.status);
  return value;
}

/** A response, or an error if the studio cannot be reached. */
export async function reach(address, options) {
  try {
    const response = await fetch(address, options);
    lost(false);
    return response;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost(true);
    throw new StudioError(GONE);
  }
}

/** Upload a file; `progress` gets fractions. */
export function upload(address, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/${address}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      let value = {};
      try { value = JSON.parse(request.responseText); } catch { /* the error below says it */ }
      if (request.status < 300) resolve(value);
      else reject(new StudioError(value.error ?? GONE, request.status));
    };
    request.onerror = () => get("queue").then(() => reject(new StudioError(UNREAD)), reject);
    request.send(file);
  });
}

function lost(is) {
  const line = byId("lost");
  if (line && line.hidden === is) {
    line.hidden = !is;
    line.textContent = is ? `${GONE.what} ${GONE.why} To go on, ${GONE.fix}` : "";
  }
}

/**
 * Ask again and again, `seconds` after each answer, until `ask` returns false; slower while the page is hidden.
 * An error of the studio is waited out; one of the question ends it, and `ended` gets it.
 */
export function repeat(ask, seconds = 1, ended = (error) => console.error(error)) {
  const turn = async () => {
    let again = true;
    try {
      again = (await ask()) !== false;
    } catch (error) {
      again = error instanceof StudioError && (error.status === 0 || error.status >= 500);
      if (!again) ended(error);
    }
    if (again) setTimeout(turn, 1000 * seconds * (document.hidden ? 5 : 1));
  };
  turn();
}
