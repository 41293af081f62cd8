// @ts-check
/**
 * Buttons that command the API: `data-action="POST /api/…"`, with `data-body` if there is any, after
 * a question with `data-confirm` (`data-confirm-text`, and `data-confirm-yes` for the button).
 * What the command changes comes back as an event.
 */

import { call } from "realtime/http.js";
import { notice } from "realtime/notice.js";

/** Sent on the button, and up from it, when the server has accepted. */
export const ACCEPTED = "accepted";

document.addEventListener("click", async ({ target }) => {
  const button = /** @type {Element} */ (target).closest?.("button[data-action]");
  if (!(button instanceof HTMLButtonElement) || button.ariaBusy === "true") return;
  const { action = "", body, confirm, confirmText, confirmYes } = button.dataset;
  if (confirm && !await confirmed(confirm, confirmText, confirmYes)) return;
  const [method, url] = action.split(" ");
  button.ariaBusy = "true";
  try {
    await call(method, url, body && JSON.parse(body));
    button.dispatchEvent(new CustomEvent(ACCEPTED, { bubbles: true, detail: { method, url } }));
  } catch (error) {
    notice(/** @type {Error} */ (error).message);
  } finally {
    setTimeout(() => (button.ariaBusy = "false"), 1_000);
  }
});

/**
 * @param {string} question
 * @param {string} [text]
 * @param {string} [yes] what the button says that does it
 * @returns {Promise<boolean>}
 */
export function confirmed(question, text = "", yes = "Remove") {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog#confirm"));
  if (!dialog) return Promise.resolve(false);
  /** @type {HTMLElement} */ (dialog.querySelector("#confirm-title")).textContent = question;
  /** @type {HTMLElement} */ (dialog.querySelector("#confirm-text")).textContent = text;
  /** @type {HTMLElement} */ (dialog.querySelector("#confirm-yes")).textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}
