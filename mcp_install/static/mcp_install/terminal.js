// @ts-check
/**
 * `<install-terminal>`: all that a run printed, from its first character on, and what it prints
 * now. `data-log` is where the log is read; `data-id` the run. It is for eyes: a button reads new
 * lines out, and the log can be had as a text.
 */

import "mcp_install/strict-styles.js";
import { Terminal } from "@xterm/xterm";
import { copy } from "realtime/copy.js";
import { call } from "realtime/http.js";
import { live } from "realtime/live.js";
import { notice } from "realtime/notice.js";
import { Printed } from "mcp_install/printed.js";

const COLUMNS = 120;
const ROWS = 26;
const KEPT_LINES = 20_000;
const MOST_READ_OUT = 20;
const AGAIN = 2_000;
const THEME = {
  background: "#14171c",
  foreground: "#e3e6ea",
  cursor: "#14171c",
  selectionBackground: "#3d557f",
  red: "#ff8a84",
  green: "#7fd4a2",
  yellow: "#e8c46c",
  blue: "#8fb0ff",
  magenta: "#d3a4ff",
  cyan: "#76d1dc",
  black: "#8d96a3",
  brightBlack: "#8d96a3",
};

class InstallTerminal extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  #printed = new Printed();
  #reading = false;
  #readAgain = false;
  /** The line after the last one that was read out. */
  #heard = 0;
  /** The line where something was found last. */
  #found = -1;
  #terminal = new Terminal({
    cols: COLUMNS,
    rows: ROWS,
    scrollback: KEPT_LINES,
    disableStdin: true,
    fontSize: 13,
    fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", monospace',
    theme: THEME,
    minimumContrastRatio: 4.5,
    logLevel: "off",
  });

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#open();
    this.#screen.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener("click", ({ target }) => {
      const button = /** @type {HTMLElement | null} */ (
        /** @type {Element} */ (target).closest("[data-do]")
      );
      if (button?.dataset.do === "copy") copy(this.#lines(0).join("\n"));
      if (button?.dataset.do === "hear") this.#readOut();
      if (button?.dataset.do === "end") this.#terminal.scrollToBottom();
    }, { signal });
    this.querySelector("[type=search]")?.addEventListener("keydown", (event) => {
      const { key, shiftKey, target } = /** @type {KeyboardEvent} */ (event);
      const { value } = /** @type {HTMLInputElement} */ (target);
      if (key === "Enter" && value) this.#find(value.toLowerCase(), shiftKey ? -1 : 1);
    }, { signal });
    live.on("mcp_install_progress", (event) => this.#tell(event), { signal });
    live.on("resync", () => this.#read(), { signal });
    this.#read();
  }

  disconnectedCallback() {
    this.#life?.abort();
    this.#terminal.dispose();
  }

  get #screen() {
    return /** @type {HTMLElement} */ (this.querySelector(".screen"));
  }

  #open() {
    const terminal = this.#terminal;
    terminal.open(this.#screen);
    terminal.write("\x1b[?25l");
    terminal.attachCustomKeyEventHandler(() => false); // no key is the terminal's: Tab goes on
    if (terminal.textarea) terminal.textarea.tabIndex = -1;
    terminal.onScroll(() => this.#follow());
    terminal.onRender(() => this.#follow());
  }

  /** Is what comes now in sight? */
  #follow() {
    const { viewportY, baseY } = this.#terminal.buffer.active;
    const button = /** @type {HTMLElement} */ (this.querySelector("[data-do=end]"));
    button.hidden = viewportY >= baseY;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const terminal = this.#terminal;
    /** @type {Record<string, () => void>} */
    const moves = {
      ArrowUp: () => terminal.scrollLines(-1),
      ArrowDown: () => terminal.scrollLines(1),
      PageUp: () => terminal.scrollPages(-1),
      PageDown: () => terminal.scrollPages(1),
      Home: () => terminal.scrollToTop(),
      End: () => terminal.scrollToBottom(),
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[event.key]();
  }

  // --- What was printed ----------------------------------------------------------------------------
  /** @param {import("realtime/messages.js").McpInstallProgress} event */
  #tell({ installId, output, outputOffset = 0 }) {
    if (installId !== this.dataset.id || !output) return;
    if (this.#reading) return void (this.#readAgain = true);
    const fresh = this.#printed.add(outputOffset, output);
    if (fresh === null) this.#read();
    else if (fresh) this.#terminal.write(fresh);
  }

  /** The log, from what is shown on; it holds all that events have told so far. */
  async #read() {
    this.#readAgain = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#readAgain && this.isConnected) {
      this.#readAgain = false;
      try {
        const { pieces, isMore } = await call(
          "GET",
          `${this.dataset.log}?after=${this.#printed.length}`,
        );
        for (const piece of pieces) this.#write(piece);
        this.#readAgain ||= isMore;
      } catch (error) {
        const { status } = /** @type {import("realtime/http.js").Problem} */ (error);
        if (status > 0 && status < 500) break;
        await new Promise((go) => setTimeout(go, AGAIN));
        this.#readAgain = true;
      }
    }
    this.#reading = false;
    this.dataset.read = String(this.#printed.length);
  }

  /** @param {import("mcp_install/printed.js").Piece} piece */
  #write(piece) {
    const { leftOut, text } = this.#printed.addKept(piece);
    const words = `\r\n\x1b[0;7m ${leftOut} characters are left out here \x1b[0m\r\n`;
    this.#terminal.write((leftOut ? words : "") + text);
  }

  /**
   * To the next line that holds the words, around the end if need be.
   * @param {string} words
   * @param {1 | -1} step
   */
  #find(words, step) {
    const { active } = this.#terminal.buffer;
    const { length } = active;
    for (let n = 1; n <= length; n++) {
      const line = (this.#found + step * n + 2 * length) % length;
      const at = active.getLine(line)?.translateToString().toLowerCase().indexOf(words) ?? -1;
      if (at < 0) continue;
      this.#found = line;
      this.#terminal.select(at, line, words.length);
      return this.#terminal.scrollToLine(Math.max(0, line - ROWS / 2));
    }
    notice(`“${words}” was not printed.`);
  }

  // --- As text -------------------------------------------------------------------------------------
  /** @param {number} from @returns {string[]} the lines, without empty ones at the end */
  #lines(from) {
    const { active } = this.#terminal.buffer;
    const lines = [];
    for (let n = from; n < active.length; n++) {
      const line = active.getLine(n);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped && lines.length) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    while (lines.length && !lines[lines.length - 1]) lines.pop();
    return lines;
  }

  #readOut() {
    const lines = this.#lines(this.#heard).filter(Boolean);
    this.#heard += lines.length;
    notice(lines.slice(-MOST_READ_OUT).join("\n") || "Nothing new.", { hidden: true });
  }
}

customElements.define("install-terminal", InstallTerminal);
