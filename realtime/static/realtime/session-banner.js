// @ts-check
/**
 * `<session-banner>`: in every tab, from five minutes before the session's end, how long it lasts
 * and a way to stay. `data-expires-in`: the seconds left when the page was rendered.
 */

import { call } from "realtime/http.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";

const WARN = 300;
const tabs = new BroadcastChannel("session");

/** @param {number} seconds */
const written = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

class SessionBanner extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** When the session ends, by this computer's clock, in milliseconds. */
  #ends = Infinity;
  /** The countdown; null while there is none. @type {HTMLElement | null} */
  #left = null;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#endsIn(Number(this.dataset.expiresIn ?? NaN));
    for (const type of /** @type {const} */ (["welcome", "session_update"])) {
      live.on(type, ({ expiresIn }) => this.#endsIn(expiresIn), { signal });
    }
    tabs.addEventListener("message", ({ data }) => this.#endsIn(data.expiresIn), { signal });
    const ticking = setInterval(() => this.#show(), 1_000);
    signal.addEventListener("abort", () => clearInterval(ticking));
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  /** @param {unknown} seconds */
  #endsIn(seconds) {
    if (typeof seconds !== "number" || Number.isNaN(seconds)) return;
    this.#ends = Date.now() + seconds * 1000;
    this.#show();
  }

  #show() {
    const left = Math.ceil((this.#ends - Date.now()) / 1000);
    if (left > WARN || left <= 0) {
      this.#left = null;
      return void (this.firstChild && this.replaceChildren());
    }
    this.#left ??= this.#open();
    this.#left.textContent = written(left);
  }

  /** The words are read out once; the countdown is for the eyes. */
  #open() {
    const [words, left, stay] = ["span", "span", "button"].map((tag) =>
      document.createElement(tag)
    );
    words.textContent = "You will be signed out soon";
    words.role = "alert";
    left.ariaHidden = "true";
    left.className = "count";
    stay.textContent = "Stay signed in";
    /** @type {HTMLButtonElement} */ (stay).type = "button";
    stay.addEventListener("click", () => this.#stay(stay));
    this.replaceChildren(words, left, stay);
    return left;
  }

  /** A socket cannot renew the cookie, so this goes by HTTP. @param {HTMLElement} button */
  async #stay(button) {
    button.ariaBusy = "true";
    try {
      const { expiresIn } = await call("POST", "/api/session/extend");
      this.#endsIn(expiresIn);
      tabs.postMessage({ expiresIn });
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    } finally {
      button.ariaBusy = "false";
    }
  }
}

customElements.define("session-banner", SessionBanner);
