// @ts-check
/**
 * Files on their way: a few at once, the others wait. When the server has too much the whole queue
 * waits as long as it says; what got lost on the way is sent again. A key makes that harmless.
 */

import { Problem, randomKey } from "realtime/http.js";

const AT_ONCE = 3;
const MOST_TRIES = 4;
const FIRST_PAUSE = 500; // doubled each time

/** The server asks to come later. */
export class Later extends Problem {
  /**
   * @param {number} seconds
   * @param {string} words
   */
  constructor(seconds, words) {
    super(429, words);
    this.seconds = seconds;
  }
}

/**
 * @typedef {object} Upload
 * @property {File} file
 * @property {"ask" | "skip" | "replace" | "keep"} policy what becomes of content that is there
 * @property {string} [batch]
 * @property {string} key
 * @property {number} tries
 * @property {(answer: any) => void} taken
 * @property {(problem: Problem) => void} failed
 * @property {() => void} [abort] ends what is being sent
 */

export class SendQueue {
  /** @type {Upload[]} */
  #waiting = [];
  /** @type {Set<Upload>} */
  #sending = new Set();
  #paused = false;

  /**
   * @param {object} options
   * @param {(upload: Upload) => Promise<any>} options.send
   * @param {(words: string) => void} options.paused why nothing is sent just now; "" when it goes on
   * @param {(go: () => void, milliseconds: number) => void} [options.later]
   */
  constructor({ send, paused, later = (go, milliseconds) => void setTimeout(go, milliseconds) }) {
    this.send = send;
    this.paused = paused;
    this.later = later;
  }

  /** How many have neither been taken nor failed. */
  get length() {
    return this.#waiting.length + this.#sending.size;
  }

  /** @param {Omit<Upload, "key" | "tries">[]} uploads */
  add(...uploads) {
    this.#waiting.push(
      ...uploads.map((upload) => Object.assign(upload, { key: randomKey(), tries: 0 })),
    );
    this.#next();
  }

  /** @param {(upload: Upload) => boolean} which are no longer to be sent */
  drop(which) {
    this.#waiting = this.#waiting.filter((upload) => !which(upload));
    for (const upload of this.#sending) if (which(upload)) upload.abort?.();
  }

  #next() {
    while (!this.#paused && this.#sending.size < AT_ONCE) {
      const upload = this.#waiting.shift();
      if (!upload) return;
      this.#sending.add(upload);
      this.#try(upload).finally(() => this.#next());
    }
  }

  /** @param {Upload} upload */
  async #try(upload) {
    try {
      const answer = await this.send(upload);
      this.#sending.delete(upload);
      upload.taken(answer);
    } catch (error) {
      this.#sending.delete(upload);
      const problem = /** @type {Problem} */ (error);
      if (problem instanceof Later) return this.#pause(upload, problem.seconds * 1000, problem);
      const isLost = problem.status === 0 || problem.status >= 500;
      if (isLost && ++upload.tries < MOST_TRIES) {
        return this.#pause(upload, FIRST_PAUSE * 2 ** upload.tries, problem);
      }
      upload.failed(problem);
    }
  }

  /**
   * @param {Upload} upload
   * @param {number} milliseconds
   * @param {Problem} problem
   */
  #pause(upload, milliseconds, problem) {
    this.#waiting.unshift(upload);
    if (this.#paused) return;
    this.#paused = true;
    this.paused(problem.message);
    this.later(() => {
      this.#paused = false;
      this.paused("");
      this.#next();
    }, milliseconds);
  }
}
