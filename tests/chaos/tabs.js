// @ts-check
/**
 * Browser tabs without a browser: the product's own client, by the rules of its pages, with a
 * journal of all that happens, one JSON object a line.
 *
 * The first line on stdin is the Order; every line after it asks where the tabs are, and is
 * answered by one line on stdout.
 */
import { StreamedText } from "rag/streamed-text.js";
import { isNews, isWaiting } from "realtime/job-news.js";
import { LiveSocket } from "realtime/socket.js";

/**
 * @typedef {object} Order
 * @property {string} url where the server is, as a page has it
 * @property {string} journal the file to write
 * @property {{name: string, cookie: string, userId: string, quiet?: boolean}[]} tabs a quiet one
 *   shows no rows and does not write down what it applied
 */
/** @typedef {import("realtime/socket.js").Message} Message */
/**
 * @typedef {object} Row a job as a page shows it
 * @property {number} attempt
 * @property {number} progress
 * @property {boolean} ended
 * @property {Message} event what it was last told of
 */

const PATIENCE = 10_000;

class Journal {
  /** @type {string[]} */
  #lines = [];
  #file;

  /** @param {string} path */
  constructor(path) {
    this.#file = Deno.openSync(path, { write: true, create: true, append: true });
    setInterval(() => this.flush(), 100);
  }

  /** @param {object} line */
  put(line) {
    this.#lines.push(JSON.stringify({ at: Date.now(), ...line }));
  }

  flush() {
    if (!this.#lines.length) return;
    let bytes = new TextEncoder().encode(this.#lines.join("\n") + "\n");
    this.#lines = [];
    while (bytes.length) bytes = bytes.subarray(this.#file.writeSync(bytes));
  }
}

class Tab {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Map<string, StreamedText>} texts that are being written, by message */
  #texts = new Map();
  #order;
  #tab;
  #journal;
  /** @type {LiveSocket | undefined} */
  #socket;

  /** @param {Order} order @param {Order["tabs"][0]} tab @param {Journal} journal */
  constructor(order, tab, journal) {
    this.#order = order;
    this.#tab = tab;
    this.#journal = journal;
  }

  /** As a page: its rows first, then the events after them. */
  async open() {
    const asOf = this.#tab.quiet ? null : await this.#fetchRows();
    const socket = this.#socket = new LiveSocket({
      url: `${this.#order.url.replace("http", "ws")}/ws`,
      eventsUrl: `${this.#order.url}/api/realtime/events`,
      fetch: (input, init) => this.#fetch(String(input), init),
      lastEventId: asOf,
      userId: this.#tab.userId,
      WebSocket: this.#line(),
    });
    socket.on("resync", ({ reason, id }) => {
      this.#put({ did: "resync", reason, id });
      if (!this.#tab.quiet) return this.#fetchRows();
    });
    if (!this.#tab.quiet) socket.on("*", (message) => this.#tell(message));
    socket.watch(({ state, transport, reason }) => {
      this.#put({ did: "state", state, transport, reason });
    });
    socket.connect();
  }

  get where() {
    const { state = "idle", reason = "" } = this.#socket?.status ?? {};
    const rows = [...this.#rows].filter(([, { ended }]) => !ended);
    return {
      tab: this.#tab.name,
      state,
      reason,
      cursor: this.#socket?.cursor,
      rows: Object.fromEntries(rows.map(([subject, { event }]) => [subject, event])),
      texts: Object.fromEntries([...this.#texts].map(([id, { text }]) => [id, text])),
    };
  }

  /** @returns {any} a WebSocket that sends what a browser sends of its own, and is written down */
  #line() {
    const { cookie } = this.#tab;
    const put = this.#put.bind(this);
    const origin = this.#order.url;
    return class extends WebSocket {
      /** @param {string} url */
      constructor(url) {
        super(url, /** @type {any} */ ({ headers: { cookie, origin } }));
        this.addEventListener("close", ({ code }) => put({ did: "closed", code }));
      }

      /** @override @param {number} [code] */
      close(code) {
        put({ did: "left" });
        super.close(code);
      }
    };
  }

  /** @param {object} line */
  #put(line) {
    this.#journal.put({ tab: this.#tab.name, ...line });
  }

  /** @param {string} url @param {RequestInit} [init] */
  #fetch(url, init) {
    return fetch(url, { ...init, headers: { ...init?.headers, cookie: this.#tab.cookie } });
  }

  async #fetchRows() {
    const began = Date.now();
    const signal = AbortSignal.timeout(PATIENCE);
    const response = await this.#fetch(`${this.#order.url}/api/realtime/snapshot`, { signal });
    if (!response.ok) throw new Error(`the snapshot was answered ${response.status}`);
    const { asOf, events, messages } = await response.json();
    for (const row of this.#rows.values()) row.ended = true;
    for (const event of events) this.#rows.set(subjectOf(event), rowOf(event));
    this.#texts = new Map(messages.map(textOf));
    this.#put({ did: "snapshot", began, id: asOf });
    return asOf;
  }

  /** @param {Message} message */
  #tell(message) {
    if (message.type === "session_update") {
      return this.#put({ did: "told", status: message.status });
    }
    const { id, prev, attempt } = message;
    if (!prev) return;
    const subject = subjectOf(message);
    const mark = message.content ?? message.message;
    this.#put({ did: "applied", id, prev, mark, subject, attempt });
    if (message.type === "message_chunk") return this.#write(message);
    if (!subject) return;
    const seen = this.#rows.get(subject) ?? { attempt: -1, progress: 0, ended: false };
    if (message.status === "DELETED" || isNews(seen, message)) {
      this.#rows.set(subject, rowOf(message));
    }
  }

  /** @param {Message} piece of a text; those without a place are of no row */
  async #write(piece) {
    if (!piece.queryId && !piece.sessionId) return;
    const text = this.#texts.get(piece.messageId) ?? new StreamedText();
    this.#texts.set(piece.messageId, text);
    try {
      text.put(piece.contentOffset, piece.content);
    } catch {
      await this.#fetchRows().catch((error) => console.warn(String(error)));
    }
  }
}

/** @param {Message} event @returns {string} nothing for what is of no job */
const subjectOf = (event) => event.documentId ?? event.queryId ?? "";

/** @param {Message} event @returns {Row} */
const rowOf = (event) => ({
  attempt: event.attempt,
  progress: isWaiting(event) ? 0 : event.progress,
  ended: Boolean(event.terminal),
  event,
});

/** @param {Message} piece @returns {[string, StreamedText]} */
const textOf = ({ messageId, content }) => [messageId, new StreamedText(content)];

async function* lines() {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

/** @type {Journal | undefined} */
let journal;
/** @type {Tab[]} */
let tabs = [];
console.warn = console.error = (...words) => journal?.put({ did: "said", words: words.join(" ") });

for await (const line of lines()) {
  if (!journal) {
    /** @type {Order} */
    const order = JSON.parse(line);
    const book = journal = new Journal(order.journal);
    tabs = order.tabs.map((tab) => new Tab(order, tab, book));
    await Promise.all(tabs.map((tab) => tab.open()));
  }
  journal.flush();
  console.log(JSON.stringify(tabs.map((tab) => tab.where)));
}
journal?.flush();
Deno.exit(0);
