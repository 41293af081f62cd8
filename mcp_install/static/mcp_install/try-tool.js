// @ts-check
/** `<try-tool>`: a tool is run with what its form says; what it gives is shown below. */

import { call, Problem } from "realtime/http.js";
import { clearWrong, showWrong } from "mcp_install/wrong.js";

class TryTool extends HTMLElement {
  connectedCallback() {
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      this.#run();
    };
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  async #run() {
    const button = /** @type {HTMLElement} */ (this.#form.querySelector("[type=submit]"));
    if (button.ariaBusy === "true") return;
    clearWrong(this.#form);
    button.ariaBusy = "true";
    try {
      this.#show(await call("POST", this.dataset.url ?? "", { arguments: this.#given() }));
    } catch (error) {
      this.#result.hidden = true;
      showWrong(this.#form, ofFields(error));
    } finally {
      button.ariaBusy = "false";
    }
  }

  /** The arguments. Throws a Problem with what is wrong by field. */
  #given() {
    /** @type {Record<string, unknown>} */
    const given = {};
    /** @type {Record<string, string[]>} */
    const errors = {};
    const places = /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-name]"));
    for (const place of places) {
      const { name = "" } = place.dataset;
      try {
        const value = valueOf(place);
        if (value !== undefined) given[name] = value;
        else if (place.dataset.required !== undefined) errors[name] = ["This is needed."];
      } catch (error) {
        errors[name] = [/** @type {Error} */ (error).message];
      }
    }
    if (Object.keys(errors).length) throw new Problem(422, "See what is said below.", errors);
    return given;
  }

  get #result() {
    return /** @type {HTMLElement} */ (this.querySelector(".result"));
  }

  /** @param {any} called */
  #show({ isError, text, structured, isShortened, milliseconds }) {
    const [said, shown] = [this.#result.querySelector("p"), this.#result.querySelector("code")];
    if (!said || !shown) return;
    this.#result.hidden = false;
    const cut = isShortened ? "; it was too long and is cut" : "";
    said.textContent = `${isError ? "The tool says it failed" : "Done"}, ${milliseconds} ms${cut}`;
    said.classList.toggle("error-words", isError);
    const more = structured && !text ? JSON.stringify(structured, null, 2) : text;
    shown.textContent = more || "It gave nothing.";
  }
}

/** @param {HTMLElement} place */
function valueOf(place) {
  const { kind, usual, required } = place.dataset;
  const field = /** @type {HTMLInputElement} */ (place.querySelector("input, select, textarea"));
  if (kind === "boolean") {
    const isSaid = field.checked || required !== undefined || usual === "true";
    return isSaid ? field.checked : undefined;
  }
  if (kind === "string" && required !== undefined && field.value === usual) return field.value;
  const text = kind === "string" ? field.value : field.value.trim();
  if (!text) return undefined;
  if (kind === "string") return text;
  if (kind === "number") {
    if (Number.isNaN(Number(text))) throw new Error("A number is needed.");
    return Number(text);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${/** @type {Error} */ (error).message}`);
  }
}

/** What the server finds wrong inside of an argument is said beside it. @param {unknown} error */
function ofFields(error) {
  if (!(error instanceof Problem)) return error;
  /** @type {Record<string, string[]>} */
  const errors = {};
  for (const [place, told] of Object.entries(error.errors)) {
    const [name, ...inside] = place.split(".");
    const words = inside.length ? told.map((one) => `${inside.join(".")}: ${one}`) : told;
    errors[name] = [...errors[name] ?? [], ...words];
  }
  return new Problem(error.status, error.message, errors);
}

customElements.define("try-tool", TryTool);
