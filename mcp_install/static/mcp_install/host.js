// @ts-check
/**
 * `<ssh-host>`: one host, from its first key to what it has. `data-url` is its place in the API,
 * `data-part` where it is rendered again. It sends `host-changed` up from it when it was.
 */

import { keepFocus } from "realtime/focus.js";
import { call, fetchPart } from "realtime/http.js";
import { notice } from "realtime/notice.js";
import "mcp_install/leave.js";

export const HOST_CHANGED = "host-changed";

class SshHost extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #busy = false;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.addEventListener("submit", (event) => {
      const form = /** @type {HTMLFormElement} */ (event.target);
      event.preventDefault();
      event.stopPropagation();
      this.#do(() => form.dataset.do === "trust" ? this.#trust(form) : this.#ask(form));
    }, { signal });
    this.addEventListener("click", ({ target }) => {
      if (/** @type {Element} */ (target).closest("[data-test]")) this.#do(() => this.#test());
    }, { signal });
    this.#goOn();
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #state() {
    return /** @type {HTMLElement} */ (this.querySelector(".host"));
  }

  /** What is next needs nobody's decision. */
  #goOn() {
    if (this.#state.dataset.next === "test") this.#do(() => this.#test());
  }

  /** @param {HTMLFormElement} form */
  async #trust(form) {
    const { fingerprint, password } = Object.fromEntries(new FormData(form));
    await call("POST", `${this.dataset.url}/trust`, {
      fingerprint,
      password: password || undefined,
    });
    notice("The key is trusted from now on.", { hidden: true });
  }

  /** @param {HTMLFormElement} form */
  async #ask(form) {
    const { password, privateKey, passphrase } = Object.fromEntries(new FormData(form));
    const auth = privateKey ? { privateKey, passphrase: passphrase || undefined } : { password };
    await this.#test({ auth });
  }

  /** @param {object} [body] */
  async #test(body) {
    await call("POST", `${this.dataset.url}/test`, body);
  }

  /**
   * One thing at a time; afterwards, well or not, the host is shown as it is known now.
   * @param {() => Promise<void>} what
   */
  async #do(what) {
    if (this.#busy) return;
    this.#busy = true;
    const { status } = this.#state.dataset;
    this.#state.ariaBusy = "true";
    /** @type {unknown} */
    let wrong = null;
    await what().catch((error) => wrong = error);
    await this.#renew().catch((error) => wrong ??= error);
    this.#busy = false;
    this.#state.ariaBusy = "false";
    if (wrong) return this.#say(wrong);
    if (this.#state.dataset.status !== status) this.#goOn();
    else notice(this.querySelector(".host-line .badge")?.textContent ?? "", { hidden: true });
  }

  /** What the host's row says already is not said twice. @param {unknown} error */
  #say(error) {
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".error-words"));
    const { message } = /** @type {Error} */ (error);
    if (this.querySelector(".problem")) return notice(message, { hidden: true });
    if (!place) return notice(message);
    place.textContent = message;
  }

  async #renew() {
    const { part } = await fetchPart(this.dataset.part ?? "");
    keepFocus(this, () => this.replaceChildren(part));
    this.dispatchEvent(
      new CustomEvent(HOST_CHANGED, { bubbles: true, detail: this.#state.dataset }),
    );
  }
}

customElements.define("ssh-host", SshHost);
