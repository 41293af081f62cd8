// @ts-check
/**
 * `<chat-session>`: one conversation, its messages as they come, in this tab or another; and what
 * its menu offers. `<chat-list>`: all of them, at the side.
 */

import { call, fetchPart } from "realtime/http.js";
import { keepFocus } from "realtime/focus.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { atTheEnd, toTheEnd } from "realtime/scroll.js";
import "chat/message.js";
import "chat/composer.js";

/** @typedef {import("realtime/socket.js").Message} Message */
/** @typedef {import("chat/message.js").ChatMessage} ChatMessage */

const TOGETHER = 100;
const TYPING = 250;

export class ChatSession extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #queue = Promise.resolve();

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("chat_session", (event) => this.#tell(event), { signal });
    live.on("resync", () => this.dataset.id && this.fetch(), { signal });
    this.addEventListener("click", ({ target }) => {
      if (/** @type {Element} */ (target).closest("[data-rename]")) this.#rename();
    }, { signal });
    if (this.dataset.id) toTheEnd();
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  /** One fetch after the other, so that an older answer never covers a newer one. */
  fetch() {
    const done = this.#queue.then(() => this.#fetchNow());
    this.#queue = done.catch(() => {});
    return done;
  }

  /** @param {Message} event */
  #tell(event) {
    if (event.sessionId !== this.dataset.id) return;
    if (event.status === "DELETED") {
      this.replaceChildren();
      location.assign("/chat/");
    } else this.fetch().catch((error) => notice(error.message));
  }

  async #fetchNow() {
    const query = location.search;
    const { part, after } = await fetchPart(`${this.dataset.part}${query}`);
    const fresh = /** @type {HTMLElement} */ (part.firstElementChild);
    const follow = atTheEnd();
    const kept = new Map([...this.querySelectorAll("chat-message")].map((old) => [old.id, old]));
    for (const message of fresh.querySelectorAll("chat-message")) {
      const old = kept.get(message.id);
      if (old && isSame(old, message)) message.replaceWith(old);
    }
    keepFocus(this, () => this.replaceChildren(...fresh.childNodes));
    document.title = `${this.querySelector("h1")?.textContent} · Product Demo`;
    const messages = /** @type {NodeListOf<ChatMessage>} */ (this.querySelectorAll("chat-message"));
    for (const message of messages) message.catchUp(after);
    if (follow) toTheEnd();
  }

  /** The title becomes a field. */
  #rename() {
    const title = /** @type {HTMLElement} */ (this.querySelector("h1"));
    const field = document.createElement("input");
    field.value = title.textContent ?? "";
    field.maxLength = 120;
    field.ariaLabel = "Title of this chat";
    const close = () => field.isConnected && field.replaceWith(title);
    field.addEventListener("keydown", async (event) => {
      if (event.key === "Escape") close();
      if (event.key !== "Enter") return;
      try {
        await call("PATCH", `/api/chat/sessions/${this.dataset.id}`, { title: field.value });
        title.textContent = field.value;
        close();
      } catch (error) {
        notice(/** @type {Error} */ (error).message);
      }
    });
    field.addEventListener("blur", close);
    title.replaceWith(field);
    field.select();
  }
}

/**
 * What is shown is kept where nothing but its own events could change it.
 * @param {Element} old
 * @param {Element} fresh
 */
function isSame(old, fresh) {
  const [a, b] = [old, fresh].map((element) => /** @type {HTMLElement} */ (element).dataset);
  return a.attempt === b.attempt && a.writing === b.writing && a.versions === b.versions &&
    (a.writing === "true" || a.length === b.length);
}

class ChatList extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("chat_session", () => this.#soon(TOGETHER), { signal });
    live.on("resync", () => this.#fetch(), { signal });
    this.#field.addEventListener("input", () => this.#soon(TYPING), { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
    clearTimeout(this.#timer);
  }

  get #field() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input"));
  }

  /** @param {number} wait */
  #soon(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch().catch((error) => notice(error.message)), wait);
  }

  async #fetch() {
    const query = new URLSearchParams({ q: this.#field.value });
    const { part } = await fetchPart(`${this.dataset.part}?${query}`);
    const place = /** @type {HTMLElement} */ (this.querySelector(".found"));
    keepFocus(place, () => place.replaceChildren(part));
    for (const link of place.querySelectorAll("a")) {
      if (link.pathname === location.pathname) link.ariaCurrent = "page";
    }
  }
}

customElements.define("chat-session", ChatSession);
customElements.define("chat-list", ChatList);
