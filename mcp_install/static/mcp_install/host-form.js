// @ts-check
/** `<host-form>`: a host that is added or changed. What lets in goes in, and is kept nowhere here. */

import { forgetDrafts } from "realtime/drafts.js";
import { call } from "realtime/http.js";
import { clearWrong, showWrong } from "mcp_install/wrong.js";

const URL_OF_HOSTS = "/api/mcp/hosts";

class HostForm extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#form.addEventListener("change", () => this.#choose(), { signal });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    }, { signal });
    this.#choose();
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  /** Only the fields of the way that is chosen are there. */
  #choose() {
    const method = new FormData(this.#form).get("method");
    const parts = /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-method]"));
    for (const part of parts) part.hidden = part.dataset.method !== method;
  }

  async #save() {
    const button = /** @type {HTMLButtonElement} */ (this.#form.querySelector("[type=submit]"));
    clearWrong(this.#form);
    button.ariaBusy = "true";
    try {
      const { host, pages, next } = this.dataset;
      const body = this.#body();
      const { hostId } = host
        ? await call("PATCH", `${URL_OF_HOSTS}/${host}`, body)
        : await call("POST", URL_OF_HOSTS, body);
      forgetDrafts(this);
      location.assign(`${pages}${hostId}/${next ? `?${new URLSearchParams({ next })}` : ""}`);
    } catch (error) {
      showWrong(this.#form, error);
      button.ariaBusy = "false";
    }
  }

  #body() {
    const given = new FormData(this.#form);
    const text = (/** @type {string} */ name) => String(given.get(name) ?? "");
    const ways = {
      key: { privateKey: text("privateKey"), passphrase: text("passphrase") || undefined },
      password: { password: text("password") },
      ask: { ask: true },
    };
    return {
      name: text("name"),
      hostname: text("hostname"),
      port: Number(text("port")) || 0,
      username: text("username"),
      auth: ways[/** @type {keyof ways} */ (text("method"))],
      jumpHostId: text("jumpHostId") || null,
    };
  }
}

customElements.define("host-form", HostForm);
