// @ts-check
/** Elements are replaced under the person's hands: the focus stays where it was, in meaning. */

const FOCUSABLE = "a, button, input, select";

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
  replace();
  if (!inside || old.contains(active) && active.isConnected) return;
  const near = (row && document.getElementById(row)) || fresh;
  const all = [...fresh.querySelectorAll(FOCUSABLE)];
  const same = near.contains(all[place]) ? all[place] : near.querySelector(FOCUSABLE);
  /** @type {HTMLElement | null} */ (same)?.focus({ preventScroll: true });
}
