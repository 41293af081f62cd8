// @ts-check
/**
 * Files that were announced with a batch and do not come: the server is told, so that the batch ends.
 * A page that is left says it of all that it had not sent.
 */

import { call, csrfToken, randomKey } from "realtime/http.js";

const MOST_TRIES = 60;
const PAUSE = 5_000;

/**
 * @param {string} batch its address
 * @param {number} number
 */
export async function tellLost(batch, number) {
  const key = randomKey();
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    try {
      return await call("POST", `${batch}/lost`, { number }, key);
    } catch (error) {
      const { status } = /** @type {import("realtime/http.js").Problem} */ (error);
      if (status && status < 500) return; // nothing that a further try would change
    }
    await new Promise((go) => setTimeout(go, PAUSE));
  }
}

/** How many files of each batch, by its address, this page has still to send. */
export class Unsent {
  /** @type {Map<string, number>} */
  #left = new Map();

  /** @param {AbortSignal} signal */
  constructor(signal) {
    addEventListener("pagehide", ({ persisted }) => {
      if (!persisted) this.#tellAll();
    }, { signal });
  }

  /**
   * @param {string} batch
   * @param {number} number
   */
  set(batch, number) {
    if (number) this.#left.set(batch, number);
    else this.#left.delete(batch);
  }

  #tellAll() {
    for (const [batch, number] of this.#left) {
      fetch(`${batch}/lost`, {
        method: "POST",
        headers: { "X-CSRFToken": csrfToken(), "Content-Type": "application/json" },
        body: JSON.stringify({ number }),
        keepalive: true,
      }).catch(() => {});
    }
  }
}
