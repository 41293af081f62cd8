// @ts-check
/**
 * A text that arrives in pieces, each with the place where it belongs, counted in code points as
 * the server counts. A piece may come twice, or after a snapshot that already holds it.
 */
export class StreamedText {
  /** @type {string[]} */
  #points;

  /** @param {string} [text] what is there already */
  constructor(text = "") {
    this.#points = [...text];
  }

  get text() {
    return this.#points.join("");
  }

  get length() {
    return this.#points.length;
  }

  /**
   * @param {number} offset code points before the piece
   * @param {string} content
   * @returns {string | null} what was added at the end; null when what is shown has to be written
   *   anew from `text`
   * @throws {RangeError} when something before the piece is missing
   */
  put(offset, content) {
    if (offset > this.length) throw new RangeError("a piece is missing");
    const points = [...content];
    const known = this.length - offset;
    const same = points.slice(0, known).every((point, i) => point === this.#points[offset + i]);
    if (same) {
      const added = points.slice(known);
      for (const point of added) this.#points.push(point);
      return added.join("");
    }
    this.#points = [...this.#points.slice(0, offset), ...points];
    return null;
  }
}
