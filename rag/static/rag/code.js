// @ts-check
/** The copy buttons above code in answers. */

import { copy } from "realtime/copy.js";

document.addEventListener("click", ({ target }) => {
  const button = /** @type {Element} */ (target).closest?.("[data-copy-code]");
  const code = button?.closest(".code")?.querySelector("pre");
  if (code) copy(code.textContent ?? "");
});
