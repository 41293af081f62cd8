// @ts-check
/** How long ago a day was, as people say it. */

const A_DAY = 86_400_000;

/**
 * Midnights between two moments, in the reader's own time zone.
 * @param {Date} then
 * @param {Date} now
 */
export function daysAgo(then, now) {
  const [from, to] = [then, now].map((at) =>
    Date.UTC(at.getFullYear(), at.getMonth(), at.getDate())
  );
  return Math.max(0, (to - from) / A_DAY);
}

/** @param {number} days */
export function wordsFor(days) {
  if (days < 1) return "Today";
  if (days < 2) return "Yesterday";
  if (days < 8) return "The last 7 days";
  return days < 31 ? "The last 30 days" : "Earlier";
}
