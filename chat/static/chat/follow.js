// @ts-check
/**
 * A conversation grows at its end. Who is there stays there; who has scrolled up is left alone, and
 * told by a button that there is more below.
 */

import { toTheEnd } from "realtime/scroll.js";

const NEAR = 60;

/** Where the page was when it was last led to its end. */
let led = 0;

const below = () => /** @type {HTMLElement | null} */ (document.querySelector(".below"));

function atTheEnd() {
  const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
  const left = scrollHeight - clientHeight - scrollTop;
  // A little way up is the end still, unless somebody has just gone up that way.
  return left <= 2 || left < NEAR && scrollTop >= led;
}

export function goToTheEnd() {
  toTheEnd();
  led = document.documentElement.scrollTop;
}

/**
 * Do what makes the conversation longer.
 * @param {() => void} change
 */
export function growing(change) {
  const follow = atTheEnd();
  change();
  if (follow) goToTheEnd();
  else if (!atTheEnd()) below()?.removeAttribute("hidden");
}

addEventListener("scroll", () => {
  if (atTheEnd()) below()?.setAttribute("hidden", "");
}, { passive: true });
document.addEventListener("click", ({ target }) => {
  if (/** @type {Element} */ (target).closest?.(".below")) goToTheEnd();
});
