// @ts-check
/** `<unlock-document>`: sends the password of a protected document; the events say what became of it. */

import { call } from "realtime/http.js";

class UnlockDocument extends HTMLElement {
  connectedCallback() {
    this.#form.addEventListener("submit", this.#send);
  }

  disconnectedCallback() {
    this.#form?.removeEventListener("submit", this.#send);
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  /** @param {SubmitEvent} event */
  #send = async (event) => {
    event.preventDefault();
    const wrong = /** @type {HTMLElement} */ (this.querySelector(".error-words"));
    wrong.textContent = "";
    try {
      const password = new FormData(this.#form).get("password");
      this.#form.reset();
      await call("POST", this.dataset.url ?? "", { password });
    } catch (error) {
      wrong.textContent = /** @type {Error} */ (error).message;
    }
  };
}

customElements.define("unlock-document", UnlockDocument);
