// @ts-check
/**
 * `<fresh-part>`: a part of the page that no event tells of. It is fetched again from `data-part`
 * every `data-every` seconds while somebody looks, and after a command in it was accepted.
 */

import { ACCEPTED } from "realtime/actions.js";
import { keepFocus } from "realtime/focus.js";
import { fetchPart } from "realtime/http.js";

class FreshPart extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #fetching = false;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const ticking = setInterval(() => this.#fetch(), Number(this.dataset.every) * 1000);
    signal.addEventListener("abort", () => clearInterval(ticking));
    this.addEventListener(ACCEPTED, () => this.#fetch(), { signal });
    document.addEventListener("visibilitychange", () => this.#fetch(), { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  async #fetch() {
    // A dialog may ask about what would be replaced.
    if (this.#fetching || document.hidden || document.querySelector("dialog[open]")) return;
    this.#fetching = true;
    try {
      const { part } = await fetchPart(this.dataset.part ?? "");
      keepFocus(this, () => this.replaceChildren(part));
    } catch {
      // The page says by itself that the server is away; the next tick tries again.
    } finally {
      this.#fetching = false;
    }
  }
}

customElements.define("fresh-part", FreshPart);
