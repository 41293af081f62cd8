// @ts-check
/**
 * `<chat-composer>`: what is written next, and how it is answered. The first message begins the
 * conversation. What is typed and not sent is kept (`realtime/drafts.js`).
 */

import { forgetDrafts } from "realtime/drafts.js";
import { call } from "realtime/http.js";
import { notice } from "realtime/notice.js";
import { toTheEnd } from "realtime/scroll.js";

class ChatComposer extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #sending = false;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#field.addEventListener("input", () => this.#say(""), { signal });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#field.blur();
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    }, { signal });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    }, { signal });
    this.querySelector(".set-up")?.addEventListener("change", () => this.#setUp(), { signal });
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

  /** @param {string} words */
  #say(words) {
    /** @type {HTMLElement} */ (this.querySelector(".error-words")).textContent = words;
  }

  /** What the switches say. */
  #chosen() {
    const form = new FormData(this.#form);
    const model = form.get("model");
    return {
      ...(model === null ? {} : { model }),
      useDocuments: form.has("use_documents"),
      documentIds: form.getAll("document"),
      mcpServerIds: form.getAll("server"),
    };
  }

  async #setUp() {
    const { useDocuments, documentIds } = this.#chosen();
    const pick = this.querySelector(".pick:has([name=document])");
    pick?.toggleAttribute("hidden", !useDocuments);
    const count = pick?.querySelector("summary");
    if (count) {
      count.textContent = documentIds.length ? `${documentIds.length} chosen` : "All of them";
    }
    if (!this.dataset.id) return;
    try {
      await call("PATCH", `/api/chat/sessions/${this.dataset.id}`, this.#chosen());
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }

  async #send() {
    const content = this.#field.value.trim();
    if (!content) return this.#say("Write a message first.");
    if (this.#sending) return;
    this.#sending = true;
    const echo = this.#echo(content);
    try {
      const isNew = !this.dataset.id;
      if (isNew) await this.#begin();
      await call("POST", `/api/chat/sessions/${this.dataset.id}/messages`, { content });
      forgetDrafts(this);
      this.#field.value = "";
      if (isNew) location.assign(`${this.dataset.page}${this.dataset.id}/`);
    } catch (error) {
      echo.remove();
      this.#say(/** @type {Error} */ (error).message);
    } finally {
      this.#sending = false;
    }
  }

  async #begin() {
    const { sessionId } = await call("POST", "/api/chat/sessions");
    await call("PATCH", `/api/chat/sessions/${sessionId}`, this.#chosen());
    this.dataset.id = sessionId;
  }

  /** The message at once on the page; the server's own takes its place. @param {string} content */
  #echo(content) {
    const [item, words] = [document.createElement("li"), document.createElement("div")];
    words.className = "wrote";
    words.dir = "auto";
    words.textContent = content;
    item.className = "echo";
    item.append(words);
    document.querySelector(".messages")?.append(item);
    toTheEnd();
    return item;
  }
}

customElements.define("chat-composer", ChatComposer);
