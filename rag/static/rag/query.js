// @ts-check
/**
 * `<rag-query>`: one question, its stages, and the answer as it is written.
 *
 * While the answer grows it is plain text; once it is complete the server renders it, with its
 * citations and sources.
 */

import { fetchPart } from "realtime/http.js";
import { isNews } from "realtime/job-news.js";
import { keepFocus } from "realtime/focus.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { atTheEnd, toTheEnd } from "realtime/scroll.js";
import { StreamedText } from "rag/streamed-text.js";
import "realtime/actions.js";
import "realtime/job-progress.js";

/** @typedef {import("realtime/socket.js").Message} Message */
/** @typedef {import("realtime/job-progress.js").JobProgress} JobProgress */

const AGAIN = 2_000;

export class RagQuery extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #text = new StreamedText();
  #fetching = false;
  #fetchAgain = false;
  #attempt = 0;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#read();
    live.on("message_chunk", (event) => this.#tell(event), { signal });
    live.on("rag_progress", (event) => this.#tell(event), { signal });
    live.on("resync", () => this.fetch(), { signal });
    this.addEventListener("accepted", () => this.#fetchSoon(), { signal });
    if (this.dataset.after) this.#catchUp(this.dataset.after);
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get ended() {
    return this.dataset.ended === "true";
  }

  /** The query as the server has it now. */
  async fetch() {
    const { part, after } = await fetchPart(this.dataset.part ?? "");
    const fresh = /** @type {HTMLElement} */ (part.firstElementChild);
    const follow = atTheEnd();
    keepFocus(this, () => this.replaceChildren(...fresh.childNodes));
    this.dataset.attempt = fresh.dataset.attempt;
    const ended = fresh.dataset.ended === "true";
    if (ended && !this.ended) this.#announce();
    this.dataset.ended = String(ended);
    this.#read();
    this.#catchUp(after);
    if (follow && !ended) toTheEnd();
  }

  /** What the markup says. */
  #read() {
    this.#attempt = Number(this.dataset.attempt);
    this.#text = new StreamedText(this.#streaming?.textContent ?? "");
  }

  get #streaming() {
    return this.querySelector(".streaming");
  }

  /** @param {string} after */
  #catchUp(after) {
    for (const event of live.since(after)) this.#tell(event);
  }

  /** @param {Message} event */
  #tell(event) {
    if (event.queryId !== this.dataset.id) return;
    if (event.type === "message_chunk") this.#write(event);
    else if (event.type === "rag_progress") this.#progress(event);
  }

  /** @param {Message} event */
  #progress(event) {
    const job = /** @type {JobProgress | null} */ (this.querySelector("job-progress"));
    if (!job) {
      const seen = { attempt: this.#attempt, progress: 100, ended: true };
      if (isNews(seen, event)) this.#fetchSoon();
      return;
    }
    if (!job.tell(event)) return;
    this.#startOver(event);
    const found = !this.querySelector(".sources") && event.progress >= 50;
    if (event.terminal || found) this.#fetchSoon();
  }

  /** A new attempt writes its answer from the beginning. @param {Message} event */
  #startOver(event) {
    if (Number(event.attempt ?? 0) <= this.#attempt) return;
    this.#attempt = Number(event.attempt);
    this.#text = new StreamedText();
    if (this.#streaming) this.#streaming.textContent = "";
  }

  /** @param {Message} event */
  #write(event) {
    const place = this.#streaming;
    if (!place || Number(event.attempt ?? this.#attempt) < this.#attempt) return;
    this.#startOver(event);
    /** @type {JobProgress | null} */ (this.querySelector("job-progress"))?.heard();
    const follow = atTheEnd();
    try {
      const added = this.#text.put(event.contentOffset, event.content);
      if (added === null) place.textContent = this.#text.text;
      else if (added) place.append(added);
    } catch {
      return this.#fetchSoon(); // something before it is missing
    }
    if (follow) toTheEnd();
  }

  /** One fetch at a time, and one more if something came meanwhile. */
  async #fetchSoon() {
    this.#fetchAgain = true;
    if (this.#fetching) return;
    this.#fetching = true;
    while (this.#fetchAgain && this.isConnected) {
      this.#fetchAgain = false;
      await this.fetch().catch(async (error) => {
        notice(error.message);
        await new Promise((go) => setTimeout(go, AGAIN));
        this.#fetchAgain = error.status === 0 || error.status >= 500;
      });
    }
    this.#fetching = false;
  }

  #announce() {
    const problem = this.querySelector(".stage-line .problem");
    const sources = this.querySelectorAll(".source").length;
    const words = problem?.textContent ?? `The answer is complete, with ${sources} sources.`;
    notice(words, { hidden: true });
    this.dispatchEvent(new Event("ended", { bubbles: true }));
  }
}

customElements.define("rag-query", RagQuery);
