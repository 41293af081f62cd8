// @ts-check
/**
 * `<page-picture>`: a page of a PDF as it looks, with the lines of a passage marked on it. The text
 * of the page stands below; where the picture cannot be had, it says why.
 */

import { call } from "realtime/http.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTHS = [800, 1600];

class PagePicture extends HTMLElement {
  #shown = false;

  connectedCallback() {
    if (!this.#shown) this.#show();
    this.#shown = true;
  }

  #show() {
    const image = document.createElement("img");
    const wanted = this.clientWidth * devicePixelRatio;
    image.src = `${this.dataset.url}/picture?width=${
      WIDTHS.find((width) => width >= wanted) ?? 1600
    }`;
    image.alt = this.dataset.label ?? "";
    image.addEventListener("load", () => {
      this.classList.add("shown");
      this.#mark();
    });
    image.addEventListener("error", () => this.#explain());
    this.replaceChildren(image);
  }

  async #mark() {
    const { start = "0", end = "0", url } = this.dataset;
    if (Number(end) <= Number(start)) return;
    const found = await call("GET", `${url}/boxes?start=${start}&end=${end}`).catch(() => null);
    if (!found?.boxes.length || !this.isConnected) return;
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", "0 0 1 1");
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("aria-hidden", "true");
    for (const [left, top, right, bottom] of found.boxes) {
      const box = document.createElementNS(SVG, "rect");
      const place = { x: left, y: top, width: right - left, height: bottom - top };
      for (const [name, value] of Object.entries(place)) box.setAttribute(name, String(value));
      drawing.append(box);
    }
    this.append(drawing);
    // A passage begins on the first of its pages.
    if (this !== document.querySelector("page-picture")) return;
    document.querySelector("mark#passage")?.removeAttribute("id"); // it is seen here now
    const first = /** @type {Element} */ (drawing.firstElementChild);
    first.id = "passage";
    first.scrollIntoView({ block: "center" });
  }

  /** An image says nothing of why it failed. */
  async #explain() {
    const words = document.createElement("p");
    words.className = "muted";
    const why = await call("GET", `${this.dataset.url}/picture`).then(() => "", String);
    words.textContent = `The page cannot be shown as it looks. ${why.replace(/^Error: /, "")}`;
    this.replaceChildren(words);
    this.classList.add("shown");
  }
}

customElements.define("page-picture", PagePicture);
