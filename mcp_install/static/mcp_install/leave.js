// @ts-check
/** What a page shows was removed by a button on it: go to `data-leave`. */

import { ACCEPTED } from "realtime/actions.js";

document.addEventListener(ACCEPTED, ({ target }) => {
  const { leave } = /** @type {HTMLElement} */ (target).dataset;
  if (leave) location.assign(leave);
});
