// @ts-check
/**
 * `<chat-message>`: one message. A reply grows by `message_chunk`, whose blocks of HTML take the
 * place of those that are shown; a piece without blocks is shown as it is until some come. All else
 * (an end, a tool, sources) fetches the message as the server renders it.
 */

import { call, fetchPart, toFragment } from "realtime/http.js";
import { isNews } from "realtime/job-news.js";
import { keepFocus } from "realtime/focus.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { atTheEnd, toTheEnd } from "realtime/scroll.js";
import "realtime/actions.js";

/** @typedef {import("realtime/socket.js").Message} Message */

const AGAIN = 1_000;
const FOUND = 50;
const HOLDS_TEXT = "code, p, li, td, h3, h4, h5, h6";

export class ChatMessage extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** Characters that are shown, counted in code points. */
  #length = 0;
  #fetching = false;
  #fetchAgain = false;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#length = Number(this.dataset.length);
    live.on("message_chunk", (event) => this.#tell(event), { signal });
    live.on("message_status", (event) => this.#tell(event), { signal });
    live.on("rag_progress", (event) => this.#tell(event), { signal });
    live.on("tool_call", (event) => this.#tell(event), { signal });
    this.addEventListener("click", (event) => this.#click(event), { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get writing() {
    return this.dataset.writing === "true";
  }

  /**
   * What came since the server rendered the message, whose text may be older than the rest.
   * @param {string} after the event that the rest already holds
   */
  catchUp(after) {
    for (const event of live.since(this.dataset.cursor || after)) {
      if (event.type === "message_chunk") this.#tell(event);
    }
    for (const event of live.since(after)) if (event.type !== "message_chunk") this.#tell(event);
  }

  /** The message as the server has it now. */
  async fetch() {
    const { part, after } = await fetchPart(this.dataset.part ?? "");
    const fresh = /** @type {ChatMessage} */ (part.firstElementChild);
    const follow = atTheEnd();
    keepFocus(this, () => this.replaceChildren(...fresh.childNodes));
    const ended = this.writing && fresh.dataset.writing === "false";
    for (const name of ["attempt", "progress", "length", "cursor", "writing", "versions"]) {
      this.dataset[name] = fresh.dataset[name];
    }
    this.#length = Number(this.dataset.length);
    this.catchUp(after);
    if (follow) toTheEnd();
    if (ended) this.#announce();
  }

  /** @param {Message} event */
  #tell(event) {
    if ((event.queryId ?? event.messageId) !== this.dataset.id) return;
    if (event.type === "message_chunk") this.#write(event);
    else if (event.type === "message_status") this.#move(event);
    else if (event.type === "tool_call") this.#fetchSoon();
    else if (event.progress >= FOUND) this.#fetchSoon();
  }

  /** @param {Message} event */
  #move(event) {
    const seen = {
      attempt: Number(this.dataset.attempt),
      progress: Number(this.dataset.progress),
      ended: !this.writing,
    };
    if (!isNews(seen, event)) return;
    const words = this.querySelector(".reply-words");
    if (words) words.textContent = event.message;
    const changed = event.terminal || !this.writing || event.status === "WAITING";
    if (changed || Number(event.attempt) > seen.attempt) this.#fetchSoon();
  }

  /** @param {Message} event */
  #write(event) {
    if (Number(event.attempt) !== Number(this.dataset.attempt)) {
      if (Number(event.attempt) > Number(this.dataset.attempt)) this.#fetchSoon();
      return;
    }
    const points = [...event.content];
    const end = event.contentOffset + points.length;
    if (event.contentOffset > this.#length) return void this.#fetchSoon(); // a piece is missing
    if (end < this.#length || end === this.#length && !event.blocks) return;
    const follow = atTheEnd();
    const fresh = points.slice(this.#length - event.contentOffset).join("");
    this.#length = end;
    if (!event.blocks) this.#append(fresh);
    else if (!this.#put(event.blocksFrom, event.blocks)) return void this.#fetchSoon();
    if (follow) toTheEnd();
  }

  get #reply() {
    return /** @type {HTMLElement} */ (this.querySelector(".reply"));
  }

  /**
   * Blocks in place of all from a number on; false when some before them are missing.
   * @param {number} from
   * @param {string[]} blocks
   */
  #put(from, blocks) {
    const shown = /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll(".block"));
    if (from > shown.length) return false;
    for (const block of [...shown].slice(from)) block.remove();
    this.#reply.append(...blocks.map((html, n) => blockOf(from + n, toFragment(html))));
    return true;
  }

  /** Text that is not rendered yet, at the end of what is. @param {string} text */
  #append(text) {
    if (!text) return;
    const last = this.#reply.lastElementChild;
    if (last?.matches(".block")) {
      return [last, ...last.querySelectorAll(HOLDS_TEXT)].at(-1)?.append(text);
    }
    const number = this.querySelectorAll(".block").length;
    const plain = document.createElement("p");
    plain.append(text);
    this.#reply.append(blockOf(number, plain));
  }

  /** One fetch at a time, and one more if something came meanwhile. */
  async #fetchSoon() {
    this.#fetchAgain = true;
    if (this.#fetching) return;
    this.#fetching = true;
    while (this.#fetchAgain && this.isConnected) {
      this.#fetchAgain = false;
      await this.fetch().catch(async (error) => {
        if (error.status === 404) return; // deleted; the session tells
        await new Promise((go) => setTimeout(go, AGAIN));
        this.#fetchAgain = error.status === 0 || error.status >= 500;
      });
    }
    this.#fetching = false;
  }

  #announce() {
    const problem = this.querySelector(".problem")?.textContent?.trim();
    notice(problem ?? "The answer is complete.", { hidden: true });
  }

  // --- What a person does ------------------------------------------------------------------------
  /** @param {MouseEvent} event */
  #click({ target }) {
    const button = /** @type {Element} */ (target).closest("button");
    if (!button) return;
    const { decide, copy, edit } = button.dataset;
    if (decide) this.#decide(button, decide);
    if (copy !== undefined) this.#copy();
    if (edit !== undefined) this.#edit();
  }

  /**
   * @param {HTMLElement} button
   * @param {string} what
   */
  async #decide(button, what) {
    const card = /** @type {HTMLElement} */ (button.closest("[data-call]"));
    const reason = /** @type {HTMLInputElement} */ (card.querySelector(".reason")).value;
    card.ariaBusy = "true";
    try {
      await call("POST", `/api/chat/tool-calls/${card.dataset.call}`, {
        decision: what === "deny" ? "deny" : "approve",
        always: what === "always",
        reason: what === "deny" ? reason : "",
      });
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    this.#fetchSoon();
  }

  async #copy() {
    try {
      const { content } = await call("GET", `/api/chat/messages/${this.dataset.id}`);
      await navigator.clipboard.writeText(content);
      notice("Copied");
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }

  /** What was written, in a field to change it. */
  #edit() {
    const said = /** @type {HTMLElement} */ (this.querySelector(".wrote"));
    const form = document.createElement("form");
    const field = document.createElement("textarea");
    const end = document.createElement("div");
    const [send, leave] = ["Send", "Leave it"].map((words) => {
      const button = document.createElement("button");
      button.textContent = words;
      return button;
    });
    form.className = "edit";
    field.value = said.textContent ?? "";
    field.ariaLabel = "What you wrote";
    field.rows = Math.min(12, field.value.split("\n").length + 1);
    field.dir = "auto";
    end.className = "dialog-end";
    send.className = "primary";
    leave.type = "button";
    end.append(leave, send);
    form.append(field, end);
    const close = () => {
      form.replaceWith(said);
      /** @type {HTMLElement | null} */ (this.querySelector("[data-edit]"))?.focus();
    };
    leave.addEventListener("click", close);
    form.addEventListener("keydown", (event) => event.key === "Escape" && close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await call("POST", `/api/chat/messages/${this.dataset.id}/edit`, { content: field.value });
        close();
      } catch (error) {
        notice(/** @type {Error} */ (error).message);
      }
    });
    said.replaceWith(form);
    field.focus();
  }
}

/**
 * @param {number} number
 * @param {Node} content
 */
function blockOf(number, content) {
  const block = document.createElement("div");
  block.className = "block";
  block.dataset.block = String(number);
  block.append(content);
  return block;
}

customElements.define("chat-message", ChatMessage);
