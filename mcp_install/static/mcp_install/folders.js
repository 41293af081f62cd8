// @ts-check
/**
 * `<folder-browser>`: the folders of a host, to choose one. What is chosen is what its field says;
 * the list only helps. Folders are named by tokens, as names may be anything.
 */

import { call, Problem } from "realtime/http.js";

/** @typedef {{name: string, token: string, path: string | null}} Place */
/** @typedef {Place & {kind: string, isLink: boolean, isHidden: boolean}} Entry */
/**
 * @typedef {Place & {parent: string | null, crumbs: Place[], entries: Entry[],
 *   next: number | null, freeMb: number | null}} Folder
 */

const TYPED = 700;
const NOT_FOUND = 404;

class FolderBrowser extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;
  /** @type {Folder | null} */
  #folder = null;
  #turn = 0;
  /** The last opening of a folder, done or not. */
  #opening = Promise.resolve();
  /** What the field said when it was looked at. */
  #looked = "";
  /** Letters typed in the list, to jump to a name. */
  #typed = { letters: "", at: 0 };

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.addEventListener("click", ({ target }) => this.#click(/** @type {Element} */ (target)), {
      signal,
    });
    this.#list.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#field.addEventListener("input", () => this.#target(), { signal });
    this.#field.addEventListener("paste", () => setTimeout(() => this.#pasted()), { signal });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || this.#field.value === this.#looked) return;
      event.preventDefault();
      this.#look();
    }, { signal });
    this.#part("#new-folder").addEventListener("keydown", (event) => {
      if (/** @type {KeyboardEvent} */ (event).key !== "Enter") return;
      event.preventDefault();
      this.#make();
    }, { signal });
    this.#hidden.addEventListener("change", () => this.#showEntries(), { signal });
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  /** Its field says what it was left with. */
  begin() {
    const given = this.#field.value;
    this.#field.value ||= this.#field.dataset.usual ?? "";
    this.#target();
    if (given) this.#look();
    else this.#open({ path: "" }, false);
  }

  get #field() {
    return /** @type {HTMLInputElement} */ (this.#part("#directory"));
  }

  get #list() {
    return this.#part(".files");
  }

  get #hidden() {
    return /** @type {HTMLInputElement} */ (this.#part("[name=show_hidden]"));
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  // --- What a person does --------------------------------------------------------------------------
  /** @param {Element} target */
  #click(target) {
    const button = /** @type {HTMLElement | null} */ (target.closest("button"));
    if (!button) return;
    const { token, look, more, make } = button.dataset;
    if (token) this.#open({ token });
    else if (look !== undefined) this.#look();
    else if (more !== undefined) this.#more();
    else if (make !== undefined) this.#make();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key } = event;
    const all = this.#folders;
    const at = all.indexOf(/** @type {any} */ (document.activeElement));
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    const to = moves[/** @type {keyof typeof moves} */ (key)];
    if (to !== undefined) this.#focus(all[Math.max(0, Math.min(to, all.length - 1))]);
    else if (key === "ArrowRight") all[at]?.click();
    else if (key === "ArrowLeft" || key === "Backspace") this.#up();
    else if (key.length === 1 && key !== " " && !event.ctrlKey && !event.metaKey) this.#jump(key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #up() {
    if (this.#folder?.parent) this.#open({ token: this.#folder.parent });
  }

  /** To the next name that begins with what was typed. @param {string} letter */
  #jump(letter) {
    const now = Date.now();
    const letters = now - this.#typed.at < TYPED ? this.#typed.letters + letter : letter;
    this.#typed = { letters, at: now };
    const begins = (/** @type {Element} */ button) =>
      button.textContent?.toLowerCase().startsWith(letters.toLowerCase());
    this.#focus(this.#folders.find(begins));
  }

  get #folders() {
    return /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("button")]);
  }

  /** One of them is reached by Tab, the others by arrows. @param {HTMLElement | undefined} button */
  #focus(button) {
    if (!button) return;
    for (const other of this.#folders) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  }

  // --- Looking -------------------------------------------------------------------------------------
  /** What the field says, to the letter: a name may end in a space. */
  #look() {
    this.#looked = this.#field.value;
    return this.#open({ path: this.#looked });
  }

  /** Spaces around it are from where it was copied. */
  #pasted() {
    this.#field.value = this.#field.value.trim();
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    return this.#look();
  }

  /**
   * @param {{path?: string, token?: string}} where
   * @param {boolean} [chooses] whether the field says it afterwards
   */
  #open(where, chooses = true) {
    return this.#opening = this.#openNow(where, chooses);
  }

  /**
   * @param {{path?: string, token?: string}} where
   * @param {boolean} chooses
   * @returns {Promise<void>}
   */
  async #openNow(where, chooses) {
    const inside = this.#list.contains(document.activeElement);
    const folder = await this.#fetch(where, 0);
    if (!folder) {
      // The folder need not be there yet; something is shown all the same.
      if (!this.#folder) await this.#openNow({ path: "" }, false);
      return;
    }
    this.#folder = folder;
    if (chooses) this.#choose(folder);
    this.#show();
    if (inside) this.#focus(this.#folders[0] ?? this.#list);
  }

  async #more() {
    const shown = this.#folder;
    if (!shown?.next) return;
    const more = await this.#fetch({ token: shown.token }, shown.next);
    if (!more || shown !== this.#folder) return;
    const last = this.#folders.at(-1);
    this.#folder = { ...more, entries: [...shown.entries, ...more.entries] };
    this.#show();
    const at = this.#folders.findIndex(({ dataset }) => dataset.token === last?.dataset.token);
    this.#focus(this.#folders[at + 1]);
  }

  async #make() {
    const name = /** @type {HTMLInputElement} */ (this.#part("#new-folder"));
    if (!name.value.trim()) return name.focus();
    await this.#opening; // it is made in the folder that is on its way
    if (!this.#folder) return name.focus();
    try {
      const body = { token: this.#folder.token, name: name.value };
      const made = await call("POST", `${this.dataset.url}/directories`, body);
      name.value = "";
      await this.#open({ token: made.token });
    } catch (error) {
      this.#wrong(error);
    }
  }

  /**
   * The latest answer counts.
   * @param {{path?: string, token?: string}} where
   * @param {number} after
   * @returns {Promise<Folder | null>}
   */
  async #fetch(where, after) {
    const turn = ++this.#turn;
    this.#list.ariaBusy = "true";
    this.#wrong(null);
    try {
      const query = new URLSearchParams({ ...where, after: String(after) });
      const folder = await call("GET", `${this.dataset.url}/files?${query}`);
      return turn === this.#turn ? folder : null;
    } catch (error) {
      if (turn === this.#turn) this.#wrong(error);
      return null;
    } finally {
      if (turn === this.#turn) this.#list.ariaBusy = "false";
    }
  }

  // --- Shown ---------------------------------------------------------------------------------------
  /** @param {Folder} folder */
  #choose(folder) {
    if (folder.path === null) {
      this.#wrong(
        new Error(
          "This folder's path is not UTF-8, or holds control characters. " +
            "It can be looked into, but no server can be put there.",
        ),
      );
    }
    this.#field.value = this.#looked = folder.path ?? "";
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #target() {
    const directory = this.#field.value.replace(/\/+$/, "");
    this.#part("[data-target]").textContent = `${directory}/${this.dataset.slug}`;
  }

  #show() {
    const { crumbs, freeMb, next } = /** @type {Folder} */ (this.#folder);
    this.#part(".crumbs").replaceChildren(...crumbs.map((crumb, n) => {
      const item = document.createElement("li");
      item.append(n === crumbs.length - 1 ? named(crumb.name) : opens(crumb));
      return item;
    }));
    this.#part("[data-free]").textContent = freeMb === null ? "" : `${inWords(freeMb)} free`;
    this.#part("[data-more]").hidden = next === null;
    this.#showEntries();
  }

  #showEntries() {
    if (!this.#folder) return;
    const { entries, next } = this.#folder;
    const seen = entries.filter(({ isHidden }) => this.#hidden.checked || !isHidden);
    this.#list.replaceChildren(...seen.map(item));
    const folders = this.#folders;
    folders.forEach((button, n) => button.tabIndex = n ? -1 : 0);
    const hidden = entries.length - seen.length;
    const others = seen.length - folders.length;
    const words = [
      counted(folders.length, "folder"),
      counted(others, "other"),
      counted(hidden, "hidden", ""),
      next === null ? "" : "and more",
    ];
    this.#part("[data-said]").textContent = words.filter(Boolean).join(", ") ||
      "Nothing here";
  }

  /** @param {unknown} error */
  #wrong(error) {
    const place = this.#part("#wrong-directory");
    if (!error) return void (place.textContent = "");
    const missing = error instanceof Problem && error.status === NOT_FOUND;
    place.textContent = missing
      ? "There is no such folder yet. It is made by the installation."
      : /** @type {Error} */ (error).message;
  }
}

/** @param {Entry} entry */
function item(entry) {
  const line = document.createElement("li");
  line.dataset.kind = entry.kind;
  line.append(entry.kind === "folder" ? opens(entry) : named(entry.name));
  return line;
}

/** @param {Place} place */
function opens({ name, token }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.dataset.token = token;
  button.append(named(name));
  return button;
}

/** @param {string} name */
function named(name) {
  const text = document.createElement("bdi");
  text.textContent = name;
  return text;
}

/**
 * @param {number} number
 * @param {string} word
 * @param {string} [several] what it ends in then
 */
const counted = (number, word, several = "s") =>
  number ? `${number} ${word}${number > 1 ? several : ""}` : "";

/** @param {number} megabytes */
const inWords = (megabytes) =>
  megabytes < 1024
    ? `${megabytes} MB`
    : `${(megabytes / 1024).toFixed(megabytes < 10240 ? 1 : 0)} GB`;

customElements.define("folder-browser", FolderBrowser);
