// @ts-check
/**
 * What the server renders again takes the place of what is shown, and what is the same stays as it
 * is: with its focus, what is selected in it, and how far it is scrolled.
 */

/** @typedef {(was: HTMLElement, is: HTMLElement) => boolean} Settle */

/**
 * Make the children of `old` those of `fresh`. Children are the same thing if they have the same
 * `data-key`, or id, or class.
 * @param {Element} old
 * @param {Element} fresh
 * @param {Settle} [settle] may change a child that differs, and says whether it stays then
 */
export function renew(old, fresh, settle = () => false) {
  const were = new Map(childrenOf(old).map((child) => [keyOf(child), child]));
  const wanted = childrenOf(fresh).map((is) => {
    const was = were.get(keyOf(is));
    return was && (was.isEqualNode(is) || settle(was, is)) ? was : is;
  });
  const staying = new Set(wanted);
  for (const child of childrenOf(old)) if (!staying.has(child)) child.remove();
  let place = old.firstElementChild;
  for (const child of wanted) {
    if (child === place) place = place.nextElementSibling;
    else old.insertBefore(child, place);
  }
}

/** @param {Element} element */
const childrenOf = (element) => /** @type {HTMLElement[]} */ ([...element.children]);

/** @param {HTMLElement} child */
const keyOf = (child) => child.dataset.key ?? (child.id || child.className);

/**
 * @param {Element} old
 * @param {Element} fresh
 */
export function takeAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
}
