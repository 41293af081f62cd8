// @ts-check
/**
 * A line over HTTP: Server-Sent Events, which look here like a WebSocket that cannot send.
 *
 * A response ends after a window of events, or some minutes; the next one is asked for with the
 * cursor, which acknowledges what came before.
 */

/** The close code of a response that ended in order: the next one goes on where it ended. */
export const ENDED = 1000;
const CUT = 1006;
const FAILED = 1011;

/** What a refusal's status means, as a close code. @type {Record<number, number>} */
const REFUSALS = { 400: 4400, 401: 4401, 403: 4403, 429: 4409, 503: 1013 };

export class HttpLine {
  readyState = 0;
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: {data: string}) => void) | null} */
  onmessage = null;
  /** @type {((event: {code: number}) => void) | null} */
  onclose = null;
  #leaving = new AbortController();

  /**
   * @param {string} url
   * @param {string | null} cursor
   * @param {typeof fetch} fetch
   */
  constructor(url, cursor, fetch) {
    this.#run(cursor ? `${url}?${new URLSearchParams({ after: cursor })}` : url, fetch);
  }

  /** There is no way up. */
  send() {}

  close() {
    this.readyState = 3;
    this.#leaving.abort();
  }

  /**
   * @param {string} url
   * @param {typeof fetch} fetch
   */
  async #run(url, fetch) {
    let code = CUT;
    try {
      const headers = { Accept: "text/event-stream" };
      code = await this.#read(await fetch(url, { headers, signal: this.#leaving.signal }));
    } catch {
      // cut, or left
    }
    this.readyState = 3;
    this.onclose?.({ code });
  }

  /** @param {Response} response */
  async #read(response) {
    const type = response.headers.get("Content-Type") ?? "";
    if (type.startsWith("application/problem+json")) return REFUSALS[response.status] ?? FAILED;
    // Something between us and the server may answer in its place.
    if (!response.ok || !response.body || !type.startsWith("text/event-stream")) return FAILED;
    this.readyState = 1;
    this.onopen?.();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    while (true) {
      const { value, done } = await reader.read();
      if (done) return ENDED;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("data: ")) this.onmessage?.({ data: line.slice(6) });
      }
    }
  }
}
