// @ts-check
/**
 * `<ask-composer>`: the question at once on the page, then the query itself in its place, under its
 * own address. What is typed and not sent is kept for this tab.
 */

import { call, fetchPart } from "realtime/http.js";
import { notice } from "realtime/notice.js";
import "rag/query.js";

const TWICE = 1_000; // within so many milliseconds, Enter was pressed twice

class AskComposer extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #sending = false;
  #sentAt = -Infinity;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#field.value ||= sessionStorage.getItem(this.#draft) ?? "";
    this.#keep(); // somebody may have typed before we came
    /** @type {HTMLButtonElement} */ (this.querySelector("[type=submit]")).disabled = false;
    this.#field.addEventListener("input", () => {
      this.#keep();
      this.#say("");
    }, { signal });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#field.blur();
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    }, { signal });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    }, { signal });
    this.querySelector(".set-up")?.addEventListener("change", () => this.#count(), { signal });
    this.#count(); // browsers keep switches over a reload
    addEventListener("popstate", () => location.reload(), { signal });
    document.addEventListener("ended", () => showPast(), { signal });
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

  get #draft() {
    return `question of ${document.body.dataset.userId}`;
  }

  #keep() {
    sessionStorage.setItem(this.#draft, this.#field.value);
  }

  /** @param {string} words */
  #say(words) {
    const place = this.querySelector(".error-words");
    if (place) place.textContent = words;
  }

  async #ask() {
    const question = this.#field.value.trim();
    if (this.#sending) return;
    if (!question) return Date.now() - this.#sentAt < TWICE || this.#say("Type a question first.");
    this.#sending = true;
    this.#sentAt = Date.now();
    const exchange = /** @type {HTMLElement} */ (document.getElementById("exchange"));
    const before = [...exchange.childNodes];
    exchange.replaceChildren(echo(question));
    this.#field.value = "";
    try {
      const { queryId } = await call("POST", this.dataset.url ?? "", {
        question,
        ...this.#choices(),
      });
      this.#keep(); // what was typed meanwhile
      await this.#show(exchange, queryId);
    } catch (error) {
      exchange.replaceChildren(...before);
      this.#field.value = [question, this.#field.value].filter(Boolean).join("\n");
      this.#keep();
      this.#say(/** @type {Error} */ (error).message);
    } finally {
      this.#sending = false;
    }
  }

  /** Where and how to look. */
  #choices() {
    const form = new FormData(this.#form);
    const parts = /** @type {HTMLInputElement[]} */ ([...this.querySelectorAll("[name=part]")]);
    return {
      documentIds: form.getAll("document"),
      collectionIds: form.getAll("collection"),
      source: form.get("source") ?? "mine",
      parts: Object.fromEntries(parts.map(({ value, checked }) => [value, checked])),
    };
  }

  /** What the menus hold, in words. */
  #count() {
    const places = /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-count]"));
    for (const place of places) {
      const { count = "", none = "", some = "" } = place.dataset;
      const chosen = this.querySelectorAll(count).length;
      place.textContent = chosen ? some.replace("#", String(chosen)) : none;
    }
    // Whose documents is no question where some are chosen.
    const are = this.querySelector("[name=document]:checked, [name=collection]:checked");
    this.querySelector("[name=source]")?.toggleAttribute("hidden", Boolean(are));
  }

  /**
   * The accepted query in place of the page's own, as if its address had been opened.
   * @param {HTMLElement} exchange
   * @param {string} queryId
   */
  async #show(exchange, queryId) {
    const url = `${this.dataset.page}${queryId}/`;
    try {
      const { part, after } = await fetchPart(`${url}part/`);
      const query = /** @type {HTMLElement} */ (document.importNode(part, true).firstElementChild);
      query.dataset.after = after;
      history.pushState(null, "", url);
      document.title = `${
        query.querySelector(".question")?.textContent?.slice(0, 60)
      } · Product Demo`;
      exchange.replaceChildren(query);
      if (document.activeElement !== this.#field) query.focus();
      showPast();
    } catch {
      location.assign(url);
    }
  }
}

/** @param {string} question */
function echo(question) {
  const place = document.createElement("div");
  const [heading, words] = [document.createElement("h1"), document.createElement("p")];
  place.className = "query";
  heading.className = "question";
  heading.textContent = question;
  words.className = "muted";
  words.textContent = "Sending";
  place.append(heading, words);
  return place;
}

async function showPast() {
  const place = document.getElementById("past");
  if (!place) return;
  try {
    const { part } = await fetchPart(place.dataset.part ?? "");
    place.replaceChildren(part);
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (place.querySelectorAll("a"))) {
      if (link.pathname === location.pathname) link.ariaCurrent = "page";
    }
  } catch (error) {
    notice(/** @type {Error} */ (error).message);
  }
}

customElements.define("ask-composer", AskComposer);
