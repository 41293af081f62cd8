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

/** Wait for what streams bring by themselves. @param {() => unknown} condition */
export async function until(condition) {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 100) throw new Error("it did not happen");
    await new Promise((go) => setTimeout(go, 0));
  }
}

/** The server's end of WebSockets, and of responses with Server-Sent Events. */
export class FakeServer {
  /** @type {FakeLine[]} */
  lines = [];
  /** @type {FakeResponse[]} */
  responses = [];

  /** The function to give to the code under test. @type {any} */
  fetch = (/** @type {string} */ url, /** @type {{signal: AbortSignal}} */ { signal }) => {
    const response = new FakeResponse(url, signal);
    this.responses.push(response);
    return response.answer.promise;
  };

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

export class FakeResponse {
  /** @type {PromiseWithResolvers<Response>} */
  answer = Promise.withResolvers();
  left = false;
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  // @ts-ignore: set by the stream's start
  #body;

  /** @param {string} url @param {AbortSignal} signal */
  constructor(url, signal) {
    this.url = url;
    signal.addEventListener("abort", () => {
      this.left = true;
      this.cut();
    });
  }

  accept(userId = "7") {
    const body = new ReadableStream({ start: (controller) => void (this.#body = controller) });
    this.answer.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
    this.write("retry: 2000\n\n");
    this.say({ type: "welcome", userId, username: "ann", heartbeatSeconds: 20, expiresIn: 9 });
  }

  /** @param {{id?: string, [field: string]: any}} message */
  say(message) {
    this.write(`${message.id ? `id: ${message.id}\n` : ""}data: ${JSON.stringify(message)}\n\n`);
  }

  /** @param {string} text */
  write(text) {
    this.#body.enqueue(new TextEncoder().encode(text));
  }

  end() {
    this.#body.close();
  }

  cut() {
    if (this.#body) this.#body.error(new TypeError("cut"));
    else this.answer.reject(new TypeError("nobody answers"));
  }

  /** @param {number} status @param {string} [type] */
  refuse(status, type = "application/problem+json") {
    this.answer.resolve(new Response("{}", { status, headers: { "Content-Type": type } }));
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
