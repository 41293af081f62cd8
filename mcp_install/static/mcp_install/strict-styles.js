// @ts-check
/**
 * The terminal makes style sheets and writes style attributes, which this site's policy refuses.
 * On its page a style sheet gets the page's nonce, and a style goes into the element as properties.
 */

const script = /** @type {HTMLScriptElement | null} */ (document.querySelector("script[nonce]"));
const nonce = script?.nonce ?? "";
const create = document.createElement.bind(document);

/**
 * @param {string} name
 * @param {ElementCreationOptions} [options]
 */
function createElement(name, options) {
  const element = create(name, options);
  if (element instanceof HTMLStyleElement) element.nonce = nonce;
  return element;
}

/**
 * @this {HTMLElement}
 * @param {string} name
 * @param {string} value
 */
function setAttribute(name, value) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

document.createElement = /** @type {typeof document.createElement} */ (createElement);
HTMLSpanElement.prototype.setAttribute = setAttribute;
