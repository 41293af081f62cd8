// @ts-check
/**
 * `<collection-nav>`: the collections, and the dialogs that change them. What changes comes back as
 * an event; then the collections, and the list of what is in them, are fetched again.
 */

import { keepFocus } from "realtime/focus.js";
import { call, fetchPart } from "realtime/http.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import "documents/share.js";

/** @typedef {import("realtime/live-list.js").LiveList} LiveList */

const TOGETHER = 200;

class CollectionNav extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("collection_changed", (event) => this.#tell(event), { signal });
    live.on("batch_progress", ({ terminal }) => terminal && this.#refresh(), { signal });
    live.on("resync", () => this.#refresh(), { signal });
    document.addEventListener("submit", (event) => {
      const form = /** @type {HTMLFormElement} */ (event.target);
      if (!form.matches(".collection-form")) return;
      event.preventDefault();
      this.#change(form);
    }, { signal });
    document.addEventListener("click", ({ target }) => {
      const button = /** @type {Element} */ (target).closest?.("dialog [data-close]");
      button?.closest("dialog")?.close();
    }, { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
    clearTimeout(this.#timer);
  }

  /** @param {import("realtime/messages.js").CollectionChanged} event */
  #tell({ collectionId, role }) {
    if (role === "none" && collectionId === this.dataset.here) {
      return location.assign(this.dataset.all ?? "");
    }
    this.#refresh();
    this.#list?.fetchAll().catch((error) => notice(error.message));
  }

  get #list() {
    return /** @type {LiveList | null} */ (document.querySelector("live-list"));
  }

  #refresh() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch(), TOGETHER);
  }

  async #fetch() {
    try {
      const { part } = await fetchPart(this.dataset.part ?? "");
      keepFocus(this, () => this.replaceChildren(part));
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }

  /** @param {HTMLFormElement} form */
  async #change(form) {
    const fields = new FormData(form);
    const { method = "", url = "" } = form.dataset;
    const wrong = /** @type {HTMLElement} */ (form.querySelector(".error-words"));
    wrong.textContent = "";
    try {
      const query = method === "DELETE" ? `?documents=${fields.get("documents")}` : "";
      const body = method === "DELETE" ? undefined : Object.fromEntries(fields);
      const made = await call(method, url + query, body);
      if (method === "POST") return location.assign(`?collection=${made.collectionId}`);
      if (method === "DELETE") return location.assign(this.dataset.all ?? "");
      location.reload();
    } catch (error) {
      wrong.textContent = /** @type {Error} */ (error).message;
    }
  }
}

customElements.define("collection-nav", CollectionNav);
