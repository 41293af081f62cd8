// @ts-check
/**
 * How much of a run's output is shown. What comes from its log and what events bring may overlap,
 * and an event may come before what is before it: then the log is read again from here.
 */

/** @typedef {{offset: number, text: string, leftOut: number}} Piece of the log */

export class Printed {
  /** Code points that are shown, those that nobody kept included. */
  length = 0;

  /**
   * @param {number} offset code points before the text
   * @param {string} text
   * @returns {string | null} what of it is new; null when something before it is missing
   */
  add(offset, text) {
    if (offset > this.length) return null;
    const points = [...text];
    const end = offset + points.length;
    if (end <= this.length) return "";
    const fresh = points.slice(this.length - offset).join("");
    this.length = end;
    return fresh;
  }

  /**
   * A piece of the log: what is missing before it is kept nowhere.
   * @param {Piece} piece
   * @returns {{leftOut: number, text: string}}
   */
  addKept({ offset, text }) {
    const leftOut = Math.max(0, offset - this.length);
    this.length += leftOut;
    return { leftOut, text: this.add(offset, text) ?? "" };
  }
}
