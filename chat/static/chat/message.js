// @ts-check
/**
 * `<chat-message>`: one message. A reply grows by `message_chunk`, whose blocks of HTML take the
 * place of those that are shown; a piece without blocks is shown as it is until some come. All else
 * (an end, a tool, sources) fetches the message as the server renders it.
 *
 * `<chat-session>` calls `tell` with the events that are about it.
 */

import { goToTheEnd, growing } from "chat/follow.js";
import { Growth } from "chat/growth.js";
import { copy } from "realtime/copy.js";
import { keepFocus } from "realtime/focus.js";
import { call, fetchPart, toFragment } from "realtime/http.js";
import { isNews } from "realtime/job-news.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { renew, takeAttributes } from "realtime/renew.js";
import { showsWork } from "realtime/title.js";
import { editWords } from "chat/edit.js";
import "realtime/actions.js";
import "rag/code.js";

/** @typedef {import("realtime/socket.js").Message} Message */

const AGAIN = 1_000;
const MISSING = 200;
const FOUND = 50;
const HOLDS_TEXT = "pre > code, p, li, td, th, h3, h4, h5, h6";

export class ChatMessage extends HTMLElement {
  /** @type {Growth | null} */
  #growth = null;
  #fetching = false;
  #fetchAgain = false;

  connectedCallback() {
    this.#growth ??= new Growth(Number(this.dataset.length));
    showsWork(this, this.writing);
    this.onclick = (event) => this.#click(event);
  }

  disconnectedCallback() {
    showsWork(this, false);
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
      if (event.type === "message_chunk") this.tell(event);
    }
    for (const event of live.since(after)) if (event.type !== "message_chunk") this.tell(event);
  }

  /**
   * Be what the server has rendered now.
   * @param {HTMLElement} fresh
   * @param {string} after the event that it holds already
   */
  take(fresh, after) {
    const changed = this.writing || this.dataset.attempt !== fresh.dataset.attempt;
    const asked = this.querySelectorAll("[data-decide=approve]").length;
    takeAttributes(this, fresh);
    this.#growth = new Growth(Number(this.dataset.length));
    growing(() => keepFocus(this, () => renew(this, fresh, settle)));
    showsWork(this, this.writing);
    this.catchUp(after);
    const asks = this.querySelectorAll("[data-decide=approve]").length > asked;
    if (changed) this.announce();
    if (asks) notice("The model asks to use a tool.", { hidden: true });
  }

  /** Say that it has ended, if it has. */
  announce() {
    if (this.writing) return;
    const problem = this.querySelector(".problem p")?.textContent;
    notice(problem ?? "The answer is complete.", { hidden: true });
  }

  /** @param {Message} event */
  tell(event) {
    if ((event.queryId ?? event.messageId) !== this.dataset.id) return;
    if (event.type === "message_chunk") this.#write(event);
    else if (event.type === "message_status") this.#move(event);
    else if (event.type === "tool_call" || event.progress >= FOUND) this.#fetchSoon();
  }

  /** @param {Message} event */
  #move(event) {
    const { attempt, progress, inTurn } = this.dataset;
    const seen = {
      attempt: Number(attempt),
      progress: Number(progress),
      ended: !this.writing,
    };
    if (!isNews(seen, event)) return;
    const words = this.querySelector(".reply-words");
    if (words) words.textContent = event.message || "Writing";
    const begins = Number(event.attempt) > seen.attempt;
    const changed = event.terminal || seen.ended || event.status === "WAITING" || inTurn === "true";
    if (changed || begins && this.#growth?.length) this.#fetchSoon();
    else if (begins) this.dataset.attempt = event.attempt;
  }

  /** @param {Message} event */
  #write(event) {
    const newer = Number(event.attempt) - Number(this.dataset.attempt);
    if (newer > 0) return void this.#fetchSoon();
    if (newer < 0) return;
    const [count, last] = [this.querySelectorAll(".block").length, this.#reply.lastElementChild];
    const open = last?.matches(".block") ? count - 1 : count;
    const added = this.#growth?.add(/** @type {any} */ (event), count, open);
    if (!added) return void this.#fetchSoon(MISSING);
    const { blocks, text } = added;
    if (blocks) growing(() => this.#put(added.from, blocks));
    else if (text) growing(() => this.#append(text));
  }

  get #reply() {
    return /** @type {HTMLElement} */ (this.querySelector(".reply"));
  }

  /**
   * Blocks in place of all from a number on.
   * @param {number} from
   * @param {string[]} blocks
   */
  #put(from, blocks) {
    const shown = this.querySelectorAll(".block");
    blocks.forEach((html, n) => {
      const [block, was] = [blockOf(from + n, toFragment(html)), shown[from + n]];
      if (!was) this.#reply.append(block);
      else if (!was.isEqualNode(block)) was.replaceWith(block);
    });
    for (const block of [...shown].slice(from + blocks.length)) block.remove();
  }

  /** Text that is not rendered yet, at the end of what is. @param {string} text */
  #append(text) {
    const last = this.#reply.lastElementChild;
    if (last?.matches(".block")) {
      return [last, ...last.querySelectorAll(HOLDS_TEXT)].at(-1)?.append(text);
    }
    const plain = document.createElement("p");
    plain.append(text);
    this.#reply.append(blockOf(this.querySelectorAll(".block").length, plain));
  }

  /**
   * One fetch at a time, and one more if something came meanwhile.
   * @param {number} [pause] before it
   */
  async #fetchSoon(pause = 0) {
    this.#fetchAgain = true;
    if (this.#fetching) return;
    this.#fetching = true;
    while (this.#fetchAgain && this.isConnected) {
      if (pause) await new Promise((go) => setTimeout(go, pause));
      this.#fetchAgain = false;
      try {
        const { part, after } = await fetchPart(this.dataset.part ?? "");
        this.take(/** @type {HTMLElement} */ (part.firstElementChild), after);
      } catch (error) {
        const { status } = /** @type {import("realtime/http.js").Problem} */ (error);
        if (status === 404) break; // deleted; the session tells
        this.#fetchAgain ||= status === 0 || status >= 500;
      }
      pause = AGAIN;
    }
    this.#fetching = false;
  }

  // --- What a person does ------------------------------------------------------------------------
  /** @param {MouseEvent} event */
  #click({ target }) {
    const button = /** @type {Element} */ (target).closest("button");
    if (!button) return;
    const { decide, copy, edit } = button.dataset;
    if (decide) this.#decide(button, decide);
    if (copy !== undefined) this.#copy();
    if (edit !== undefined) this.edit();
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

  #copy() {
    copy(call("GET", `/api/chat/messages/${this.dataset.id}`).then(({ content }) => content));
  }

  /** What was written, in a field. */
  edit() {
    const said = /** @type {HTMLElement | null} */ (this.querySelector(".wrote"));
    if (!said) return;
    editWords(said, `/api/chat/messages/${this.dataset.id}/edit`, async () => {
      const session = /** @type {any} */ (this.closest("chat-session"));
      await session.fetch();
      goToTheEnd();
    });
  }
}

/** @type {import("realtime/renew.js").Settle} */
function settle(was, is) {
  if (was instanceof HTMLDetailsElement && !was.matches(".call-arguments")) {
    /** @type {HTMLDetailsElement} */ (is).open ||= was.open;
  }
  if (was.dataset.key !== "reply" && !was.dataset.call) return false;
  takeAttributes(was, is);
  renew(was, is, settle);
  return true;
}

/**
 * @param {number} number
 * @param {Node} content
 */
function blockOf(number, content) {
  const block = document.createElement("div");
  block.className = "block";
  block.dataset.key = String(number);
  block.dir = "auto";
  block.append(content);
  return block;
}

customElements.define("chat-message", ChatMessage);
