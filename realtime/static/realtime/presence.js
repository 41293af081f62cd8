// @ts-check
/**
 * `<who-is-here data-topic="document:…">`: up to five avatars of the other people who look at the
 * same document, and their names when it is pointed at or has the focus. While it is in the page,
 * this tab's person is here too, also while the tab is hidden.
 */

import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { few, initials, inWords, People } from "realtime/people.js";

const MOST = 5;
const TOLD_AGAIN = 3_000;
const AGAIN = 5_000;
const { userId } = document.body.dataset;

class WhoIsHere extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #people = new People();
  #isOpen = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Who was here before this tab is not news. */
  #isSettled = false;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("user_activity", (event) => this.#tell(event), { signal });
    live.on(
      "error",
      ({ code }) => code === "unavailable" && this.#soon(AGAIN, () => this.#come()),
      {
        signal,
      },
    );
    live.watch(({ state }) => {
      const was = this.#isOpen;
      this.#isOpen = state === "open";
      if (this.#isOpen && !was) this.#come();
    }, { signal });
    // A tab that slept may have been left out of some news.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#isOpen) this.#come();
    }, { signal });
    this.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.dataset.dismissed = "";
    }, { signal });
    for (const type of ["focusout", "pointerleave"]) {
      this.addEventListener(type, () => delete this.dataset.dismissed, { signal });
    }
  }

  disconnectedCallback() {
    this.#life?.abort();
    clearTimeout(this.#timer);
    live.send({ type: "unsubscribe", topic: this.#topic });
    live.send({ type: "activity", action: "left_document", documentId: this.#documentId });
  }

  get #topic() {
    return this.dataset.topic ?? "";
  }

  get #documentId() {
    return this.#topic.split(":")[1];
  }

  /** After opening the page, and after every break of the line. */
  #come() {
    this.#people.doubt();
    live.send({ type: "subscribe", topic: this.#topic });
    live.send({ type: "activity", action: "viewing_document", documentId: this.#documentId });
    this.#soon(TOLD_AGAIN, () => {
      this.#isSettled = true;
      if (this.#people.settle()) this.#show();
    });
  }

  /**
   * @param {number} ms
   * @param {() => void} run
   */
  #soon(ms, run) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, ms);
  }

  /** @param {import("realtime/socket.js").Message} event */
  #tell(event) {
    if (event.documentId !== this.#documentId || event.userId === userId) return;
    if (!this.#people.told(event)) return;
    this.#show();
    const does = event.action === "left_document" ? "has left" : "is here";
    if (this.#isSettled) notice(`${event.username} ${does}`, { hidden: true });
  }

  #show() {
    const people = this.#people.all;
    if (!people.length) return this.replaceChildren();
    const button = this.querySelector("button") ?? document.createElement("button");
    button.type = "button";
    const words = `Here now: ${inWords(people)}`;
    button.ariaLabel = words;
    const { shown, more } = few(people, MOST);
    const labels = shown.map(({ username }) => initials(username));
    const avatars = [...labels, ...more ? [`+${more}`] : []].map((label) => {
      const avatar = document.createElement("span");
      avatar.className = "avatar";
      avatar.ariaHidden = "true";
      avatar.textContent = label;
      return avatar;
    });
    const tip = document.createElement("span");
    tip.className = "tip";
    tip.ariaHidden = "true";
    tip.textContent = words;
    button.replaceChildren(...avatars, tip);
    if (!button.isConnected) this.replaceChildren(button);
  }
}

customElements.define("who-is-here", WhoIsHere);
