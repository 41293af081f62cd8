// @ts-check
/** What a person wrote, in a field to change it. */

import { call, randomKey } from "realtime/http.js";
import { notice } from "realtime/notice.js";

const MOST_LINES = 12;

/**
 * @param {HTMLElement} said what is shown of it; the form stands in its place until it is closed
 * @param {string} url where the new words go
 * @param {() => Promise<unknown>} sent
 */
export function editWords(said, url, sent) {
  const form = document.createElement("form");
  const field = document.createElement("textarea");
  const end = document.createElement("div");
  const [leave, send] = ["Leave it", "Send"].map((words) => {
    const button = document.createElement("button");
    button.textContent = words;
    return button;
  });
  form.className = "edit";
  field.value = said.textContent ?? "";
  field.ariaLabel = "What you wrote";
  field.rows = Math.min(MOST_LINES, field.value.split("\n").length);
  field.dir = "auto";
  end.className = "dialog-end";
  send.className = "primary";
  leave.type = "button";
  end.append(leave, send);
  form.append(field, end);
  const last = { content: "", key: "" };
  const close = () => form.isConnected && form.replaceWith(said);
  leave.addEventListener("click", close);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.target !== field || event.key !== "Enter" || event.shiftKey || event.isComposing) {
      return;
    }
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const content = field.value;
    if (send.disabled) return;
    send.disabled = true;
    if (last.content !== content) Object.assign(last, { content, key: randomKey() });
    try {
      await call("POST", url, { content }, last.key);
      await sent();
      close();
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    send.disabled = false;
  });
  said.replaceWith(form);
  field.focus();
}
