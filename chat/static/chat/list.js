// @ts-check
/** `<chat-list>`: all conversations, the latest first, under words for their days. */

import { daysAgo, wordsFor } from "chat/days.js";
import { keepFocus } from "realtime/focus.js";
import { fetchPart } from "realtime/http.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";

const TOGETHER = 100;
const TYPING = 250;

class ChatList extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #queue = Promise.resolve();

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("chat_session", () => this.#soon(TOGETHER), { signal });
    live.on("message_status", (event) => {
      if (event.terminal || event.status === "WAITING") this.#soon(TOGETHER);
    }, { signal });
    live.on("tool_call", () => this.#soon(TOGETHER), { signal });
    live.on("resync", () => this.#fetch(), { signal });
    this.#field.addEventListener("input", () => this.#soon(TYPING), { signal });
    this.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#soon(0);
    }, { signal });
    document.addEventListener("renewed", () => this.#mark(), { signal });
    this.#group();
  }

  disconnectedCallback() {
    this.#life?.abort();
    clearTimeout(this.#timer);
  }

  get #field() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input"));
  }

  get #found() {
    return /** @type {HTMLElement} */ (this.querySelector(".found"));
  }

  /** @param {number} wait */
  #soon(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch().catch((error) => notice(error.message)), wait);
  }

  /** One fetch after the other, so that an older answer never covers a newer one. */
  #fetch() {
    const done = this.#queue.then(() => this.#fetchNow());
    this.#queue = done.catch(() => {});
    return done;
  }

  async #fetchNow() {
    const query = new URLSearchParams(location.search);
    query.set("q", this.#field.value);
    const { part } = await fetchPart(`${this.dataset.part}?${query}`);
    keepFocus(this.#found, () => this.#found.replaceChildren(part));
    this.#group();
    this.#mark();
  }

  /** Which one is open. */
  #mark() {
    for (const link of this.#found.querySelectorAll("a")) {
      link.ariaCurrent = link.pathname === location.pathname ? "page" : null;
    }
  }

  /** The days are the reader's own, so the server cannot tell them. */
  #group() {
    let last = "";
    for (const item of this.#found.querySelectorAll(".past > li")) {
      const date = item.querySelector("time")?.dateTime ?? "";
      const words = wordsFor(daysAgo(new Date(date), new Date()));
      if (words !== last) {
        const day = document.createElement("li");
        day.className = "day";
        day.textContent = words;
        item.before(day);
      }
      last = words;
    }
  }
}

customElements.define("chat-list", ChatList);
