// @ts-check
/** `<time>` in the reader's own time zone; the server writes UTC. Holds for what comes later, too. */

const today = new Intl.DateTimeFormat("en", { timeStyle: "short", hourCycle: "h23" });
const earlier = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const inFull = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

/** @param {ParentNode} part */
function show(part) {
  for (const time of part.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(at.getTime())) continue;
    const isToday = at.toDateString() === new Date().toDateString();
    time.textContent = (isToday ? today : earlier).format(at);
    time.setAttribute("title", inFull.format(at));
  }
}

show(document);
new MutationObserver((changes) => {
  for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
    if (node instanceof Element) show(node);
  }
}).observe(document.body, { childList: true, subtree: true });
