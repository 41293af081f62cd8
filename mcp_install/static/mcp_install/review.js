// @ts-check
/**
 * `<plan-review>`: what the server is given, and the commands that come of it. They are shown anew
 * whenever something changes, and what is started is what is shown: its hash goes along.
 */

import { call, Problem } from "realtime/http.js";
import { clearWrong, showWrong } from "mcp_install/wrong.js";

/** Sent up from it once the installation has begun. */
export const INSTALLED = "installed";

/** @typedef {{planHash: string, action: string, folder: string, title: string, version: string,
 *   steps: {stage: string, title: string, command: string}[], warnings: string[]}} Plan */

const SOON = 300;
const STAGES = JSON.parse(document.body.dataset.stageWords ?? "{}");
/** @type {Record<string, string>} */
const BUTTONS = { install: "Install", upgrade: "Upgrade", verify: "Check" };

class PlanReview extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {Plan | null} */
  #plan = null;
  #turn = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Makes it harmless to send the same again. */
  #key = "";

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#form.addEventListener("input", () => this.#changed(), { signal });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#install();
    }, { signal });
    if (!this.closest("install-wizard")) this.begin();
  }

  disconnectedCallback() {
    this.#life?.abort();
    clearTimeout(this.#timer);
  }

  /** Its fields are filled in as they were left. */
  begin() {
    this.#changed(0);
  }

  get #url() {
    return this.dataset.url ?? "";
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  get #button() {
    return /** @type {HTMLButtonElement} */ (this.querySelector("[type=submit]"));
  }

  /** The plan that is shown is another one's now. @param {number} [pause] */
  #changed(pause = SOON) {
    this.#turn++;
    this.#plan = null;
    this.#key = "";
    clearTimeout(this.#timer);
    const complete = this.#form.checkValidity();
    this.#part(".plan").hidden = !complete || !this.#part(".plan-steps").firstChild;
    this.#part(".plan").ariaBusy = "true";
    this.#say(
      complete
        ? "Finding out what is to be done …"
        : "Fill in what is required, and the commands are shown.",
    );
    if (complete) this.#timer = setTimeout(() => this.#look().catch(() => {}), pause);
  }

  /** What would be done, from the server. */
  async #look() {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    clearWrong(this.#form);
    try {
      const plan = await call("POST", this.#url, { ...this.#wish(), dryRun: true });
      if (turn === this.#turn) this.#show(plan);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#say("");
      this.#part(".plan").hidden = true;
      showWrong(this.#form, error);
      throw error;
    }
  }

  async #install() {
    const button = this.#button;
    if (button.ariaBusy === "true") return;
    clearWrong(this.#form);
    if (!this.#form.checkValidity()) return this.#complain();
    button.ariaBusy = "true";
    try {
      const plan = this.#plan;
      if (!plan) return await this.#look(); // to be read first
      this.#key ||= crypto.getRandomValues(new Uint32Array(4)).join("-");
      const wish = { ...this.#wish(), planHash: plan.planHash };
      const { installId } = await call("POST", this.#url, wish, this.#key);
      this.dispatchEvent(new Event(INSTALLED, { bubbles: true }));
      location.assign(`${this.dataset.runs}${installId}/`);
    } catch (error) {
      // Something changed meanwhile: the new plan is there to be read, and nothing was begun.
      if (error instanceof Problem && error.status === 409) await this.#look().catch(() => {});
      showWrong(this.#form, error);
    } finally {
      button.ariaBusy = "false";
    }
  }

  /** Say beside each field that is required and empty that it is. */
  #complain() {
    const empty =
      /** @type {NodeListOf<HTMLInputElement>} */ (this.#form.querySelectorAll(":invalid"));
    const errors = [...empty].map((field) => {
      const key = /** @type {HTMLElement | null} */ (field.closest("[data-key]"))?.dataset.key;
      return [key, ["This is needed."]];
    });
    showWrong(this.#form, new Problem(422, "Something is missing.", Object.fromEntries(errors)));
  }

  /** Of a server that is there already only the version is asked. */
  #wish() {
    const { host: hostId, entry: server, directory } = this.dataset;
    const version = String(new FormData(this.#form).get("version") ?? "").trim();
    if (!hostId) return { version };
    const { environment, argument } = this.#given();
    return { hostId, server, directory, version, environment, arguments: argument };
  }

  #given() {
    /** @type {Record<string, Record<string, any>>} */
    const given = { environment: this.#extra(), argument: {} };
    const places = /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-place]"));
    for (const { dataset: { place = "", key = "", repeated, usual }, children } of places) {
      const field = /** @type {HTMLInputElement} */ (
        [...children].flatMap((child) => [child, ...child.children]).find((one) =>
          one.hasAttribute("name")
        )
      );
      if (field.type === "checkbox") {
        if (field.checked || usual !== undefined) given[place][key] = field.checked;
      } else if (repeated !== undefined) {
        const lines = field.value.split("\n").filter(Boolean);
        if (lines.length) given[place][key] = lines;
      } else if (field.value) given[place][key] = field.value;
    }
    return given;
  }

  /** `NAME=value`, line by line. @returns {Record<string, string>} */
  #extra() {
    const text = String(new FormData(this.#form).get("extra") ?? "");
    const lines = text.split("\n").filter((line) => line.trim());
    return Object.fromEntries(lines.map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)];
    }));
  }

  // --- Shown ---------------------------------------------------------------------------------------
  /** @param {Plan} plan */
  #show(plan) {
    this.#plan = plan;
    const section = this.#part(".plan");
    section.hidden = false;
    section.ariaBusy = "false";
    this.#part("[data-about]").textContent = about(plan);
    this.#part(".plan-steps").replaceChildren(...plan.steps.map((step) => this.#step(step)));
    this.#part(".warnings").replaceChildren(...plan.warnings.map((words) => {
      const item = document.createElement("li");
      item.textContent = words;
      return item;
    }));
    this.#part("[data-words]").textContent = BUTTONS[plan.action] ?? BUTTONS.install;
    this.#say("These commands are run, and no others. Nothing has begun yet.");
  }

  /** @param {Plan["steps"][0]} step */
  #step({ stage, title, command }) {
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector("template"));
    const item = /** @type {HTMLElement} */ (template.content.cloneNode(true));
    const [badge, words] = item.querySelectorAll("span");
    badge.textContent = STAGES[stage] ?? stage;
    words.textContent = title;
    /** @type {HTMLElement} */ (item.querySelector("code")).textContent = command;
    return item;
  }

  /** @param {string} words */
  #say(words) {
    this.#part("[data-waits]").textContent = words;
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }
}

/** @param {Plan} plan */
const about = ({ action, title, version, folder }) =>
  action === "verify"
    ? `${title} ${version} is there already, with the same inputs, in ${folder}: ` +
      "it is only started, to see whether it answers"
    : `${title} ${version} gets the folder ${folder}`;

customElements.define("plan-review", PlanReview);
