// @ts-check
/** The row that stands for a file, or for several, until the server has taken it. */

export class SendingRow {
  /**
   * @param {HTMLElement} zone holds the template and the list
   * @param {string} name
   * @param {string} about
   * @param {(what: string) => void} act what a button asks for: drop, retry, keep, replace
   */
  constructor(zone, name, about, act) {
    const template = /** @type {HTMLTemplateElement} */ (zone.querySelector("template"));
    const part = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (part.firstElementChild);
    this.list = /** @type {HTMLElement} */ (zone.querySelector(".uploads"));
    this.#text(".row-name bdi", name);
    this.#text(".muted", about);
    this.element.querySelector("progress")?.setAttribute("aria-label", `Sending ${name}`);
    this.element.addEventListener("click", ({ target }) => {
      const button = /** @type {Element} */ (target).closest("[data-do]");
      if (button) act(button.getAttribute("data-do") ?? "");
    });
    this.list.hidden = false;
    this.list.append(this.element);
  }

  remove() {
    this.element.remove();
    this.list.hidden = !this.list.firstElementChild;
  }

  /**
   * @param {string} stage
   * @param {number} percent
   */
  bar(stage, percent) {
    /** @type {HTMLElement} */ (this.element.querySelector(".job-line")).hidden = false;
    /** @type {HTMLProgressElement} */ (this.element.querySelector("progress")).value = percent;
    this.#text(".job-stage", stage);
    this.#text(".job-percent", `${percent} %`);
    this.#text(".error-words", "");
    this.#buttons("drop", "Cancel");
  }

  /**
   * @param {string} words
   * @param {string} [shown] what can be done about it
   * @param {string} [drop] the words of the button that drops the row
   */
  say(words, shown = "drop", drop = "Dismiss") {
    /** @type {HTMLElement} */ (this.element.querySelector(".job-line")).hidden = true;
    this.#text(".error-words", words);
    this.#buttons(shown, drop);
  }

  /**
   * @param {string} shown
   * @param {string} drop
   */
  #buttons(shown, drop) {
    for (const button of this.element.querySelectorAll("[data-do]")) {
      const what = button.getAttribute("data-do") ?? "";
      /** @type {HTMLElement} */ (button).hidden = !shown.split(" ").includes(what);
    }
    this.#text("[data-do=drop] span", drop);
  }

  /**
   * @param {string} selector
   * @param {string} words
   */
  #text(selector, words) {
    const place = this.element.querySelector(selector);
    if (place) place.textContent = words;
  }
}

/** @param {number} bytes */
export function inMegabytes(bytes) {
  if (bytes < 1024 * 1024) return `${Math.ceil(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 1 : 0)} MB`;
}
