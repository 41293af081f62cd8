// @ts-check
/**
 * `<live-runs>`: a part of a page that shows runs on hosts, or the hosts. Bars move by events; an
 * end, a run that is not shown yet, or a host that changed, fetches the part (`data-part`) as the
 * server renders it now. What shows a run has `data-run`. With `data-stages` its stages are read out.
 */

import { ACCEPTED } from "realtime/actions.js";
import { keepFocus } from "realtime/focus.js";
import { fetchPart } from "realtime/http.js";
import { isNews } from "realtime/job-news.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { renew, takeAttributes } from "realtime/renew.js";
import "realtime/job-progress.js";

/** @typedef {import("realtime/messages.js").McpInstallProgress
 *   & import("realtime/messages.js").Logged} News */
/** @typedef {import("realtime/job-progress.js").JobProgress} JobProgress */

const TOGETHER = 60;
const AGAIN = 2_000;

class LiveRuns extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #queue = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Runs that belong elsewhere, and the attempt for which that was found. @type {Map<string, number>} */
  #foreign = new Map();

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    live.on("mcp_install_progress", (event) => this.#tell(event), { signal });
    live.on("mcp_host", () => this.#fetchSoon(), { signal });
    live.on("resync", () => this.fetch(), { signal });
    this.addEventListener(ACCEPTED, () => this.#fetchSoon(), { signal });
    const ticking = setInterval(() => this.#tick(), 1_000);
    signal.addEventListener("abort", () => clearInterval(ticking));
  }

  disconnectedCallback() {
    this.#life?.abort();
    clearTimeout(this.#timer);
  }

  /** The part as the server has it now; one fetch after the other. */
  fetch() {
    clearTimeout(this.#timer);
    const done = this.#queue.then(() => this.#fetchNow());
    this.#queue = done.catch(() => {});
    return done;
  }

  #fetchSoon(pause = TOGETHER) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.fetch().catch(({ status }) => {
        if (this.isConnected && (!status || status >= 500)) this.#fetchSoon(AGAIN);
      });
    }, pause);
  }

  async #fetchNow() {
    const { part, after } = await fetchPart(this.dataset.part ?? "");
    const [said, fresh] = [this.#said, document.createElement("div")];
    fresh.append(part);
    keepFocus(this, () => renew(this, fresh, settle));
    if (this.#said !== said && !this.querySelector("job-progress")) {
      notice(this.#said, { hidden: true });
    }
    for (const event of live.since(after)) {
      if (event.type === "mcp_install_progress") this.#tell(/** @type {any} */ (event));
    }
  }

  get #said() {
    const said = /** @type {HTMLElement | null} */ (this.querySelector("[data-said]"));
    return said?.dataset.said ?? "";
  }

  /** @param {News} event */
  #tell(event) {
    const { installId, attempt = 0, terminal } = event;
    const shown = /** @type {HTMLElement | null} */ (
      this.querySelector(`[data-run="${CSS.escape(installId)}"]`)
    );
    if (!shown) return this.#miss(installId, terminal ? attempt + 1 : attempt);
    const job = /** @type {JobProgress | null} */ (shown.querySelector("job-progress"));
    const ended = { attempt: Number(shown.dataset.attempt), progress: 100, ended: true };
    if (!job) return void (isNews(ended, event) && this.#fetchSoon());
    const stage = job.querySelector(".job-stage")?.textContent;
    if (!job.tell(event)) return;
    const now = job.querySelector(".job-stage")?.textContent ?? "";
    if (terminal) this.#fetchSoon();
    else if (now !== stage && this.dataset.stages !== undefined) notice(now, { hidden: true });
  }

  /** Is it one of ours? Once for each attempt, and for its end, the server is asked.
   * @param {string} id
   * @param {number} attempt
   */
  #miss(id, attempt) {
    if ((this.#foreign.get(id) ?? -1) >= attempt) return;
    this.#foreign.set(id, attempt);
    this.#fetchSoon();
  }

  #tick() {
    for (
      const place of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-since]"))
    ) {
      const since = Date.parse(place.dataset.since ?? "");
      const seconds = Math.max(0, Math.round((Date.now() - since) / 1_000));
      const minutes = Math.floor(seconds / 60);
      place.textContent = minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
    }
  }
}

/** @type {import("realtime/renew.js").Settle} */
function settle(was, is) {
  const { digest } = was.dataset;
  if (digest && digest === is.dataset.digest) return was.querySelector("try-tool") !== null;
  if (!was.dataset.key || !was.querySelector("[data-digest]")) return false;
  takeAttributes(was, is);
  renew(was, is, settle);
  return true;
}

customElements.define("live-runs", LiveRuns);
