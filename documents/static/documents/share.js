// @ts-check
/** `<share-document>`: with whom a document or a collection is shared, to change by its owner. */

import { ACCEPTED } from "realtime/actions.js";
import { keepFocus } from "realtime/focus.js";
import { call, fetchPart } from "realtime/http.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";

class ShareDocument extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #fetching = Promise.resolve();

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#share();
    }, { signal });
    this.addEventListener("change", ({ target }) => {
      const chosen = /** @type {HTMLElement} */ (target);
      if (chosen instanceof HTMLSelectElement && chosen.dataset.username) this.#change(chosen);
    }, { signal });
    this.addEventListener(ACCEPTED, () => this.#refresh(), { signal });
    live.on("document_shared", ({ documentId }) => {
      if (documentId === this.dataset.id) this.#refresh();
    }, { signal });
    live.on("collection_changed", ({ collectionId }) => {
      if (collectionId === this.dataset.id) this.#refresh();
    }, { signal });
    live.on("resync", () => this.#refresh(), { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  async #share() {
    const fields = new FormData(this.#form);
    const wrong = /** @type {HTMLElement} */ (this.querySelector(".error-words"));
    const name = /** @type {HTMLInputElement} */ (this.#form.elements.namedItem("username"));
    wrong.textContent = "";
    try {
      const made = await this.#send(name.value, fields.get("role"));
      this.#form.reset();
      notice(`Shared with ${made.username}.`, { hidden: true });
      await this.#refresh();
    } catch (error) {
      wrong.textContent = /** @type {Error} */ (error).message;
    }
    name.focus();
  }

  /** @param {HTMLSelectElement} chosen */
  async #change(chosen) {
    try {
      await this.#send(chosen.dataset.username, chosen.value);
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    await this.#refresh();
  }

  /**
   * @param {string | undefined} username
   * @param {unknown} role
   */
  #send(username, role) {
    return call("POST", this.dataset.url ?? "", { username, role });
  }

  /** One after the other, so that an older answer never covers a newer one. */
  #refresh() {
    this.#fetching = this.#fetching.then(() => this.#fetch());
    return this.#fetching;
  }

  async #fetch() {
    const list = /** @type {HTMLElement} */ (this.querySelector("[data-list]"));
    try {
      const { part } = await fetchPart(this.dataset.part ?? "");
      keepFocus(list, () => list.replaceChildren(part));
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }
}

customElements.define("share-document", ShareDocument);
