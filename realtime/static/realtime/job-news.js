// @ts-check
/**
 * What of an event about a job is news. Events may come twice, and a page may already show more
 * than an event says; a bar never goes backwards.
 */

/**
 * @typedef {object} Seen how far a job is shown
 * @property {number} attempt
 * @property {number} progress
 * @property {boolean} ended
 */

/**
 * Documents say it by their status, questions by their stage.
 * @param {{[field: string]: any}} event
 */
export const isWaiting = (event) => (event.status ?? event.stage) === "QUEUED";

/**
 * @param {Seen} seen
 * @param {{[field: string]: any}} event
 */
export function isNews(seen, event) {
  const attempt = Number(event.attempt ?? seen.attempt);
  if (attempt !== seen.attempt) return attempt > seen.attempt;
  // Waiting again (retried, or its worker was lost): the next attempt has not begun yet.
  if (isWaiting(event)) return true;
  if (seen.ended) return false;
  return Boolean(event.terminal) || Number(event.progress ?? 0) >= seen.progress;
}

const SURE_AFTER = 3_000;
const SURE_PERCENT = 5;
const SURE_GAIN = 2;

/**
 * The time left at the pace of the stage, in words; nothing while it cannot be told. Stages differ
 * in pace, so what came before this one says nothing about it.
 * @param {number} elapsed milliseconds since the stage was first seen
 * @param {number} from percent then
 * @param {number} progress percent now
 */
export function timeLeft(elapsed, from, progress) {
  const gain = progress - from;
  if (elapsed < SURE_AFTER || progress < SURE_PERCENT || gain < SURE_GAIN) return "";
  if (progress >= 100) return "";
  const seconds = (elapsed * (100 - progress)) / gain / 1000;
  if (seconds < 4) return "seconds left";
  if (seconds < 55) {
    return `about ${seconds < 20 ? Math.ceil(seconds) : roundTo(seconds, 5)} s left`;
  }
  return `about ${Math.max(1, Math.round(seconds / 60))} min left`;
}

/**
 * @param {number} value
 * @param {number} step
 */
const roundTo = (value, step) => Math.round(value / step) * step;

const STILL_AFTER = 15_000;

/**
 * Words for a job that has not been heard of for a while; nothing before that.
 * @param {number} silence milliseconds
 */
export function stillWorking(silence) {
  if (silence < STILL_AFTER) return "";
  const seconds = Math.floor(silence / 5_000) * 5;
  const ago = seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
  return `still working, last news ${ago} ago`;
}
