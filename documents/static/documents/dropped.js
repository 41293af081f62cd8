// @ts-check
/** What was dropped, with the files inside of folders; hidden ones are left out of folders. */

const HIDDEN = /(^|\/)\.[^/]/;

/**
 * @param {DataTransfer} dropped
 * @returns {Promise<File[]>}
 */
export async function filesOf(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...dropped.files];
  return (await Promise.all(entries.map((entry) => entry ? inside(entry) : []))).flat();
}

/** Of a folder that was chosen. @param {Iterable<File>} files */
export const visibleOf = (files) =>
  [...files].filter(({ webkitRelativePath }) => !HIDDEN.test(webkitRelativePath));

/**
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>}
 */
async function inside(entry) {
  if (entry.isFile) {
    const file = /** @type {FileSystemFileEntry} */ (entry);
    return await new Promise((found) => file.file((f) => found([f]), () => found([])));
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {File[]} */
  const files = [];
  while (true) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((found) => reader.readEntries(found, () => found([])));
    if (!some.length) return files;
    const visible = some.filter(({ name }) => !HIDDEN.test(name));
    for (const inner of visible) files.push(...await inside(inner));
  }
}
