// @ts-check
/** The title of the page: `(2) Documents` while work runs and nobody looks. */

/** @type {Set<Element>} what shows work that runs */
const working = new Set();

/**
 * @param {Element} element
 * @param {boolean} works
 */
export function showsWork(element, works) {
  if (works) working.add(element);
  else working.delete(element);
  write(named());
}

/** @param {string} name what the page shows now */
export const nameThePage = (name) => write(`${name} · Product Demo`);

const named = () => document.title.replace(/^\(\d+\) /, "");

/** @param {string} title */
function write(title) {
  const words = document.hidden && working.size ? `(${working.size}) ${title}` : title;
  if (document.title !== words) document.title = words;
}

document.addEventListener("visibilitychange", () => write(named()));
