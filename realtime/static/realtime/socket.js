// @ts-check
/**
 * The line to `/ws`: connects, resumes after its cursor, notices a dead line and comes back. Where
 * the network blocks WebSockets, the same comes over HTTP; see detour.js.
 *
 * Every logged event reaches the handlers once and in order. When events are lost for good the
 * server says `resync`: handlers of that type fetch their part of the page again (they return a
 * promise), and what arrives meanwhile is held back until they are done.
 *
 * The protocol, with its close codes, is in docs/protocol.md.
 */

import { Detour } from "realtime/detour.js";
import { ENDED } from "realtime/http-line.js";

/**
 * @typedef {"idle" | "connecting" | "resuming" | "open" | "resting" | "waiting" | "offline"
 *   | "stopped"} State
 */
/** @typedef {"" | "closed" | "protocol" | "signed_out" | "revoked" | "other_user" | "too_many"} Reason */
/**
 * @typedef {object} LineStatus
 * @property {State} state
 * @property {import("realtime/detour.js").Transport} transport
 * @property {Reason} reason why it is stopped
 * @property {number} since when the state began, by the clock
 * @property {number} retryAt when the next attempt is made, in waiting and offline; else 0
 * @property {boolean} catchingUp the pages are fetching again what the events could not tell
 */
/** @typedef {import("realtime/messages.js").Incoming} Incoming */
/** @typedef {import("realtime/messages.js").Outgoing} Outgoing */
/** @typedef {{type: string, id?: string, prev?: string, [field: string]: any}} Message */
/** @typedef {Incoming & {"*": Message}} Heard what handlers are given, by what they ask for */
/** @typedef {(message: any) => unknown} Handler */
/** @typedef {(status: LineStatus) => void} Watcher */
/** @typedef {{epoch: string, offset: number}} Position */
/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds
 * @property {(run: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */
/**
 * @typedef {object} PageOptions
 * @property {string | null} [lastEventId] the last event that the page already holds
 * @property {string | null} [userId] whose page this is
 * @property {Clock} [clock]
 * @property {() => number} [random]
 * @property {() => boolean} [isOnline]
 * @property {() => boolean} [isHidden]
 */
/** @typedef {import("realtime/detour.js").Ways & PageOptions} Options */

/** Longest stay in a state, and the rest of the times, in milliseconds. */
export const LIMITS = {
  connecting: 10_000,
  resuming: 15_000,
  catchingUp: 20_000,
  offline: 15_000,
  quiet: 25_000,
  pong: 10_000,
  stable: 5_000,
  firstDelay: 500,
  longestDelay: 30_000,
  ack: 2_000,
  linger: 1_000,
  rest: 20_000,
};
const ACK_EVENTS = 50;
const AT_ONCE_A_MINUTE = 3;
const REMEMBERED = 500;

/** @type {Record<number, Reason>} */
const STOPS = { 4400: "protocol", 4401: "signed_out", 4403: "revoked", 4409: "too_many" };
/** Codes after which the client comes back, but not sooner than so many milliseconds. */
/** @type {Record<number, number>} */
const NOT_BEFORE = { 1013: 5_000, 4429: 30_000 };
/** @type {Set<State>} */
const PAUSES = new Set(["resting", "waiting", "offline"]);
const AT_ONCE = new Set([4408, 4412]);
const RESTARTS = new Set([1001, 1012]);

/**
 * @param {string | null | undefined} cursor `<epoch>-<offset>`
 * @returns {Position | null}
 */
export function parseCursor(cursor) {
  const [epoch, digits] = (cursor ?? "").split("-");
  return epoch && /^\d+$/.test(digits ?? "") ? { epoch, offset: Number(digits) } : null;
}

/** @param {Position | null} position */
const written = (position) => position && `${position.epoch}-${position.offset}`;

/** @type {Clock} */
const realClock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

export class LiveSocket {
  /** The last message that came, of any type. @type {Message | null} */
  lastMessage = null;

  #userId;
  #detour;
  #clock;
  #random;
  #isOnline;
  #isHidden;
  /** @type {ReturnType<Detour["open"]> | null} */
  #line = null;
  /** Of the line, or the last one. */
  #transport;
  #isWelcome = false;
  /** The cursor with which the line began. @type {string | null} */
  #from = null;
  /** The close code that the server has announced. */
  #closing = 0;
  /** @type {LineStatus} */
  #status;
  /** @type {Position | null} the last event that was applied */
  #cursor;
  /** Events were lost, and the pages have not been fetched again since. */
  #stale;
  /** @type {Message[] | null} events held back while the pages catch up */
  #held = null;
  /** @type {Message[]} */
  #recent = [];
  /** @type {Map<string, Set<Handler>>} */
  #handlers = new Map();
  /** @type {Set<Watcher>} */
  #watchers = new Set();
  /** @type {Map<string, any>} */
  #timers = new Map();
  #attempts = 0;
  #retryAfter = 0;
  #unacknowledged = 0;
  /** @type {number[]} when the line was re-opened at once */
  #reopened = [];
  #behind = "";

  /** @param {Options} options */
  constructor(options) {
    this.#userId = options.userId ?? null;
    this.#clock = options.clock ?? realClock;
    this.#detour = new Detour(options, this.#clock, () => this.#leaveDetour());
    this.#transport = this.#detour.transport;
    this.#random = options.random ?? Math.random;
    this.#isOnline = options.isOnline ?? (() => true);
    this.#isHidden = options.isHidden ?? (() => false);
    this.#cursor = parseCursor(options.lastEventId);
    this.#stale = this.#cursor === null;
    this.#status = {
      state: "idle",
      transport: this.#transport,
      reason: "",
      since: this.#clock.now(),
      retryAt: 0,
      catchingUp: false,
    };
  }

  get connected() {
    return this.#status.state === "open";
  }

  get status() {
    return this.#status;
  }

  /** The last event that was applied, as `<epoch>-<offset>`. */
  get cursor() {
    return written(this.#cursor);
  }

  connect() {
    if (this.#status.state !== "idle" && this.#status.state !== "stopped") return;
    this.#attempts = 0;
    this.#open();
  }

  close() {
    this.#stop("closed");
  }

  /** Try now instead of at the end of the wait. */
  retryNow() {
    if (PAUSES.has(this.#status.state)) this.#open();
    else this.connect();
  }

  /** Something changed (the network, the tab came to the front): is the line still good? */
  check() {
    const { state } = this.#status;
    if (PAUSES.has(state)) return this.#open();
    if (state !== "open") return;
    if (this.#transport === "websocket") this.#ping();
    else this.#open(); // nothing can be asked over HTTP, but another line costs little
  }

  /** The tab went to the back. Lines over HTTP take the few connections of the whole browser. */
  rest() {
    if (!this.connected || this.#transport === "websocket") return;
    this.#after("rest", LIMITS.linger, () => {
      this.#hangUp();
      this.#set("resting");
      this.#after("limit", LIMITS.rest, () => this.#open());
    });
  }

  /**
   * @param {Outgoing} message
   * @returns {boolean} whether it went out
   */
  send(message) {
    if (!this.connected || !this.#line || this.#transport === "http") return false;
    this.#line.send(JSON.stringify(message));
    return true;
  }

  /**
   * Call the handler with every message of a type, or of all types for "*".
   * @template {keyof Heard} Type
   * @param {Type} type
   * @param {(message: Heard[Type]) => unknown} handler
   * @param {{signal?: AbortSignal}} [options]
   */
  on(type, handler, { signal } = {}) {
    if (signal?.aborted) return;
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    signal?.addEventListener("abort", () => handlers.delete(handler), { once: true });
  }

  /**
   * Call the watcher with the status, now and at every change.
   * @param {Watcher} watcher
   * @param {{signal?: AbortSignal}} [options]
   */
  watch(watcher, { signal } = {}) {
    if (signal?.aborted) return;
    this.#watchers.add(watcher);
    signal?.addEventListener("abort", () => this.#watchers.delete(watcher), { once: true });
    watcher(this.#status);
  }

  /**
   * The recent events after a cursor: what a part of the page that was just fetched has missed.
   * @param {string | null} cursor
   * @returns {Message[]}
   */
  since(cursor) {
    const after = parseCursor(cursor);
    if (!after) return [...this.#recent];
    return this.#recent.filter((event) => {
      const at = parseCursor(event.id);
      return at && at.epoch === after.epoch && at.offset > after.offset;
    });
  }

  #open() {
    this.#hangUp();
    this.#transport = this.#detour.transport;
    this.#from = this.cursor;
    this.#set("connecting");
    this.#after("limit", LIMITS.connecting, () => this.#lost(0));
    this.#retryAfter = this.#closing = 0;
    const line = this.#detour.open(this.#from);
    this.#line = line;
    line.onopen = () => {
      this.#set("resuming");
      this.#after("limit", LIMITS.resuming, () => this.#lost(0));
    };
    line.onmessage = (/** @type {{data: unknown}} */ { data }) => this.#receive(data);
    line.onclose = (/** @type {{code: number}} */ { code }) => this.#lost(this.#closing || code);
  }

  /** Leave the line, if there is one, without hearing from it again. */
  #hangUp() {
    for (const timer of this.#timers.values()) this.#clock.clearTimeout(timer);
    this.#timers.clear();
    this.#held = null;
    this.#isWelcome = false;
    this.#unacknowledged = 0;
    const line = this.#line;
    this.#line = null;
    if (!line) return;
    line.onopen = line.onmessage = line.onclose = null;
    if (line.readyState <= 1) line.close(1000);
  }

  /**
   * The line is gone: stop, or come back at once or later.
   * @param {number} code
   */
  #lost(code) {
    if (STOPS[code]) return this.#stop(STOPS[code]);
    if (!this.#isWelcome) this.#detour.failed(code);
    else if (code !== ENDED) this.#detour.stop();
    const goesOn = code === ENDED && this.#hasBroughtSomething;
    this.#hangUp();
    if (goesOn) return this.#open();
    if (AT_ONCE.has(code) && this.#mayReopen()) return this.#open();
    const delay = this.#delay(code);
    const offline = !this.#isOnline();
    const wait = offline ? LIMITS.offline : delay;
    this.#set(offline ? "offline" : "waiting", { retryAt: this.#clock.now() + wait });
    this.#after("limit", wait, () => this.#open());
  }

  /** Otherwise, to ask for the next one at once might go on for ever. */
  get #hasBroughtSomething() {
    const isStable = this.connected && !this.#timers.has("stable");
    return isStable || this.#held?.length || this.cursor !== this.#from;
  }

  /** WebSockets get through again, maybe before the line over HTTP has caught up. */
  #leaveDetour() {
    if (this.#line && this.#transport === "http") this.#open();
  }

  /** @param {number} code */
  #delay(code) {
    const most = Math.min(LIMITS.longestDelay, LIMITS.firstDelay * 2 ** this.#attempts++);
    const delay = this.#random() * most;
    if (RESTARTS.has(code)) return (this.#retryAfter || 0) + delay;
    return Math.max(this.#retryAfter, NOT_BEFORE[code] ?? 0) + delay;
  }

  #mayReopen() {
    const now = this.#clock.now();
    this.#reopened = this.#reopened.filter((at) => now - at < 60_000);
    return this.#reopened.length < AT_ONCE_A_MINUTE && this.#reopened.push(now) > 0;
  }

  /** Something is missing that the server has: ask for it by resuming on a new line. */
  #resume() {
    this.#lost(4412);
  }

  /** @param {Reason} reason */
  #stop(reason) {
    this.#detour.stop();
    this.#hangUp();
    this.#set("stopped", { reason });
  }

  /** @param {unknown} data */
  #receive(data) {
    /** @type {Message} */
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return console.warn("a frame that is not JSON");
    }
    this.lastMessage = message;
    this.#watchQuiet();
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "resumed":
        return this.#resumed(message);
      case "resync":
        this.#cursor = parseCursor(message.id);
        this.#stale = true;
        return this.#catchUp(message);
      case "heartbeat":
        return this.#heartbeat(message);
      case "closing":
        this.#closing = Number(message.code) || 0;
        this.#retryAfter = Number(message.retryAfterMs) || 0;
        return this.#emit(message);
      default:
        return message.id ? this.#event(message) : this.#emit(message);
    }
  }

  /** @param {Message} message */
  #welcome(message) {
    if (this.#userId && String(message.userId) !== this.#userId) return this.#stop("other_user");
    this.#isWelcome = true;
    this.#line?.send(JSON.stringify({ type: "resume", lastEventId: this.cursor }));
    this.#detour.welcomed();
    this.#emit(message);
  }

  /** @param {Message} message */
  #resumed(message) {
    this.#cursor ??= parseCursor(message.id);
    this.#emit(message);
    if (this.#stale) this.#catchUp({ ...message, type: "resync", reason: "page" });
    else this.#live();
  }

  #live() {
    this.#set("open");
    this.#clear("limit");
    this.#after("stable", LIMITS.stable, () => (this.#attempts = 0));
    this.#watchQuiet();
    if (this.#isHidden()) this.rest();
  }

  /**
   * The pages fetch what they show again; only then do later events reach them.
   * @param {Message} message
   */
  async #catchUp(message) {
    const line = this.#line;
    const held = this.#held = /** @type {Message[]} */ ([]);
    this.#set("resuming", { catchingUp: true });
    const pause = this.#random() * (Number(message.retryAfterMs) || 0);
    this.#after("limit", pause + LIMITS.catchingUp, () => this.#lost(0));
    try {
      if (pause) await new Promise((go) => this.#after("pause", pause, () => go(null)));
      await Promise.all(this.#handlersOf(message).map((handler) => handler(message)));
    } catch (error) {
      console.warn("catching up failed", error);
      if (line === this.#line && held === this.#held) this.#lost(0);
      return;
    }
    if (line !== this.#line || held !== this.#held) return;
    this.#stale = false;
    this.#held = null;
    this.#live();
    for (const event of held) if (line === this.#line) this.#event(event);
  }

  /** @param {Message} message */
  #heartbeat(message) {
    this.#emit(message);
    const head = parseCursor(message.id);
    const cursor = this.#cursor;
    if (!head || !cursor || this.#held) return;
    // Once may be a matter of order; the same place twice means that the last events were lost.
    const here = head.epoch !== cursor.epoch || head.offset > cursor.offset ? this.cursor : "";
    if (here && here === this.#behind) {
      this.#behind = "";
      return this.#resume();
    }
    this.#behind = here ?? "";
  }

  /** @param {Message} event */
  #event(event) {
    if (this.#held) return void this.#held.push(event);
    const at = parseCursor(event.id);
    if (!at) return;
    const cursor = this.#cursor;
    if (cursor) {
      if (at.epoch !== cursor.epoch) return this.#resume();
      if (at.offset <= cursor.offset) return;
      const before = parseCursor(event.prev);
      if (before?.epoch === cursor.epoch && before.offset > cursor.offset) return this.#resume();
    }
    this.#cursor = at;
    this.#recent.push(event);
    if (this.#recent.length > REMEMBERED) this.#recent.splice(0, REMEMBERED / 5);
    this.#acknowledge();
    this.#emit(event);
  }

  #acknowledge() {
    this.#unacknowledged++;
    if (this.#unacknowledged >= ACK_EVENTS) this.#sendAck();
    else if (!this.#timers.has("ack")) this.#after("ack", LIMITS.ack, () => this.#sendAck());
  }

  #sendAck() {
    this.#clear("ack");
    this.#unacknowledged = 0;
    this.#line?.send(JSON.stringify({ type: "ack", id: this.cursor }));
  }

  #watchQuiet() {
    this.#clear("pong");
    if (this.connected) this.#after("quiet", LIMITS.quiet, () => this.#ping());
  }

  #ping() {
    if (this.#timers.has("pong") || !this.connected) return;
    this.send({ type: "ping" }); // over HTTP only a heartbeat can answer
    this.#after("pong", LIMITS.pong, () => this.#lost(0));
  }

  /**
   * @param {Message} message
   * @returns {Handler[]}
   */
  #handlersOf(message) {
    return [...this.#handlers.get(message.type) ?? [], ...this.#handlers.get("*") ?? []];
  }

  /** @param {Message} message */
  #emit(message) {
    for (const handler of this.#handlersOf(message)) {
      try {
        handler(message);
      } catch (error) {
        console.error("a handler failed", message.type, error);
      }
    }
  }

  /**
   * @param {State} state
   * @param {Partial<LineStatus>} [more]
   */
  #set(state, more = {}) {
    const since = state === this.#status.state ? this.#status.since : this.#clock.now();
    const transport = this.#transport;
    this.#status = { state, transport, since, reason: "", retryAt: 0, catchingUp: false, ...more };
    for (const watcher of [...this.#watchers]) watcher(this.#status);
  }

  /**
   * One timer of a name at a time.
   * @param {string} name
   * @param {number} ms
   * @param {() => void} run
   */
  #after(name, ms, run) {
    this.#clear(name);
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(name);
      run();
    }, ms);
    this.#timers.set(name, timer);
  }

  /** @param {string} name */
  #clear(name) {
    this.#clock.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
