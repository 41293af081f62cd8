// @ts-check
/**
 * Which way a tab's line takes: a WebSocket or, where the network blocks those, HTTP.
 *
 * A network blocks WebSockets if one does not get through while HTTP does. So after two that came
 * to nothing the next line goes over HTTP; while it works, a WebSocket is tried beside it, at once
 * and then every few minutes. That it is blocked is remembered for the pages that come next.
 */

import { HttpLine } from "realtime/http-line.js";

/** @typedef {"websocket" | "http"} Transport */
/** @typedef {import("realtime/socket.js").Clock} Clock */
/**
 * @typedef {object} Ways
 * @property {string} url
 * @property {string} [eventsUrl] where the same events are to be had over HTTP
 * @property {typeof WebSocket} [WebSocket]
 * @property {typeof fetch} [fetch]
 * @property {Pick<Storage, "getItem" | "setItem" | "removeItem">} [memory]
 */

const TRIES = 2;
const LIMIT = 10_000;
const AGAIN = 300_000;
const MEMORY = "websockets are blocked until";
const UNREACHED = new Set([0, 1006]);

export class Detour {
  /** Of the next line. @type {Transport} */
  transport = "websocket";
  #ways;
  #Socket;
  #fetch;
  #clock;
  #onFree;
  #failures = 0;
  #blockedUntil;
  /** @type {WebSocket | null} */
  #trial = null;
  /** @type {any} */
  #timer = null;

  /**
   * @param {Ways} ways
   * @param {Clock} clock
   * @param {() => void} onFree called when a WebSocket gets through again
   */
  constructor(ways, clock, onFree) {
    this.#ways = ways;
    this.#Socket = ways.WebSocket ?? WebSocket;
    this.#fetch = ways.fetch ?? fetch.bind(globalThis);
    this.#clock = clock;
    this.#onFree = onFree;
    this.#blockedUntil = Number(ways.memory?.getItem(MEMORY)) || 0;
    if (ways.eventsUrl && this.#isKnown) this.transport = "http";
  }

  /** Was it found out lately that the network blocks WebSockets? */
  get #isKnown() {
    return this.#clock.now() < this.#blockedUntil;
  }

  /**
   * @param {string | null} cursor
   * @returns {WebSocket | HttpLine}
   */
  open(cursor) {
    const { url, eventsUrl } = this.#ways;
    if (!eventsUrl || this.transport === "websocket") return new this.#Socket(url);
    return new HttpLine(eventsUrl, cursor, this.#fetch);
  }

  /**
   * A line ended before its welcome.
   * @param {number} code
   */
  failed(code) {
    if (this.transport === "http") {
      // If neither gets through, the server is away.
      if (!this.#isKnown) this.transport = "websocket";
    } else if (this.#ways.eventsUrl && UNREACHED.has(code) && ++this.#failures >= TRIES) {
      this.transport = "http";
    }
  }

  /** A line was welcomed. */
  welcomed() {
    if (this.transport === "websocket") this.#free();
    else if (this.#timer === null) this.#wait(this.#blockedUntil - this.#clock.now());
  }

  /** Try no more. */
  stop() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    const trial = this.#trial;
    this.#trial = null;
    if (!trial) return;
    trial.onmessage = trial.onclose = null;
    if (trial.readyState <= 1) trial.close(1000);
  }

  #free() {
    this.#failures = 0;
    if (this.#blockedUntil) this.#ways.memory?.removeItem(MEMORY);
    this.#blockedUntil = 0;
    this.transport = "websocket";
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#timer = this.#clock.setTimeout(() => this.#try(), Math.max(0, ms));
  }

  #try() {
    const trial = this.#trial = new this.#Socket(this.#ways.url);
    this.#timer = this.#clock.setTimeout(() => this.#blocked(), LIMIT);
    trial.onclose = () => this.#blocked();
    trial.onmessage = () => {
      this.stop();
      this.#free();
      this.#onFree();
    };
  }

  #blocked() {
    this.stop();
    this.#blockedUntil = this.#clock.now() + AGAIN;
    this.#ways.memory?.setItem(MEMORY, String(this.#blockedUntil));
    this.#wait(AGAIN);
  }
}
