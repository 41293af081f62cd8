// @ts-check
/**
 * `<live-document>`: one document's page; it moves with the job, and is fetched again at its end and
 * when what the person may do with it changes. `[data-while-there]` goes with the document.
 */

import { fetchPart, Problem } from "realtime/http.js";
import { isNews } from "realtime/job-news.js";
import { keepFocus } from "realtime/focus.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import "realtime/actions.js";
import "realtime/job-progress.js";

/** @typedef {import("realtime/job-progress.js").JobProgress} JobProgress */

class LiveDocument extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #fetching = Promise.resolve();
  /** Fetches that have no answer yet. What is told meanwhile is told again after the last. */
  #awaited = 0;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("document_status", (event) => this.#tell(event), { signal });
    live.on("document_shared", (event) => this.#share(event), { signal });
    live.on("collection_changed", () => this.fetch().catch((error) => notice(error.message)), {
      signal,
    });
    live.on("resync", () => this.fetch(), { signal });
    const mark = this.querySelector("#passage");
    if (mark && !location.hash) mark.scrollIntoView({ block: "center" });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  fetch() {
    this.#awaited += 1;
    const done = this.#fetching.then(() => this.#fetchNow());
    this.#fetching = done.catch(() => {});
    return done;
  }

  async #fetchNow() {
    const fresh = await fetchPart(this.dataset.part ?? "").catch((error) => {
      if (!(error instanceof Problem) || error.status !== 404) throw error;
    }).finally(() => this.#awaited -= 1);
    if (!fresh) return this.#gone("This document is not there for you any more.");
    const { part, after } = fresh;
    keepFocus(this, () => this.replaceChildren(part));
    for (const event of live.since(after)) {
      if (event.type === "document_status") this.#tell(event);
    }
  }

  /** @param {import("realtime/socket.js").Message} event */
  #tell(event) {
    if (event.documentId !== this.dataset.id) return;
    if (event.status === "DELETED") return this.#gone("This document was removed.");
    const job = /** @type {JobProgress | null} */ (this.querySelector("job-progress"));
    const attempt = this.querySelector("[data-job]")?.getAttribute("data-attempt");
    const ended = { attempt: Number(attempt ?? event.attempt), progress: 100, ended: true };
    const again = job ? job.tell(event) && event.terminal : isNews(ended, event);
    if (!again) return;
    if (event.terminal) notice(event.message, { hidden: true });
    if (!this.#awaited) this.fetch().catch((error) => notice(error.message));
  }

  /** @param {import("realtime/socket.js").Message} event */
  #share({ documentId, userId, role }) {
    if (documentId !== this.dataset.id) return;
    if (role === "none" && userId === document.body.dataset.userId) {
      return this.#gone("This document is no longer shared with you.");
    }
    this.fetch().catch((error) => notice(error.message));
  }

  /** @param {string} why */
  #gone(why) {
    this.#life?.abort();
    document.querySelector("[data-while-there]")?.remove();
    const words = document.createElement("p");
    words.className = "empty";
    words.textContent = why;
    const link = document.createElement("a");
    link.href = "/documents/";
    link.textContent = "All documents";
    words.append(link);
    this.replaceChildren(words);
    link.focus();
  }
}

customElements.define("live-document", LiveDocument);
