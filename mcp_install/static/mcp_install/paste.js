// @ts-check
/** `<paste-entry>`: a server.json comes into one's own catalogue. */

import { forgetDrafts } from "realtime/drafts.js";
import { call } from "realtime/http.js";

class PasteEntry extends HTMLElement {
  connectedCallback() {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#add(form);
    };
    const close = /** @type {HTMLElement} */ (this.querySelector("[data-close]"));
    close.onclick = () => this.closest("dialog")?.close();
  }

  /** @param {HTMLFormElement} form */
  async #add(form) {
    const wrong = /** @type {HTMLElement} */ (this.querySelector(".error-words"));
    const { url = "", pages } = this.dataset;
    wrong.textContent = "";
    try {
      const serverJson = new FormData(form).get("serverJson");
      const { entryId } = await call("POST", url, { serverJson });
      forgetDrafts(this);
      location.assign(`${pages}${entryId}/`);
    } catch (error) {
      wrong.textContent = /** @type {Error} */ (error).message;
    }
  }
}

customElements.define("paste-entry", PasteEntry);
