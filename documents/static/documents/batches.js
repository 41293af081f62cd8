// @ts-check
/** The rows of batches: each that this person's tabs send files of is there, in every tab. */

import { fetchPart } from "realtime/http.js";
import { live } from "realtime/live.js";
import "documents/batch.js";

/** @typedef {import("documents/batch.js").UploadBatch} UploadBatch */

export class Batches {
  /** @type {Map<string, Promise<UploadBatch | null>>} by their ids; those that were dismissed too */
  #shown = new Map();

  /**
   * @param {HTMLElement} place
   * @param {string} url where the rows come from, by `?id=`; those that are open without
   * @param {AbortSignal} signal
   */
  constructor(place, url, signal) {
    this.place = place;
    this.url = url;
    live.on("batch_progress", (event) => {
      if (!event.terminal) this.show(event.batchId).catch(() => {}); // the next event asks again
    }, { signal });
    live.on("resync", () => this.#fetch("").catch(() => {}), { signal });
  }

  /**
   * The row of a batch, which is fetched once.
   * @param {string} id
   */
  show(id) {
    const row = this.#shown.get(id) ?? this.#find(id) ?? this.#fetch(id);
    this.#shown.set(id, Promise.resolve(row));
    return Promise.resolve(row).catch((error) => {
      this.#shown.delete(id);
      throw error;
    });
  }

  /** @param {string} id */
  #find(id) {
    return /** @type {UploadBatch | null} */ (
      this.place.querySelector(`#batch-${CSS.escape(id)}`)
    );
  }

  /** @param {string} id of a batch; "" for all that are open */
  async #fetch(id) {
    const { part, after } = await fetchPart(id ? `${this.url}?id=${id}` : this.url);
    const rows = [...part.querySelectorAll("upload-batch")];
    this.place.append(...rows.filter((row) => !document.getElementById(row.id)));
    for (const event of live.since(after)) {
      if (event.type !== "batch_progress") continue;
      const news = /** @type {import("realtime/messages.js").BatchProgress} */ (event);
      this.#find(news.batchId)?.tell(news);
    }
    return this.#find(id);
  }
}
