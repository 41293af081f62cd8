// @ts-check
/**
 * `<install-wizard>`: one step after the other, without leaving the page. What was filled in is kept
 * for going back and forth, and for this tab; secrets only until the page is left.
 */

import { fetchPart } from "realtime/http.js";
import { notice } from "realtime/notice.js";
import { HOST_CHANGED } from "mcp_install/host.js";
import "mcp_install/folders.js";
import { INSTALLED } from "mcp_install/review.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

const KEPT = "input[name]:not([type=hidden], [type=radio]), textarea[name], select[name]";
const KEY = `installation by ${document.body.dataset.userId} at ${location.pathname}`;

class InstallWizard extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** What was filled in, by the fields' names. @type {Record<string, string | boolean>} */
  #filled = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  /** @type {Record<string, string | boolean>} */
  #secrets = {};
  #turn = 0;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.addEventListener("input", ({ target }) => this.#keep(target), { signal });
    this.addEventListener("change", ({ target }) => {
      const field = /** @type {HTMLInputElement} */ (target);
      this.#keep(field);
      if (field.name === "host") this.#go(this.#address(field.form, { step: "host" }));
    }, { signal });
    this.addEventListener("submit", (event) => {
      const form = /** @type {HTMLFormElement} */ (event.target);
      if (!form.matches("[data-step]")) return;
      event.preventDefault();
      this.#go(this.#address(form));
    }, { signal });
    this.addEventListener("click", (event) => this.#click(event), { signal });
    this.addEventListener(HOST_CHANGED, (event) => {
      const { status } = /** @type {CustomEvent} */ (event).detail;
      // Until it is ready it is in somebody's hands, and not to be replaced.
      if (status === "READY") this.#show(location.search, false);
    }, { signal });
    this.addEventListener(INSTALLED, () => sessionStorage.removeItem(KEY), { signal });
    addEventListener("popstate", () => this.#show(location.search), { signal });
    this.#fill();
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const link = /** @type {Element} */ (event.target).closest("a[data-step]");
    if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#go(link.search);
  }

  /**
   * @param {HTMLFormElement | null} form
   * @param {Record<string, string>} [more]
   */
  #address(form, more = {}) {
    const address = new URLSearchParams();
    for (const name of ["host", "directory", "step"]) {
      const value = more[name] ?? new FormData(form ?? undefined).get(name);
      if (value) address.set(name, String(value));
    }
    return `?${address}`;
  }

  /** @param {string} search */
  async #go(search) {
    if (search !== location.search) history.pushState(null, "", location.pathname + search);
    await this.#show(search);
  }

  /**
   * @param {string} search
   * @param {boolean} [moves] whether it is another step, to be read from its beginning
   */
  async #show(search, moves = true) {
    const turn = ++this.#turn;
    const chosen = /** @type {HTMLElement | null} */ (document.activeElement)?.closest(
      "[data-key]",
    );
    this.ariaBusy = "true";
    try {
      const { part } = await fetchPart(this.dataset.part + search);
      if (turn !== this.#turn) return;
      const was = this.querySelector("[aria-current]")?.textContent;
      this.replaceChildren(part);
      this.#fill();
      const is = this.querySelector("[aria-current]")?.textContent;
      if (moves && was !== is) this.querySelector("h2")?.focus();
      else if (moves && chosen) this.#radio?.focus();
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    this.ariaBusy = "false";
  }

  get #radio() {
    return /** @type {HTMLElement | null} */ (this.querySelector("[type=radio]:checked"));
  }

  // --- What was filled in --------------------------------------------------------------------------
  /** @param {EventTarget | null} target */
  #keep(target) {
    const field = /** @type {Field} */ (target);
    if (!field.matches(KEPT) || field.closest("ssh-host")) return;
    const kept = isSecret(field) ? this.#secrets : this.#filled;
    kept[field.name] = isSwitch(field) ? field.checked : field.value;
    sessionStorage.setItem(KEY, JSON.stringify(this.#filled));
  }

  #fill() {
    const known = { ...this.#filled, ...this.#secrets };
    for (const field of /** @type {NodeListOf<Field>} */ (this.querySelectorAll(KEPT))) {
      const value = known[field.name];
      // What is in the address is newer.
      if (value === undefined || field.name === "directory" && field.value) continue;
      if (isSwitch(field)) field.checked = Boolean(value);
      else field.value = String(value);
    }
    const filled = this.querySelectorAll("folder-browser, plan-review");
    for (const part of /** @type {Iterable<any>} */ (filled)) part.begin();
  }
}

/** @param {Field} field @returns {field is HTMLInputElement} */
const isSwitch = (field) => field.type === "checkbox";

/** @param {Field} field */
const isSecret = (field) => field.type === "password" || field.dataset.secret !== undefined;

customElements.define("install-wizard", InstallWizard);
