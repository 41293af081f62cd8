// @ts-check
/**
 * `<choose-documents>`: what was chosen in the list, and what is to be done with all of it. The
 * choice outlives rows that are rendered again.
 */

import { confirmed } from "realtime/actions.js";
import { call } from "realtime/http.js";
import { notice } from "realtime/notice.js";

const AT_ONCE = 100; // ids in a request

class ChooseDocuments extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {Set<string>} */
  #chosen = new Set();
  #busy = false;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const list = /** @type {HTMLElement} */ (document.querySelector("live-list"));
    list.addEventListener("change", ({ target }) => {
      const box = /** @type {HTMLInputElement} */ (target);
      if (box.name !== "chosen") return;
      if (box.checked) this.#chosen.add(box.value);
      else this.#chosen.delete(box.value);
      this.#show();
    }, { signal });
    const observer = new MutationObserver(() => this.#check());
    observer.observe(list, { childList: true, subtree: true });
    signal.addEventListener("abort", () => observer.disconnect());
    this.addEventListener("click", ({ target }) => {
      const button = /** @type {HTMLElement} */ (target).closest("[data-do]");
      if (button) this.#act(button.getAttribute("data-do") ?? "");
    }, { signal });
    this.querySelector("select")?.addEventListener("change", ({ target }) => {
      const select = /** @type {HTMLSelectElement} */ (target);
      const collectionId = select.value === "none" ? null : select.value;
      select.value = "";
      this.#each("move", "Moved", { collectionId });
    }, { signal });
    addEventListener("pageshow", () => this.#read(), { signal });
    this.#read();
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #boxes() {
    return /** @type {NodeListOf<HTMLInputElement>} */ (
      document.querySelectorAll("live-list [name=chosen]")
    );
  }

  /** What was chosen before this script had loaded, or is as the browser left it. */
  #read() {
    for (const box of this.#boxes) if (box.checked) this.#chosen.add(box.value);
    this.#show();
  }

  #check() {
    for (const box of this.#boxes) box.checked = this.#chosen.has(box.value);
  }

  #show() {
    const number = this.#chosen.size;
    this.hidden = !number;
    const place = this.querySelector(".chosen-count");
    if (place) place.textContent = `${number} chosen`;
  }

  /** @param {string} what */
  async #act(what) {
    if (what === "all") return await this.#chooseAll();
    if (what === "none") return this.#forget();
    if (what === "delete") {
      const number = this.#chosen.size;
      const words = "Their text and index go too. Answers that quoted them keep their quotes.";
      const documents = `${number} ${number === 1 ? "document" : "documents"}`;
      if (!await confirmed(`Remove ${documents}?`, words, "Remove")) return;
      return await this.#each("delete", "Removed");
    }
    await this.#each(what, what === "retry" ? "Begun again" : "Cancelled");
  }

  #forget() {
    this.#chosen.clear();
    this.#check();
    this.#show();
  }

  async #chooseAll() {
    try {
      const { documentIds } = await call("GET", `/api/documents/ids${location.search}`);
      for (const id of documentIds) this.#chosen.add(id);
      this.#check();
      this.#show();
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }

  /**
   * Some at a time, so that the page tells how far it is and no request takes long.
   * @param {string} what
   * @param {string} said
   * @param {object} [more]
   */
  async #each(what, said, more = {}) {
    if (this.#busy) return;
    this.#busy = true;
    this.ariaBusy = "true";
    const ids = [...this.#chosen];
    const place = /** @type {HTMLElement} */ (this.querySelector(".chosen-count"));
    let done = 0;
    try {
      for (let start = 0; start < ids.length; start += AT_ONCE) {
        const documentIds = ids.slice(start, start + AT_ONCE);
        done += (await call("POST", `/api/documents/${what}`, { documentIds, ...more })).done;
        for (const id of documentIds) this.#chosen.delete(id);
        place.textContent = `${start + documentIds.length} of ${ids.length} …`;
      }
      notice(`${said}: ${done} of ${ids.length}.`);
      this.#forget();
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
      this.#check();
      this.#show();
    }
    this.#busy = false;
    this.ariaBusy = "false";
  }
}

customElements.define("choose-documents", ChooseDocuments);
