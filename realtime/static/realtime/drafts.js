// @ts-check
/**
 * What is typed into a field with `data-draft` and not sent is kept for this tab, this person and
 * this page; also over the end of the session, until the same person is back.
 */

const { userId } = document.body.dataset;

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */

/** @param {Field} field */
const keyOf = (field) => `draft of ${userId} at ${location.pathname}: ${field.name}`;

/** @param {ParentNode} place */
const fieldsIn = (place) => /** @type {NodeListOf<Field>} */ (place.querySelectorAll(
  "input[data-draft], textarea[data-draft]",
));

/** @param {Field} field */
export function keepDraft(field) {
  if (field.value) sessionStorage.setItem(keyOf(field), field.value);
  else sessionStorage.removeItem(keyOf(field));
}

/**
 * It was sent.
 * @param {ParentNode} place
 */
export function forgetDrafts(place) {
  fieldsIn(place).forEach((field) => sessionStorage.removeItem(keyOf(field)));
}

if (userId) {
  for (const field of fieldsIn(document)) {
    field.value ||= sessionStorage.getItem(keyOf(field)) ?? "";
    keepDraft(field); // somebody may have typed before we came
  }
  document.addEventListener("input", ({ target }) => {
    if (/** @type {Element} */ (target).matches("[data-draft]")) {
      keepDraft(/** @type {Field} */ (target));
    }
  });
}
