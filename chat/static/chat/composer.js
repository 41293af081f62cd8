// @ts-check
/**
 * `<chat-composer>`: what is written next, and how it is answered. The first message begins the
 * conversation. What is typed and not sent is kept (`realtime/drafts.js`).
 */

import { forgetDrafts, keepDraft } from "realtime/drafts.js";
import { call, randomKey } from "realtime/http.js";
import { notice } from "realtime/notice.js";

/** @typedef {import("chat/session.js").ChatSession} ChatSession */
/** @typedef {import("chat/message.js").ChatMessage} ChatMessage */

const TWICE = 1_000; // within so many milliseconds, Enter was pressed twice

class ChatComposer extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** Messages are sent one after the other. */
  #queue = Promise.resolve();
  /** The last message, and what makes it harmless to send it again. */
  #last = { content: "", key: "" };
  /** Switches that the server has not been told of yet. */
  #changes = 0;
  #touched = false;
  /** The conversation that its first message has not reached yet. */
  #created = "";
  #sentAt = -Infinity;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    /** @type {HTMLButtonElement} */ (this.querySelector(".send")).disabled = false;
    this.#field.addEventListener("input", () => this.#say(""), { signal });
    this.#field.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    }, { signal });
    this.querySelector(".set-up")?.addEventListener("change", () => this.#setUp(), { signal });
    this.querySelector(".stop")?.addEventListener("click", () => this.#stop(), { signal });
    document.addEventListener("renewed", () => this.#show(), { signal });
    document.addEventListener("click", ({ target }) => {
      const example = /** @type {HTMLElement} */ (target).closest?.("[data-example]");
      if (example) this.#begin(/** @type {HTMLElement} */ (example).dataset);
    }, { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  get #field() {
    return /** @type {HTMLTextAreaElement} */ (this.querySelector("textarea"));
  }

  get #session() {
    return /** @type {ChatSession} */ (document.querySelector("chat-session"));
  }

  /** @param {string} words */
  #say(words) {
    /** @type {HTMLElement} */ (this.querySelector(".error-words")).textContent = words;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape") this.#field.blur();
    if (event.key === "ArrowUp" && !this.#field.value) {
      const last = [...document.querySelectorAll("chat-message.user")].at(-1);
      if (last) event.preventDefault();
      /** @type {ChatMessage | undefined} */ (last)?.edit();
    }
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** An example is a beginning: to be changed, and sent by hand. @param {DOMStringMap} example */
  #begin({ example = "", fromDocuments }) {
    this.#field.value = example;
    keepDraft(this.#field);
    this.#field.focus();
    const documents = /** @type {HTMLInputElement} */ (
      this.querySelector("[name=use_documents]")
    );
    if (fromDocuments === undefined || documents.checked) return;
    documents.checked = true;
    this.#setUp();
  }

  // --- How it is answered --------------------------------------------------------------------------
  /** What the switches say. */
  #chosen() {
    const form = new FormData(this.#form);
    const model = form.get("model");
    return {
      ...model === null ? {} : { model },
      useDocuments: form.has("use_documents"),
      documentIds: form.getAll("document"),
      collectionIds: form.getAll("collection"),
      mcpServerIds: form.getAll("server"),
    };
  }

  async #setUp() {
    this.#count();
    this.#touched = true;
    const { id } = this.#session.dataset;
    if (!id) return;
    this.#changes++;
    try {
      await call("PATCH", `/api/chat/sessions/${id}`, this.#chosen());
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    this.#changes--;
  }

  /** What the menus hold, in words. */
  #count() {
    const form = new FormData(this.#form);
    const pick = this.querySelector(".pick:has([name=document], [name=collection])");
    pick?.toggleAttribute("hidden", !form.has("use_documents"));
    const places = /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-count]"));
    for (const place of places) {
      const { count = "", none = "", some = "" } = place.dataset;
      const chosen = count.split(" ").flatMap((name) => form.getAll(name)).length;
      place.textContent = chosen ? some.replace("#", String(chosen)) : none;
    }
  }

  /** The switches as the conversation has them, if they were changed in another tab. */
  #show() {
    if (this.#changes) return;
    /** @type {Record<string, string[]>} */
    const values = JSON.parse(this.#session.dataset.setUp ?? "{}");
    for (const field of this.#form.elements) {
      if (field instanceof HTMLSelectElement) field.value = values[field.name]?.[0] ?? field.value;
      else if (field instanceof HTMLInputElement && field.name in values) {
        field.checked = values[field.name].includes(field.value);
      }
    }
    this.#count();
  }

  // --- Sending -------------------------------------------------------------------------------------
  #send() {
    const content = this.#field.value.trim();
    if (!content) return Date.now() - this.#sentAt < TWICE || this.#say("Write a message first.");
    this.#sentAt = Date.now();
    this.#field.value = "";
    const echo = this.#session.echo(content);
    this.#queue = this.#queue.then(() => this.#post(content, echo));
  }

  /**
   * @param {string} content
   * @param {HTMLElement} echo
   */
  async #post(content, echo) {
    if (this.#last.content !== content) this.#last = { content, key: randomKey() };
    try {
      const id = this.#session.dataset.id || (this.#created ||= await this.#create());
      const url = `/api/chat/sessions/${id}/messages`;
      const { messageId } = await call("POST", url, { content }, this.#last.key);
      echo.dataset.key = messageId;
      this.#accepted(id);
    } catch (error) {
      this.#session.forget(echo);
      this.#field.value = [content, this.#field.value].filter(Boolean).join("\n");
      keepDraft(this.#field);
      this.#say(/** @type {Error} */ (error).message);
    }
  }

  /** @param {string} id */
  #accepted(id) {
    this.#last = { content: "", key: "" };
    forgetDrafts(this);
    if (!this.#session.dataset.id) this.#session.begin(id);
    keepDraft(this.#field); // what was typed meanwhile
    this.#session.fetch().catch((error) => notice(error.message));
  }

  async #create() {
    const { sessionId } = await call("POST", "/api/chat/sessions");
    if (this.#touched) await call("PATCH", `/api/chat/sessions/${sessionId}`, this.#chosen());
    return sessionId;
  }

  /** End what is being written; of several, what is not only waiting for its turn. */
  async #stop() {
    const writing = /** @type {NodeListOf<HTMLElement>} */ (
      document.querySelectorAll("chat-message[data-writing=true]")
    );
    const reply = [...writing].find(({ dataset }) => dataset.inTurn === "false") ?? writing[0];
    const button = /** @type {HTMLElement} */ (this.querySelector(".stop"));
    button.ariaBusy = "true";
    try {
      await call("POST", `/api/chat/messages/${reply?.dataset.id}/stop`);
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    button.ariaBusy = "false";
    this.#field.focus();
  }
}

customElements.define("chat-composer", ChatComposer);
