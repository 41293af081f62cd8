// @ts-check
/**
 * `<upload-zone>`: files dropped anywhere, pasted or chosen, one request each, with the bytes shown.
 *
 * A row stands for each file until the server has taken it; then the list's own row takes over.
 */

import { csrfToken, Problem, problem } from "realtime/http.js";
import { notice } from "realtime/notice.js";
import "realtime/live-list.js";
import "realtime/actions.js";

const AT_ONCE = 2;
const LOST = "The connection was lost while sending.";

/** @typedef {import("realtime/live-list.js").LiveList} LiveList */
/**
 * @typedef {object} Upload
 * @property {File} file
 * @property {HTMLElement} row
 * @property {"skip" | "keep" | "replace"} duplicates
 * @property {XMLHttpRequest | null} request
 */

class UploadZone extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {Upload[]} */
  #waiting = [];
  #sending = 0;
  #over = 0;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const input = /** @type {HTMLInputElement} */ (this.querySelector("input[type=file]"));
    const take = () => {
      this.add([...input.files ?? []]);
      input.value = "";
    };
    input.addEventListener("change", take, { signal });
    queueMicrotask(take); // what was chosen before this script had loaded
    for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
      document.addEventListener(type, (event) => this.#drag(/** @type {DragEvent} */ (event)), {
        signal,
      });
    }
    document.addEventListener("paste", ({ clipboardData }) => {
      this.add([...clipboardData?.files ?? []]);
    }, { signal });
    addEventListener("beforeunload", (event) => {
      if (this.#sending) event.preventDefault();
    }, { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
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

  /** @param {File[]} files */
  add(files) {
    for (const file of files) {
      const upload = this.#show(file);
      const words = this.#refusal(file);
      if (words) this.#fail(upload, words);
      else this.#waiting.push(upload);
    }
    this.#next();
  }

  /** Why a file need not be sent at all; nothing when it may be fine. @param {File} file */
  #refusal(file) {
    const limit = Number(this.dataset.maxBytes);
    if (!file.size) return "The file is empty.";
    return file.size > limit ? `The file is larger than ${inMegabytes(limit)}.` : "";
  }

  /** @param {File} file @returns {Upload} */
  #show(file) {
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector("template"));
    const part = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    const row = /** @type {HTMLElement} */ (part.firstElementChild);
    /** @type {Upload} */
    const upload = { file, row, duplicates: "skip", request: null };
    text(row, ".row-name bdi", file.name);
    text(row, ".muted", inMegabytes(file.size));
    row.querySelector("progress")?.setAttribute("aria-label", `Sending ${file.name}`);
    row.addEventListener("click", ({ target }) => {
      const button = /** @type {Element} */ (target).closest("[data-do]");
      if (button) this.#act(upload, button.getAttribute("data-do") ?? "");
    });
    const list = /** @type {HTMLElement} */ (this.querySelector(".uploads"));
    list.hidden = false;
    list.append(row);
    return upload;
  }

  /**
   * @param {Upload} upload
   * @param {string} what
   */
  #act(upload, what) {
    if (what === "drop") return this.#drop(upload);
    if (what === "keep" || what === "replace") upload.duplicates = what;
    buttons(upload.row, "drop", "Cancel");
    text(upload.row, ".error-words", "");
    this.#waiting.push(upload);
    this.#next();
  }

  /** @param {Upload} upload */
  #drop(upload) {
    upload.request?.abort();
    this.#waiting = this.#waiting.filter((other) => other !== upload);
    upload.row.remove();
    const list = /** @type {HTMLElement} */ (this.querySelector(".uploads"));
    list.hidden = !list.firstElementChild;
  }

  #next() {
    for (const { row } of this.#waiting) bar(row, "Waiting", 0);
    while (this.#sending < AT_ONCE) {
      const upload = this.#waiting.shift();
      if (!upload) return;
      this.#sending++;
      this.#send(upload).then(
        (answer) => this.#taken(upload, answer),
        (error) => this.#refused(upload, error),
      ).finally(() => {
        this.#sending--;
        this.#next();
      });
    }
  }

  /**
   * @param {Upload} upload
   * @returns {Promise<any>}
   */
  #send(upload) {
    const { file, row, duplicates } = upload;
    const form = new FormData();
    form.append("ifDuplicate", duplicates);
    form.append("file", file, file.name);
    const request = upload.request = new XMLHttpRequest();
    request.open("POST", this.dataset.url ?? "");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.onprogress = ({ loaded, total }) => {
      const percent = Math.round((100 * loaded) / total);
      bar(row, loaded < total ? "Uploading" : "Checking", percent);
    };
    bar(row, "Uploading", 0);
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(new Problem(0, LOST));
      request.onabort = () => reject(new Problem(-1, ""));
      request.onload = () => {
        if (request.status === 202) resolve(JSON.parse(request.responseText));
        else reject(problem(request.status, request.responseText));
      };
      request.send(form);
    });
  }

  /**
   * @param {Upload} upload
   * @param {any} answer
   */
  #taken(upload, answer) {
    const [document_] = answer.documents;
    if (document_.status === "FAILED") return this.#fail(upload, document_.error);
    if (document_.duplicateOf && upload.duplicates === "skip") {
      this.#fail(upload, `You already have this file: ${document_.name}.`);
      return buttons(upload.row, "keep replace drop", "Skip");
    }
    this.#drop(upload);
    notice(`${document_.name} was taken in.`, { hidden: true });
    /** @type {LiveList | null} */ (document.querySelector("live-list"))?.want(
      document_.documentId,
    );
  }

  /**
   * @param {Upload} upload
   * @param {Problem} error
   */
  #refused(upload, { status, message, errors }) {
    const words = Object.values(errors).flat()[0] ?? message;
    this.#fail(upload, words, status === 0 || status === 403 || status >= 500);
  }

  /**
   * @param {Upload} upload
   * @param {string} words
   * @param {boolean} [again] whether trying again may help
   */
  #fail({ row }, words, again = false) {
    if (!row.isConnected) return;
    /** @type {HTMLElement} */ (row.querySelector(".job-line")).hidden = true;
    text(row, ".error-words", words);
    buttons(row, again ? "retry drop" : "drop", "Dismiss");
  }
}

/**
 * @param {HTMLElement} row
 * @param {string} stage
 * @param {number} percent
 */
function bar(row, stage, percent) {
  /** @type {HTMLElement} */ (row.querySelector(".job-line")).hidden = false;
  /** @type {HTMLProgressElement} */ (row.querySelector("progress")).value = percent;
  text(row, ".job-stage", stage);
  text(row, ".job-percent", `${percent} %`);
}

/**
 * @param {HTMLElement} row
 * @param {string} shown
 * @param {string} drop the words of the button that drops the row
 */
function buttons(row, shown, drop) {
  for (const button of row.querySelectorAll("[data-do]")) {
    const what = button.getAttribute("data-do") ?? "";
    /** @type {HTMLElement} */ (button).hidden = !shown.split(" ").includes(what);
  }
  text(row, "[data-do=drop] span", drop);
}

/**
 * @param {HTMLElement} row
 * @param {string} selector
 * @param {string} words
 */
function text(row, selector, words) {
  const place = row.querySelector(selector);
  if (place) place.textContent = words;
}

/** @param {number} bytes */
function inMegabytes(bytes) {
  if (bytes < 1024 * 1024) return `${Math.ceil(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 1 : 0)} MB`;
}

/**
 * What was dropped, with the files inside of folders.
 * @param {DataTransfer} dropped
 * @returns {Promise<File[]>}
 */
async function filesOf(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...dropped.files];
  return (await Promise.all(entries.map((entry) => entry ? inside(entry) : []))).flat();
}

/**
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>}
 */
async function inside(entry) {
  if (entry.isFile) {
    const file = /** @type {FileSystemFileEntry} */ (entry);
    return await new Promise((found) => file.file((f) => found([f]), () => found([])));
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {File[]} */
  const files = [];
  while (true) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((found) => reader.readEntries(found, () => found([])));
    if (!some.length) return files;
    for (const inner of some) files.push(...await inside(inner));
  }
}

customElements.define("upload-zone", UploadZone);
