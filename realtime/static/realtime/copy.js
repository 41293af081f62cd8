// @ts-check
/** Text to the clipboard, also where the page came without encryption. */

import { notice } from "realtime/notice.js";

/**
 * Copy, and say so.
 * @param {string | Promise<string>} text
 */
export async function copy(text) {
  try {
    // A promise is given as it is: some browsers forget the click while it is waited for.
    if (globalThis.ClipboardItem && navigator.clipboard) {
      const blob = Promise.resolve(text).then((words) => new Blob([words], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else copyByHand(await text);
    notice("Copied.");
  } catch (error) {
    notice(/** @type {Error} */ (error).message);
  }
}

/** @param {string} text */
function copyByHand(text) {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = document.createElement("textarea");
  field.className = "hidden";
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  active?.focus();
  if (!done) throw new Error("The browser does not allow copying here.");
}
