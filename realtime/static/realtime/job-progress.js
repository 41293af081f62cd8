// @ts-check
/**
 * `<job-progress>`: stage, bar and words of a job that waits or runs, over what the server rendered.
 * Whoever holds it calls `tell(event)`.
 */

import { isNews, isWaiting, stillWorking, timeLeft } from "realtime/job-news.js";
import { showsWork } from "realtime/title.js";

/** @type {Record<string, string>} */
const STAGES = JSON.parse(document.body.dataset.stageWords ?? "{}");

/** @type {Set<JobProgress>} */
const shown = new Set();

export class JobProgress extends HTMLElement {
  #heard = Date.now();
  /** Our clock minus the server's. */
  #skew = 0;
  /** The stage whose pace is measured, and where it was first seen; by the server's clock. */
  #pace = { stage: "", since: 0, from: 0 };

  connectedCallback() {
    shown.add(this);
    showsWork(this, !this.seen.ended);
  }

  disconnectedCallback() {
    shown.delete(this);
    showsWork(this, false);
  }

  get seen() {
    const { attempt, progress, ended } = this.dataset;
    return { attempt: Number(attempt), progress: Number(progress), ended: ended === "true" };
  }

  /**
   * @param {import("realtime/socket.js").Message} event
   * @returns {boolean} whether it was news
   */
  tell(event) {
    const { seen } = this;
    if (!isNews(seen, event)) return false;
    const ts = Date.parse(event.ts ?? "") || Date.now() - this.#skew;
    this.#heard = Date.now();
    this.#skew = this.#heard - ts;
    const attempt = Number(event.attempt ?? seen.attempt);
    const waits = isWaiting(event) || (attempt === 0 && !event.terminal);
    if (event.stage !== this.#pace.stage || attempt > seen.attempt) {
      this.#pace = { stage: event.stage, since: ts, from: Number(event.progress ?? 0) };
    }
    this.dataset.attempt = String(attempt);
    this.dataset.ended = String(Boolean(event.terminal));
    this.dataset.status = waits ? "QUEUED" : "RUNNING";
    this.dataset.progress = String(waits ? 0 : event.progress ?? 0);
    this.#say(".job-stage", waits ? "Waiting" : STAGES[event.stage] ?? "Starting");
    this.#say(".job-message", event.message ?? "");
    this.#say(".job-percent", `${this.dataset.progress} %`);
    const bar = this.querySelector("progress");
    if (bar) bar.value = Number(this.dataset.progress);
    this.hint();
    showsWork(this, !this.seen.ended);
    return true;
  }

  /** Something else shows that the job is alive, as the text that it writes. */
  heard() {
    this.#heard = Date.now();
    this.hint();
  }

  hint() {
    if (this.dataset.status === "QUEUED" || this.dataset.ended === "true") {
      return this.#say(".job-hint", "");
    }
    const now = Date.now();
    const { since, from } = this.#pace;
    const elapsed = since ? now - this.#skew - since : 0;
    const steady = this.dataset.unsteady === undefined;
    const left = steady ? timeLeft(elapsed, from, this.seen.progress) : "";
    const words = stillWorking(now - this.#heard) || left;
    this.#say(".job-hint", words);
  }

  /**
   * @param {string} selector
   * @param {string} words
   */
  #say(selector, words) {
    const place = this.querySelector(selector);
    if (place && place.textContent !== words) place.textContent = words;
  }
}

customElements.define("job-progress", JobProgress);
setInterval(() => shown.forEach((job) => job.hint()), 1_000);
