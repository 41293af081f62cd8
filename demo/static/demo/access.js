// @ts-check
/** The settings page: `<access-list>` of sessions and tokens, and `<token-maker>`. */

import { ACCEPTED } from "realtime/actions.js";
import { forgetDrafts } from "realtime/drafts.js";
import { keepFocus } from "realtime/focus.js";
import { call, fetchPart } from "realtime/http.js";
import { notice } from "realtime/notice.js";

const CHANGED = "access-changed";

class AccessList extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.addEventListener(ACCEPTED, () => this.#refresh(), { signal });
    document.addEventListener(CHANGED, () => this.#refresh(), { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  async #refresh() {
    try {
      const { part } = await fetchPart(this.dataset.part ?? "");
      keepFocus(this, () => this.replaceChildren(part));
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }
}

class TokenMaker extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#make();
    }, { signal });
    this.#made.querySelector("button")?.addEventListener("click", () => this.#copy(), { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  get #made() {
    return /** @type {HTMLElement} */ (this.querySelector(".made"));
  }

  get #token() {
    return /** @type {HTMLElement} */ (this.#made.querySelector("code"));
  }

  async #make() {
    const fields = new FormData(this.#form);
    const days = Number(fields.get("days"));
    const wrong = /** @type {HTMLElement} */ (this.querySelector(".error-words"));
    const scopes = fields.getAll("scope");
    wrong.textContent = scopes.length ? "" : "Choose what it may do.";
    if (!scopes.length) return;
    try {
      const { token } = await call("POST", this.dataset.url ?? "", {
        name: fields.get("name"),
        scopes,
        expiresInDays: days || undefined,
      });
      this.#made.hidden = false;
      this.#token.textContent = token;
      forgetDrafts(this.#form);
      this.#form.reset();
      document.dispatchEvent(new Event(CHANGED));
    } catch (error) {
      wrong.textContent = /** @type {Error} */ (error).message;
    }
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#token.textContent ?? "");
      notice("Copied.");
    } catch {
      getSelection()?.selectAllChildren(this.#token);
      notice("Press Ctrl+C to copy.");
    }
  }
}

customElements.define("access-list", AccessList);
customElements.define("token-maker", TokenMaker);
