// @ts-check
/** Short words at the edge of the page, read out politely and gone after a while. */

const SHOWN = 6_000;

/**
 * @param {string} words
 * @param {{hidden?: boolean}} [options] hidden: only for screen readers
 */
export function notice(words, { hidden = false } = {}) {
  const place = document.getElementById("notices");
  if (!place || !words) return;
  const line = document.createElement("p");
  line.textContent = words;
  line.classList.toggle("hidden", hidden);
  place.append(line);
  setTimeout(() => line.remove(), SHOWN);
}
