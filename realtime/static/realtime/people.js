// @ts-check
/** Who is here, as `user_activity` tells it; and how people are shown in little space. */

/** @typedef {{userId: string, username: string}} Person */

export class People {
  /** @type {Map<string, Person & {sure: boolean}>} by user id, in the order of coming */
  #here = new Map();

  /** @returns {Person[]} */
  get all() {
    return [...this.#here.values()];
  }

  /**
   * @param {{[field: string]: any}} event
   * @returns {boolean} whether that was news
   */
  told({ action, userId, username }) {
    if (action === "left_document") return this.#here.delete(userId);
    const isNew = !this.#here.has(userId);
    this.#here.set(userId, { userId, username, sure: true });
    return isNew;
  }

  /** The line was cut: all who are here are going to be told again. */
  doubt() {
    for (const person of this.#here.values()) person.sure = false;
  }

  /**
   * They have been told: who was not among them is gone.
   * @returns {boolean} whether somebody is
   */
  settle() {
    const gone = this.all.filter(({ userId }) => !this.#here.get(userId)?.sure);
    for (const { userId } of gone) this.#here.delete(userId);
    return gone.length > 0;
  }
}

/**
 * One or two letters for a name: "ann" is A, "john_doe" is JD.
 * @param {string} name
 */
export function initials(name) {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("") || "?";
}

/**
 * @template T
 * @param {T[]} all
 * @param {number} most
 * @returns {{shown: T[], more: number}} the first few, and how many there are besides
 */
export const few = (all, most) => ({
  shown: all.slice(0, most),
  more: Math.max(0, all.length - most),
});

/** @param {Person[]} people */
export function inWords(people) {
  const names = people.map(({ username }) => username);
  return new Intl.ListFormat("en").format(names);
}
