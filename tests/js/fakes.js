// @ts-check
/** The remote end and the clock: the only things that the tests of the socket make up. */

/** Time that passes when a test says so. */
export class FakeClock {
  #now = 1_000_000;
  #next = 1;
  /** @type {Map<number, {at: number, run: () => void}>} */
  #timers = new Map();

  now = () => this.#now;

  /** @param {() => void} run @param {number} ms */
  setTimeout = (run, ms) => {
    this.#timers.set(this.#next, { at: this.#now + ms, run });
    return this.#next++;
  };

  /** @param {number} timer */
  clearTimeout = (timer) => void this.#timers.delete(timer);

  /** Let time pass, and what was due in it happen in order. @param {number} ms */
  async pass(ms) {
    const end = this.#now + ms;
    while (true) {
      await settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end);
      if (!due.length) break;
      const [timer, { at, run }] = due.reduce((a, b) => (b[1].at < a[1].at ? b : a));
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, at);
      run();
    }
    this.#now = end;
    await settle();
  }
}

/** Let promises that are ready go on. */
export async function settle() {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** The server's end of a WebSocket. */
export class FakeServer {
  /** @type {FakeLine[]} */
  lines = [];

  /** The class to give to the code under test. @returns {any} */
  get WebSocket() {
    // deno-lint-ignore no-this-alias
    const server = this;
    return class extends FakeLine {
      /** @param {string} url */
      constructor(url) {
        super(url);
        server.lines.push(this);
      }
    };
  }

  get line() {
    const line = this.lines.at(-1);
    if (!line) throw new Error("nobody has called");
    return line;
  }
}

export class FakeLine {
  readyState = 0;
  /** @type {any[]} */
  received = [];
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: {data: string}) => void) | null} */
  onmessage = null;
  /** @type {((event: {code: number}) => void) | null} */
  onclose = null;
  /** @type {number | null} the code the client closed with */
  hungUp = null;

  /** @param {string} url */
  constructor(url) {
    this.url = url;
  }

  // What the client does.
  /** @param {string} text */
  send(text) {
    this.received.push(JSON.parse(text));
  }

  /** @param {number} code */
  close(code) {
    this.readyState = 3;
    this.hungUp = code;
  }

  // What the server does.
  accept(userId = "7") {
    this.readyState = 1;
    this.onopen?.();
    this.say({ type: "welcome", userId, username: "ann", heartbeatSeconds: 20, expiresIn: 9 });
  }

  /** @param {object} message */
  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** @param {number} code */
  end(code) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}
