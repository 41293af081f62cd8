// @ts-check
/**
 * `<live-list>`: a server-rendered list of jobs whose rows follow events.
 *
 * A bar moves by the event itself; anything else (a new row, an end) fetches the row as the server
 * renders it. `data-types`: the events it follows; `data-rows`: where rows come from, by `?id=`;
 * `data-part`: the whole list; `data-filtered`: new rows may not belong, so the list is fetched.
 *
 * A list that has more (`data-more`) than its `data-most` rows keeps that length: what is older, by
 * the rows' `data-at`, stays out of it. When very much is new, the list is fetched as a whole.
 */

import { fetchPart, Problem } from "realtime/http.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import "realtime/job-progress.js";
import { isNews } from "realtime/job-news.js";
import { keepFocus } from "realtime/focus.js";
import "realtime/actions.js";

/** @typedef {import("realtime/messages.js").Incoming} Incoming */
/** @typedef {import("realtime/socket.js").Message} Message */
/** @typedef {import("realtime/job-progress.js").JobProgress} JobProgress */

const TOGETHER = 60;
const OFTEN = 500; // between two fetches of many
const MUCH = 20; // rows that are new at once
const MOST_SAID = 3;
const MOST_AT_ONCE = 100;
const ASK_WHY = 10_000;
const AGAIN = 3_000;

export class LiveList extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {Set<string>} ids of rows to fetch */
  #wanted = new Set();
  #whole = false;
  /** @type {Set<string>} ids of what belongs to a list elsewhere: news of it are none here */
  #foreign = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #queue = Promise.resolve();
  #fetchedAt = 0;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const types = /** @type {(keyof Incoming)[]} */ ((this.dataset.types ?? "").split(" "));
    for (const type of types) {
      live.on(type, (event) => this.#tell(event), { signal });
    }
    live.on("resync", () => this.fetchAll(), { signal });
    const asking = setInterval(() => this.#askWhy(), ASK_WHY);
    signal.addEventListener("abort", () => clearInterval(asking));
  }

  disconnectedCallback() {
    this.#life?.abort();
    clearTimeout(this.#timer);
  }

  /** @param {string} id */
  row(id) {
    return /** @type {HTMLElement | null} */ (this.querySelector(`#row-${CSS.escape(id)}`));
  }

  /** Fetch some rows soon, together with others. @param {string[]} ids */
  want(...ids) {
    for (const id of ids) this.#wanted.add(id);
    const rest = OFTEN - (Date.now() - this.#fetchedAt);
    this.#timer ??= setTimeout(() => this.#fetch().catch(() => {}), Math.max(TOGETHER, rest));
  }

  /** The whole list, as the server has it now. */
  fetchAll() {
    this.#whole = true;
    return this.#fetch();
  }

  /** @param {Message} event */
  #tell(event) {
    const id = subjectOf(event);
    const row = this.row(id);
    // What the person may do with it changed: the server knows whether it is still in the list.
    if (event.type === "document_shared") return this.#wantNew(id);
    if (event.status === "DELETED") return this.#remove(row);
    const job = /** @type {JobProgress | null} */ (row?.querySelector("job-progress"));
    if (!row) return this.#foreign.has(id) ? undefined : this.#wantNew(id);
    if (!job) {
      const seen = { attempt: Number(row.dataset.attempt), progress: 100, ended: true };
      if (isNews(seen, event)) this.want(id);
    } else if (job.tell(event) && event.terminal) {
      this.want(id);
    }
  }

  /** @param {string} id */
  #wantNew(id) {
    if (this.dataset.filtered === undefined) this.want(id);
    else this.#wantAll();
  }

  #wantAll() {
    this.#whole = true;
    this.want();
  }

  /** @param {HTMLElement | null} row */
  #remove(row) {
    if (!row) return;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const focused = row.contains(document.activeElement);
    row.remove();
    if (focused) /** @type {HTMLElement | null} */ (next?.querySelector("a, button"))?.focus();
    if (!this.querySelector(".row")) this.#wantAll();
  }

  /** A waiting row says why: the server knows. */
  #askWhy() {
    const waiting = this.querySelectorAll("job-progress[data-status=QUEUED]");
    const ids = [...waiting].slice(0, 20).map((job) => rowOf(job)?.dataset.id ?? "");
    if (ids.length && !document.hidden && live.connected) this.want(...ids);
  }

  /** One fetch after the other, so that an older answer never covers a newer one. */
  #fetch() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const done = this.#queue.then(() => this.#fetchNow());
    this.#queue = done.catch(() => {});
    return done;
  }

  async #fetchNow() {
    this.#fetchedAt = Date.now();
    const fresh = [...this.#wanted].filter((id) => !this.row(id));
    const whole = this.#whole || fresh.length > MUCH;
    const ids = [...this.#wanted].slice(0, MOST_AT_ONCE);
    if (!whole && !ids.length) return;
    this.#whole = false;
    for (const id of whole ? [...this.#wanted] : ids) this.#wanted.delete(id);
    try {
      if (whole) await this.#replaceAll();
      else await this.#replaceRows(ids);
    } catch (error) {
      if (whole) throw error;
      if (error instanceof Problem && error.status !== 401) {
        setTimeout(() => this.want(...ids), AGAIN);
      }
    }
    if (this.#wanted.size) this.want();
  }

  async #replaceAll() {
    const { part, after } = await fetchPart(this.dataset.part ?? "");
    this.#foreign.clear();
    keepFocus(this, () => this.replaceChildren(part));
    for (const event of this.#missed(after)) this.#tell(event);
  }

  /** @param {string[]} ids */
  async #replaceRows(ids) {
    const query = new URLSearchParams(ids.map((id) => ["id", id]));
    const { part, after } = await fetchPart(`${this.dataset.rows}?${query}`);
    const list = this.querySelector(".rows");
    if (!list) return await this.#replaceAll();
    const fresh = new Map([...part.querySelectorAll(".row")].map((row) => [row.id, row]));
    let ended = 0;
    for (const id of ids) {
      const [old, row] = [this.row(id), fresh.get(`row-${id}`)];
      this.#foreign.delete(id);
      if (!row && !old) this.#foreign.add(id);
      else if (!row) this.#remove(old);
      else if (
        old && this.#replace(old, /** @type {HTMLElement} */ (row)) && ++ended <= MOST_SAID
      ) {
        notice(/** @type {HTMLElement} */ (row).dataset.said ?? "", { hidden: true });
      }
    }
    this.#add(list, /** @type {HTMLElement[]} */ ([...fresh.values()]));
    for (const event of this.#missed(after)) {
      if (ids.includes(subjectOf(event))) this.#tell(event);
    }
  }

  /**
   * @param {Element} list
   * @param {HTMLElement[]} rows of which some are there already
   */
  #add(list, rows) {
    const { most, more } = /** @type {HTMLElement} */ (list).dataset;
    const last = /** @type {HTMLElement | null} */ (list.lastElementChild);
    const isLong = more !== undefined && last?.dataset.at;
    const added = rows.filter((row) => !row.isConnected);
    const newer = added.filter((row) =>
      !isLong || Number(row.dataset.at) > Number(last.dataset.at)
    );
    for (const row of added) if (!newer.includes(row)) this.#foreign.add(row.dataset.id ?? "");
    list.prepend(...newer);
    while (isLong && list.childElementCount > Number(most)) list.lastElementChild?.remove();
  }

  /**
   * @param {HTMLElement} old
   * @param {HTMLElement} row
   * @returns {boolean} whether the work ended by it
   */
  #replace(old, row) {
    const ended = old.querySelector("job-progress") && !row.querySelector("job-progress");
    keepFocus(old, () => old.replaceWith(row), row);
    return Boolean(ended);
  }

  /** @param {string} after */
  #missed(after) {
    const types = (this.dataset.types ?? "").split(" ");
    return live.since(after).filter((event) => types.includes(event.type));
  }
}

/** What a job's event is about. @param {Message} event */
const subjectOf = (event) => event.documentId ?? event.queryId ?? event.installId ?? event.testId;

/** @param {Element} job */
const rowOf = (job) => /** @type {HTMLElement | null} */ (job.closest(".row"));

customElements.define("live-list", LiveList);
