// @ts-check
/** `<cut-document>`: shows how a text would be cut into chunks of another size, and has it cut so. */

import { call } from "realtime/http.js";

class CutDocument extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try(() => this.#cut());
    }, { signal });
    this.querySelector("[data-do=preview]")?.addEventListener("click", () => {
      if (this.#form.reportValidity()) this.#try(() => this.#preview());
    }, { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  get #asked() {
    const fields = new FormData(this.#form);
    return {
      chunkTokens: Number(fields.get("tokens")),
      chunkOverlap: Number(fields.get("overlap")),
    };
  }

  /** @param {() => Promise<void>} act */
  async #try(act) {
    const wrong = /** @type {HTMLElement} */ (this.querySelector(".error-words"));
    wrong.textContent = "";
    try {
      await act();
    } catch (error) {
      wrong.textContent = /** @type {Error} */ (error).message;
    }
  }

  async #cut() {
    await call("POST", `${this.dataset.url}/reprocess`, this.#asked, crypto.randomUUID());
  }

  async #preview() {
    const { chunkTokens, chunkOverlap } = this.#asked;
    const query = new URLSearchParams({
      chunkTokens: String(chunkTokens),
      chunkOverlap: String(chunkOverlap),
    });
    const { chunks, isAll } = await call("GET", `${this.dataset.url}/preview?${query}`);
    const section = /** @type {HTMLElement} */ (this.querySelector(".preview"));
    const list = /** @type {HTMLElement} */ (section.querySelector("ol"));
    const words = /** @type {HTMLElement} */ (section.querySelector("p"));
    list.replaceChildren(...chunks.map(item));
    section.hidden = false;
    const number = `${chunks.length} ${chunks.length === 1 ? "chunk" : "chunks"}`;
    words.textContent = isAll ? `It would be ${number}.` : `The first ${number}, as they would be.`;
  }
}

/** @param {{text: string}} chunk */
function item({ text }) {
  const element = document.createElement("li");
  const words = document.createElement("p");
  words.className = "chunk-text";
  words.textContent = text;
  element.append(words);
  return element;
}

customElements.define("cut-document", CutDocument);
