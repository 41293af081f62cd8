// @ts-check
/**
 * `<connection-status>`: nothing while all is well; else what is wrong, and what can be done. With
 * `data-detour` all is well, by another way.
 */

import { live } from "realtime/live.js";

const QUIET = 3_000;
const DETOUR = "Live updates over HTTP: this network blocks WebSockets";
const STOPPED = {
  "": "",
  closed: "",
  signed_out: "Signed out",
  revoked: "Signed out",
  other_user: "Signed in as someone else",
  too_many: "Too many open tabs",
  protocol: "Live updates stopped",
};

class ConnectionStatus extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** When the line was last seen well. */
  #well = Date.now();
  /** When the line was last a WebSocket. */
  #straight = Date.now();

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.watch(() => this.#show(), { signal });
    const ticking = setInterval(() => this.#show(), 500);
    signal.addEventListener("abort", () => clearInterval(ticking));
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  #show() {
    const { state, transport, reason, retryAt, catchingUp } = live.status;
    const now = Date.now();
    if (["open", "idle", "resting"].includes(state)) this.#well = now;
    if (transport === "websocket") this.#straight = now;
    if (state === "stopped") {
      return this.#say(STOPPED[reason], reason === "protocol" ? "Reload" : "");
    }
    if (now - this.#well < QUIET) return this.#say(now - this.#straight < QUIET ? "" : DETOUR, "");
    if (catchingUp) return this.#say("Catching up", "");
    if (state === "offline") return this.#say("Offline", "Retry now");
    if (state !== "waiting") return this.#say("Reconnecting", "");
    this.#say(`Reconnecting in ${Math.max(1, Math.ceil((retryAt - now) / 1000))} s`, "Retry now");
  }

  /**
   * @param {string} words
   * @param {string} offer the button's words
   */
  #say(words, offer) {
    this.toggleAttribute("data-detour", words === DETOUR);
    if (!words) return void (this.firstChild && this.replaceChildren());
    // The countdown is for the eyes: only a change of state is read out.
    const spoken = words.replace(/ in \d+ s$/, "");
    if (this.dataset.spoken !== spoken + offer || !this.firstChild) {
      this.dataset.spoken = spoken + offer;
      const [read, seen] = [document.createElement("span"), document.createElement("span")];
      read.className = "hidden";
      read.textContent = spoken;
      seen.ariaHidden = "true";
      this.replaceChildren(read, seen, ...offer ? [this.#button(offer)] : []);
    }
    const seen = this.children[1];
    if (seen.textContent !== words) seen.textContent = words;
  }

  /** @param {string} words */
  #button(words) {
    const button = document.createElement("button");
    button.textContent = words;
    button.type = "button";
    button.onclick = () => words === "Reload" ? location.reload() : live.retryNow();
    return button;
  }
}

customElements.define("connection-status", ConnectionStatus);
