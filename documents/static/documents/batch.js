// @ts-check
/** `<upload-batch>`: files that came in together, over what the server rendered: one row for all. */

import { live } from "realtime/live.js";
import { showsWork } from "realtime/title.js";

/** @typedef {import("realtime/live-list.js").LiveList} LiveList */

export class UploadBatch extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("batch_progress", (event) => {
      if (event.batchId === this.dataset.id) this.tell(event);
    }, { signal });
    this.querySelector("[data-dismiss]")?.addEventListener("click", () => this.remove(), {
      signal,
    });
    showsWork(this, this.dataset.ended === undefined);
  }

  disconnectedCallback() {
    this.#life?.abort();
    showsWork(this, false);
  }

  /**
   * This tab sends the files.
   * @param {number} number
   * @param {number} total
   */
  sent(number, total) {
    this.#say(".batch-sent", number < total ? `${number} of ${total} sent` : "");
  }

  /** @param {import("realtime/messages.js").BatchProgress & {terminal?: boolean}} event */
  tell(event) {
    if (this.dataset.ended !== undefined) return;
    const bar = /** @type {HTMLProgressElement} */ (this.querySelector("progress"));
    bar.value = Math.max(bar.value, event.progress);
    this.#say(".job-percent", `${bar.value} %`);
    this.#say(".batch-words", event.message);
    this.#hide("a", event.failed === event.refused); // these have no row
    if (!event.terminal) return;
    this.dataset.ended = "";
    this.#say(".job-stage", "Done");
    this.#hide("[data-action]", true);
    this.#hide("[data-dismiss]", false);
    showsWork(this, false);
    const list = /** @type {LiveList | null} */ (document.querySelector("live-list"));
    list?.fetchAll().catch(() => {}); // its rows are there and follow events
  }

  /**
   * @param {string} selector
   * @param {boolean} hidden
   */
  #hide(selector, hidden) {
    const element = /** @type {HTMLElement | null} */ (this.querySelector(selector));
    if (element) element.hidden = hidden;
  }

  /**
   * @param {string} selector
   * @param {string} words
   */
  #say(selector, words) {
    const place = this.querySelector(selector);
    if (place && place.textContent !== words) place.textContent = words;
  }
}

customElements.define("upload-batch", UploadBatch);
