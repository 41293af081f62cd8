// @ts-check
/** Elements are replaced under the person's hands: the focus stays, and so does what was typed. */

const FOCUSABLE = "a, button, input, select";
const TYPED = "textarea, input:not([type=checkbox], [type=radio], [type=hidden], [type=file])";

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */

/**
 * @param {Element} old what is about to be replaced, or whose content is
 * @param {() => void} replace
 * @param {Element} [fresh] what stands there afterwards
 */
export function keepFocus(old, replace, fresh = old) {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  const inside = active && active !== old && old.contains(active);
  const row = inside ? active.closest("[id]")?.id : "";
  const place = inside ? [...old.querySelectorAll(FOCUSABLE)].indexOf(active) : -1;
  const typed = fieldsOf(old).filter((field) => field.value !== field.defaultValue);
  replace();
  retype(typed.filter((field) => !field.isConnected), fieldsOf(fresh));
  if (!inside || old.contains(active) && active.isConnected) return;
  const near = (row && document.getElementById(row)) || fresh;
  const all = [...fresh.querySelectorAll(FOCUSABLE)];
  const same = near.contains(all[place]) ? all[place] : near.querySelector(FOCUSABLE);
  /** @type {HTMLElement | null} */ (same)?.focus({ preventScroll: true });
}

/** @param {Element} root */
const fieldsOf = (root) => /** @type {Field[]} */ ([...root.querySelectorAll(TYPED)]);

/**
 * @param {Field[]} typed
 * @param {Field[]} fields
 */
function retype(typed, fields) {
  for (const was of typed) {
    const is = fields.filter((field) => field.id === was.id && field.name === was.name);
    if (is.length === 1 && (was.id || was.name)) is[0].value = was.value;
  }
}
