// @ts-check
/**
 * `<chat-session>`: one conversation, its messages as they come, in this tab or another; and what
 * its menu offers. It sends `renewed` up from it when it shows what the server has now.
 */

import { goToTheEnd, growing } from "chat/follow.js";
import { ACCEPTED } from "realtime/actions.js";
import { keepFocus } from "realtime/focus.js";
import { call, fetchPart } from "realtime/http.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { renew, takeAttributes } from "realtime/renew.js";
import { nameThePage } from "realtime/title.js";
import "chat/composer.js";
import "chat/list.js";
import "chat/message.js";

/** @typedef {import("realtime/socket.js").Message} Message */
/** @typedef {import("chat/message.js").ChatMessage} ChatMessage */

const ABOUT_A_MESSAGE = /** @type {const} */ (
  ["message_chunk", "message_status", "rag_progress", "tool_call"]
);

export class ChatSession extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #queue = Promise.resolve();
  /** Where this conversation is. */
  #path = "";
  /** What was sent and is not among the messages yet. @type {Set<HTMLElement>} */
  #echoes = new Set();

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    for (const type of ABOUT_A_MESSAGE) {
      live.on(type, (event) => this.#message(event)?.tell(event), { signal });
    }
    live.on("chat_session", (event) => this.#tell(event), { signal });
    live.on("resync", () => this.dataset.id && this.fetch(), { signal });
    this.#path = location.pathname;
    addEventListener("popstate", () => {
      // A link to a source changes the fragment alone.
      if (location.pathname !== this.#path) location.reload();
    }, { signal });
    this.addEventListener("click", (event) => this.#click(event), { signal });
    this.addEventListener(ACCEPTED, (event) => {
      const { method } = /** @type {CustomEvent} */ (event).detail;
      if (method === "DELETE") this.#leave();
    }, { signal });
    if (this.dataset.id) goToTheEnd();
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #list() {
    return /** @type {HTMLElement} */ (this.querySelector(".messages"));
  }

  get #address() {
    return `${this.dataset.page}${this.dataset.id}/`;
  }

  /** The conversation as the server has it now; one fetch after the other. */
  fetch() {
    const done = this.#queue.then(() => this.#fetchNow()).catch((error) => {
      if (error.status !== 404) throw error;
      this.#gone();
    });
    this.#queue = done.catch(() => {});
    return done;
  }

  /** A new conversation has begun: this is it, at its own address. @param {string} id */
  begin(id) {
    this.dataset.id = id;
    history.pushState(null, "", this.#address);
    this.#path = location.pathname;
  }

  /** A message at once on the page; the server's own takes its place. @param {string} words */
  echo(words) {
    const [item, said] = [document.createElement("li"), document.createElement("div")];
    said.className = "wrote";
    said.dir = "auto";
    said.textContent = words;
    item.className = "echo";
    item.append(said);
    this.#echoes.add(item);
    this.#list.append(item);
    goToTheEnd();
    return item;
  }

  /** It was not sent. @param {HTMLElement} echo */
  forget(echo) {
    this.#echoes.delete(echo);
    echo.remove();
  }

  /** @param {Message} event */
  #message(event) {
    const id = CSS.escape(event.queryId ?? event.messageId);
    return /** @type {ChatMessage | null} */ (this.querySelector(`#message-${id}`));
  }

  /** @param {Message} event */
  #tell(event) {
    if (event.sessionId !== this.dataset.id) return;
    if (event.status === "DELETED") this.#gone();
    else this.fetch().catch((error) => notice(error.message));
  }

  #gone() {
    // Whoever deletes it here goes on to a new one.
    if (this.querySelector("[data-action^=DELETE][aria-busy=true]")) return this.#leave();
    const [title, link] = [document.createElement("h1"), document.createElement("a")];
    title.textContent = "This chat was deleted";
    nameThePage(title.textContent);
    link.href = this.dataset.page ?? "";
    link.textContent = "Begin another";
    this.dataset.id = "";
    this.replaceChildren(title, link);
    document.querySelector("chat-composer")?.remove();
  }

  #leave() {
    location.assign(this.dataset.page ?? "");
  }

  async #fetchNow() {
    const sent = this.#echoes.size;
    const accepted = [...this.#echoes].filter(({ dataset }) => dataset.key);
    const { part, after } = await fetchPart(`${this.#address}part/${location.search}`);
    const fresh = /** @type {HTMLElement} */ (part.firstElementChild);
    const list = /** @type {HTMLElement} */ (fresh.querySelector(".messages"));
    for (const echo of accepted) this.#echoes.delete(echo);
    this.#dropEchoes(list);
    this.#keepEarlier(list);
    takeAttributes(this, fresh);
    const show = () => {
      keepFocus(this, () => renew(this, fresh, (was, is) => settle(was, is, after)));
      this.#list.append(...this.#echoes);
    };
    if (list.querySelector("[data-writing=true]")) growing(show);
    else show();
    const messages = this.#list.querySelectorAll("chat-message[data-writing=true]");
    for (const message of messages) /** @type {ChatMessage} */ (message).catchUp(after);
    // A very short answer is complete before it was ever seen as being written.
    if (this.#echoes.size < sent) {
      /** @type {ChatMessage | undefined} */ ([...this.querySelectorAll("chat-message")].at(-1))
        ?.announce();
    }
    nameThePage(this.dataset.title ?? "");
    this.dispatchEvent(new Event("renewed", { bubbles: true }));
  }

  /**
   * What is among the messages now, also if the answer to sending it is still on its way.
   * @param {HTMLElement} list
   */
  #dropEchoes(list) {
    const before = itemsOf(this.#list).filter((item) => !this.#echoes.has(item));
    const shown = new Set(before.map(({ dataset }) => dataset.key));
    const added = itemsOf(list).filter(({ dataset }) => !shown.has(dataset.key));
    const words = added.map((item) => item.querySelector(".wrote")?.textContent);
    for (const echo of this.#echoes) {
      if (words.includes(echo.textContent)) this.#echoes.delete(echo);
    }
  }

  /** What stands before the first message that was fetched stays. @param {HTMLElement} list */
  #keepEarlier(list) {
    const [first] = itemsOf(list);
    const place = itemsOf(this.#list).findIndex(({ dataset }) =>
      dataset.key === first?.dataset.key
    );
    const earlier = itemsOf(this.#list).slice(0, Math.max(0, place));
    list.prepend(...earlier.map((item) => item.cloneNode()));
  }

  // --- What a person does ------------------------------------------------------------------------
  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    if (target.closest(".menu-body :is(a, button)")) closeMenu(target);
    if (target.closest("[data-rename]")) this.#rename();
    const link = /** @type {HTMLAnchorElement | null} */ (target.closest(".earlier a"));
    if (!link) return;
    event.preventDefault();
    this.#showEarlier(link.href).catch((error) => notice(error.message));
  }

  /** What is read stays in its place. @param {string} url */
  async #showEarlier(url) {
    history.replaceState(null, "", url);
    const page = document.documentElement;
    const below = page.scrollHeight - page.scrollTop;
    await this.fetch();
    scrollTo({ top: page.scrollHeight - below });
  }

  /** The title becomes a field; leaving it keeps what was typed, Escape does not. */
  #rename() {
    const title = /** @type {HTMLElement} */ (this.querySelector("h1"));
    const field = document.createElement("input");
    field.value = title.textContent ?? "";
    field.maxLength = 120;
    field.ariaLabel = "Title of this chat";
    let closed = false; // taking the field away blurs it, too
    const close = async (/** @type {boolean} */ keeps) => {
      if (closed) return;
      closed = true;
      const name = field.value.trim();
      title.textContent = this.dataset.title || title.textContent; // it may be another by now
      field.replaceWith(title);
      if (!keeps || !name || name === title.textContent) return;
      try {
        await call("PATCH", `/api/chat/sessions/${this.dataset.id}`, { title: name });
        title.textContent = name;
      } catch (error) {
        notice(/** @type {Error} */ (error).message);
      }
    };
    field.addEventListener("keydown", ({ key }) => {
      if (key === "Escape" || key === "Enter") close(key === "Enter");
    });
    field.addEventListener("blur", () => close(true));
    title.replaceWith(field);
    field.select();
  }
}

/** What was chosen from it is done; the focus does not go with it. @param {Element} inside */
function closeMenu(inside) {
  const menu = /** @type {HTMLDetailsElement} */ (inside.closest("details"));
  menu.querySelector("summary")?.focus();
  menu.open = false;
}

/** @param {Element} list */
const itemsOf = (list) => /** @type {HTMLElement[]} */ ([...list.children]);

/**
 * @param {HTMLElement} was
 * @param {HTMLElement} is
 * @param {string} after the event that is held already
 * @returns {boolean}
 */
function settle(was, is, after) {
  if (was.localName === "input") return true; // the title, being changed
  if (was instanceof HTMLDetailsElement) {
    /** @type {HTMLDetailsElement} */ (is).open = was.open;
    return was.isEqualNode(is);
  }
  if (was.matches(".page-head, .head-end, .messages")) {
    renew(was, is, (one, other) => settle(one, other, after));
    return true;
  }
  if (was.localName !== "li") return false;
  if (!is.firstElementChild) return true;
  const old = /** @type {ChatMessage | null} */ (was.querySelector("chat-message"));
  const fresh = /** @type {HTMLElement | null} */ (is.querySelector("chat-message"));
  if (!old || !fresh) return false;
  if (!isSame(old.dataset, fresh.dataset)) old.take(fresh, after);
  return true;
}

/**
 * What is shown is kept where nothing but its own events could change it.
 * @param {DOMStringMap} a
 * @param {DOMStringMap} b
 */
function isSame(a, b) {
  const alike = ["attempt", "writing", "inTurn", "versions"].every((name) => a[name] === b[name]);
  return alike && (a.writing === "true" || a.length === b.length);
}

customElements.define("chat-session", ChatSession);
