// @ts-check
/** Requests to our own server: commands to the API, and parts of pages as the server renders them. */

/** A request that was refused, or did not get through (status 0). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} words for the person
   * @param {Record<string, string[]>} [errors] what is wrong with what
   */
  constructor(status, words, errors = {}) {
    super(words);
    this.status = status;
    this.errors = errors;
  }
}

/** Sent on `window` when the server no longer knows who we are. */
export const SIGNED_OUT = "signed-out";

export const csrfToken = () =>
  document.querySelector("meta[name=csrf-token]")?.getAttribute("content") ?? "";

/** Makes it harmless to send the same again. Unlike `randomUUID` it is there without encryption. */
export const randomKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/**
 * @param {string} method
 * @param {string} url
 * @param {object} [body] sent as JSON
 * @param {string} [key] makes it harmless to send the same again
 * @returns {Promise<any>} what came back, or null
 */
export async function call(method, url, body, key) {
  const response = await reach(url, {
    method,
    headers: {
      "X-CSRFToken": csrfToken(),
      "Content-Type": "application/json",
      ...key && { "Idempotency-Key": key },
    },
    body: body && JSON.stringify(body),
  });
  return response.status === 204 ? null : await response.json().catch(() => null);
}

/**
 * Text as the server rendered it: the one way from a string to elements, and so the one policy.
 * @type {{createHTML: (html: string) => string}}
 */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("demo", {
  createHTML: (/** @type {string} */ html) => html,
}) ?? { createHTML: (/** @type {string} */ html) => html };

/**
 * Elements from HTML that the server has made safe.
 * @param {string} html
 */
export function toFragment(html) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return template.content;
}

/**
 * A part of a page, freshly rendered.
 * @param {string} url
 * @returns {Promise<{part: DocumentFragment, after: string}>} `after`: the event it already holds
 */
export async function fetchPart(url) {
  const response = await reach(url, { headers: { "X-Part": "1" } });
  const after = response.headers.get("X-Live-After");
  if (after === null || new URL(response.url).origin !== location.origin) {
    throw new Problem(response.status, "The server sent something else.");
  }
  return { part: toFragment(await response.text()), after };
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function reach(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw new Problem(0, "The server cannot be reached. Try again in a moment.");
  }
  if (!response.ok) throw problem(response.status, await response.text());
  return response;
}

/**
 * @param {number} status
 * @param {string} text a problem document, if it is one
 */
export function problem(status, text) {
  if (status === 401) globalThis.dispatchEvent(new Event(SIGNED_OUT));
  try {
    const { title, detail, errors } = JSON.parse(text);
    return new Problem(status, detail || title, errors);
  } catch {
    return new Problem(status, `The server answered ${status}. Try again in a moment.`);
  }
}
