// @ts-check
/**
 * `<upload-zone>`: files and folders dropped anywhere, pasted or chosen, each in a request of its own.
 *
 * A row stands for each file until the server has taken it; then the list's own row takes over. Many
 * files at once are announced as a batch, and one row stands for all of them.
 */

import { ACCEPTED } from "realtime/actions.js";
import { call, csrfToken, Problem, problem } from "realtime/http.js";
import { notice } from "realtime/notice.js";
import "realtime/live-list.js";
import { Batches } from "documents/batches.js";
import { filesOf, visibleOf } from "documents/dropped.js";
import { tellLost, Unsent } from "documents/lost-files.js";
import { Later, SendQueue } from "documents/send-queue.js";
import { inMegabytes, SendingRow } from "documents/sending-row.js";

const MANY = 10;
const MOST_ROWS = 20; // of what was refused of a batch
const LOST = "The connection was lost while sending.";

/** @typedef {import("realtime/live-list.js").LiveList} LiveList */
/** @typedef {import("documents/send-queue.js").Upload} Upload */
/** @typedef {Upload["policy"]} Policy */
/** @typedef {(percent: number) => void} Sent */

class UploadZone extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #over = 0;
  /** @type {Unsent | null} */
  #unsent = null;
  /** @type {Batches | null} */
  #batches = null;
  /** @type {WeakMap<Upload, Sent>} */
  #watched = new WeakMap();
  #queue = new SendQueue({
    send: (upload) => this.#send(upload),
    paused: (words) => this.#say(words),
  });

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#unsent = new Unsent(signal);
    const place = /** @type {HTMLElement} */ (this.querySelector(".batches"));
    this.#batches = new Batches(place, this.dataset.batches ?? "", signal);
    const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (
      this.querySelectorAll("input[type=file]")
    );
    for (const input of inputs) {
      const take = () => {
        this.add(visibleOf(input.files ?? []));
        input.value = "";
      };
      input.addEventListener("change", take, { signal });
      queueMicrotask(take); // what was chosen before this script had loaded
    }
    for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
      document.addEventListener(type, (event) => this.#drag(/** @type {DragEvent} */ (event)), {
        signal,
      });
    }
    document.addEventListener("paste", ({ clipboardData }) => {
      this.add([...clipboardData?.files ?? []]);
    }, { signal });
    addEventListener("beforeunload", (event) => {
      if (this.#queue.length) event.preventDefault();
    }, { signal });
    this.addEventListener(ACCEPTED, ({ target }) => {
      const batch = /** @type {HTMLElement} */ (target).closest("upload-batch");
      const id = /** @type {HTMLElement | null} */ (batch)?.dataset.id;
      if (!id) return;
      this.#queue.drop((upload) => upload.batch === id);
      this.#unsent?.set(this.#addressOf(id), 0);
    }, { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  /** @returns {Policy} */
  get #policy() {
    const select = /** @type {HTMLSelectElement | null} */ (this.querySelector("[name=policy]"));
    return /** @type {Policy} */ (select?.value ?? "ask");
  }

  /** @param {string} words */
  #say(words) {
    const place = this.querySelector(".upload-words");
    if (place) place.textContent = words;
  }

  /** @param {DragEvent} event */
  async #drag(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#over += { dragenter: 1, dragleave: -1 }[event.type] ?? 0;
    if (event.type === "drop") this.#over = 0;
    document.body.classList.toggle("dropping", this.#over > 0);
    if (event.type === "drop") this.add(await filesOf(event.dataTransfer));
  }

  /**
   * @param {File[]} files
   * @param {Policy} [policy]
   */
  add(files, policy = this.#policy) {
    const good = files.filter((file) => !this.#refusal(file));
    const bad = files.filter((file) => this.#refusal(file));
    this.#refuse(bad.map((file) => ({ file, words: this.#refusal(file) })));
    if (good.length >= MANY) return this.#addMany(good, policy);
    for (const file of good) this.#addOne(file, policy);
  }

  /** Why a file need not be sent at all; nothing when it may be fine. @param {File} file */
  #refusal(file) {
    const limit = Number(this.dataset.maxBytes);
    if (!file.size) return "The file is empty.";
    return file.size > limit ? `The file is larger than ${inMegabytes(limit)}.` : "";
  }

  /** @param {{file: File, words: string}[]} refused */
  #refuse(refused) {
    for (const { file, words } of refused.slice(0, MOST_ROWS)) {
      const row = new SendingRow(this, file.name, inMegabytes(file.size), () => row.remove());
      row.say(words);
    }
    const more = refused.length - MOST_ROWS;
    if (more > 0) notice(`${more} more files were refused.`);
  }

  /**
   * @param {File} file
   * @param {Policy} policy
   */
  #addOne(file, policy) {
    /** @type {Omit<Upload, "key" | "tries">} */
    const upload = {
      file,
      policy,
      taken: ({ documents: [answer] }) => {
        if (answer.status === "FAILED") return row.say(answer.error);
        const isThere = answer.duplicateOf === answer.documentId;
        if (isThere) {
          const words = `You already have this file: ${answer.name}.`;
          if (upload.policy === "skip") return row.say(words);
          return row.say(words, this.#whatToDo, "Skip");
        }
        row.remove();
        notice(`${answer.name} was taken in.`, { hidden: true });
        this.#list?.want(answer.documentId, ...answer.duplicateOf ? [answer.duplicateOf] : []);
      },
      failed: (refusal) => {
        if (refusal.status === -1) return row.remove();
        const again = refusal.status === 0 || refusal.status === 403 || refusal.status >= 500;
        row.say(wordsOf(refusal), again ? "retry drop" : "drop");
      },
    };
    const row = new SendingRow(this, file.name, inMegabytes(file.size), (what) => {
      if (what === "drop") {
        this.#queue.drop((other) => other === upload);
        return row.remove();
      }
      if (what === "keep" || what === "replace") upload.policy = what;
      start();
    });
    const start = () => {
      row.bar("Waiting", 0);
      this.#queue.add(upload);
    };
    this.#watched.set(/** @type {Upload} */ (upload), (percent) => {
      row.bar(percent < 100 ? "Uploading" : "Checking", percent);
    });
    start();
  }

  /**
   * @param {File[]} files
   * @param {Policy} policy
   */
  async #addMany(files, policy) {
    const batch = await this.#announce(files.length).catch((error) => {
      notice(/** @type {Error} */ (error).message);
    });
    if (!batch) return;
    /** @type {File[]} */
    const there = [];
    /** @type {{file: File, words: string}[]} */
    const refused = [];
    const address = this.#addressOf(batch.dataset.id ?? "");
    let left = files.length, lost = 0;
    this.#unsent?.set(address, left);
    const ended = () => {
      batch.sent(files.length - --left, files.length);
      this.#unsent?.set(address, left + lost);
      if (left) return;
      if (lost) tellLost(address, lost).then(() => this.#unsent?.set(address, 0));
      this.#refuse(refused);
      if (there.length && policy === "ask") this.#askAbout(there);
    };
    this.#queue.add(...files.map((file) => ({
      file,
      policy,
      batch: batch.dataset.id,
      taken: (/** @type {any} */ { documents: [answer] }) => {
        if (answer.status === "FAILED") refused.push({ file, words: answer.error });
        else if (answer.duplicateOf === answer.documentId) there.push(file);
        ended();
      },
      failed: (/** @type {Problem} */ refusal) => {
        if (refusal.status !== -1) {
          refused.push({ file, words: wordsOf(refusal) });
          lost++;
        }
        ended();
      },
    })));
  }

  /** @param {string} id of a batch */
  #addressOf(id) {
    return `${this.dataset.url}/batches/${id}`;
  }

  /** @param {number} total */
  async #announce(total) {
    const { batchId } = await call("POST", `${this.dataset.url}/batches`, { total });
    return await this.#batches?.show(batchId);
  }

  /** @param {File[]} files that are there already */
  #askAbout(files) {
    const number = `${files.length} ${files.length === 1 ? "file" : "files"}`;
    const row = new SendingRow(this, number, "of those you sent", (what) => {
      row.remove();
      if (what === "keep" || what === "replace") this.add(files, what);
    });
    row.say(`You already have ${number} of these.`, this.#whatToDo, "Skip");
  }

  /** What can be done with what is there already; another's is not replaced. */
  get #whatToDo() {
    return this.dataset.lent === undefined ? "keep replace drop" : "keep drop";
  }

  get #list() {
    return /** @type {LiveList | null} */ (document.querySelector("live-list"));
  }

  /**
   * @param {Upload} upload
   * @returns {Promise<any>}
   */
  #send(upload) {
    const { file, policy, batch, key } = upload;
    const watched = this.#watched.get(upload);
    const form = new FormData();
    form.append("ifDuplicate", policy === "ask" ? "skip" : policy);
    if (batch) form.append("batchId", batch);
    if (this.dataset.collection) form.append("collectionId", this.dataset.collection);
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    upload.abort = () => request.abort();
    request.open("POST", this.dataset.url ?? "");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.setRequestHeader("Idempotency-Key", `${key} ${policy}`);
    request.upload.onprogress = ({ loaded, total }) => watched?.(Math.round(100 * loaded / total));
    watched?.(0);
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(new Problem(0, LOST));
      request.onabort = () => reject(new Problem(-1, ""));
      request.onload = () => {
        const { status, responseText } = request;
        if (status === 202) return resolve(JSON.parse(responseText));
        const refusal = problem(status, responseText);
        const seconds = Number(request.getResponseHeader("Retry-After")) || 5;
        reject(status === 429 ? new Later(seconds, refusal.message) : refusal);
      };
      request.send(form);
    });
  }
}

/** @param {Problem} refusal */
const wordsOf = ({ errors, message }) => Object.values(errors).flat()[0] ?? message;

customElements.define("upload-zone", UploadZone);
