// @ts-check
/**
 * How far a reply is shown while it is written: its pieces may come twice, or after a page that
 * already holds them, and some come without their HTML.
 */

/**
 * @typedef {object} Piece of a `message_chunk`
 * @property {string} content
 * @property {number} contentOffset code points before it
 * @property {number} [blocksFrom] the number of the first of `blocks`
 * @property {string[]} [blocks] the HTML of all from there on
 */
/** @typedef {{text: string, blocks?: undefined} | {blocks: string[], from: number, text: ""}} Added */

export class Growth {
  /** @param {number} [length] code points that are shown */
  constructor(length = 0) {
    this.length = length;
    /** The block that was continued by text without HTML. @type {number | null} */
    this.rough = null;
  }

  /**
   * @param {Piece} piece
   * @param {number} count blocks that are shown
   * @param {number} open the block that text without HTML goes on in
   * @returns {Added | null} what is to be added; null when something before it is missing
   */
  add({ content, contentOffset, blocksFrom = 0, blocks }, count, open) {
    if (contentOffset > this.length) return null;
    const points = [...content];
    const end = contentOffset + points.length;
    if (end < this.length) return { text: "" };
    const text = points.slice(this.length - contentOffset).join("");
    if (blocks && blocksFrom > Math.min(count, this.rough ?? count)) return null;
    this.length = end;
    if (blocks) {
      this.rough = null;
      return { blocks, from: blocksFrom, text: "" };
    }
    if (text) this.rough ??= open;
    return { text };
  }
}
