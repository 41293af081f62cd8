// @ts-check
/** `<found-list>`: j and k, or the arrows on a passage, go through the passages that were found. */

const STEPS = new Map([["j", 1], ["k", -1], ["ArrowDown", 1], ["ArrowUp", -1]]);

class FoundList extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;

  connectedCallback() {
    this.#life = new AbortController();
    document.addEventListener("keydown", (event) => this.#press(event), {
      signal: this.#life.signal,
    });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const step = STEPS.get(event.key);
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {Element} */ (event.target);
    if (target.closest("input, select, textarea, [contenteditable]")) return;
    const links = /** @type {HTMLElement[]} */ ([...this.querySelectorAll(".source a")]);
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (at < 0 && event.key.startsWith("Arrow")) return; // the page scrolls
    const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

customElements.define("found-list", FoundList);
