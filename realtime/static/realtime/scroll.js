// @ts-check
/** A page that grows at its end is followed only by who is there already. */

const NEAR_THE_END = 160;

export function atTheEnd() {
  const page = document.documentElement;
  const scrollable = page.scrollHeight > page.clientHeight + 8;
  return scrollable && page.scrollHeight - page.clientHeight - page.scrollTop < NEAR_THE_END;
}

export const toTheEnd = () => scrollTo({ top: document.documentElement.scrollHeight });
