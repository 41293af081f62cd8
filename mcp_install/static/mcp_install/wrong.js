// @ts-check
/** What is wrong with what was filled in, beside each field: `<p data-for="name">`. */

import { Problem } from "realtime/http.js";

/** @param {ParentNode} form */
const placesIn = (
  form,
) => /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-for]"));

/**
 * What belongs to no field that is shown goes to the place for all, `data-for=""`.
 * @param {HTMLElement} form
 * @param {unknown} error
 */
export function showWrong(form, error) {
  const { message } = /** @type {Error} */ (error);
  const errors = error instanceof Problem ? error.errors : {};
  let placed = false;
  for (const place of placesIn(form)) {
    const told = errors[place.dataset.for ?? ""] ?? [];
    place.textContent = told.join(" ");
    const field = fieldOf(form, place);
    field?.toggleAttribute("aria-invalid", told.length > 0);
    if (!told.length || place.closest("[hidden]")) continue;
    if (!placed) field?.focus();
    placed = true;
  }
  const rest = [...placesIn(form)].find(({ dataset }) => dataset.for === "");
  if (rest) rest.textContent = placed ? "" : message;
}

/** @param {HTMLElement} form */
export function clearWrong(form) {
  for (const place of placesIn(form)) {
    place.textContent = "";
    fieldOf(form, place)?.removeAttribute("aria-invalid");
  }
}

/**
 * @param {HTMLElement} form
 * @param {HTMLElement} place
 */
const fieldOf = (form, place) =>
  /** @type {HTMLElement | null} */ (
    place.id && form.querySelector(`[aria-describedby~="${CSS.escape(place.id)}"]`)
  ) || null;
