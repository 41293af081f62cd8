// @ts-check
/** This tab's one line to the server. Import it from anywhere; there is never a second. */

import { LiveSocket } from "realtime/socket.js";

const LOCAL = ["localhost", "127.0.0.1", "[::1]"];
const { userId, liveAfter } = document.body.dataset;

export const live = new LiveSocket({
  url: `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`,
  eventsUrl: "/api/realtime/events",
  memory: localStorage,
  lastEventId: liveAfter,
  userId,
  // A server on this machine needs no network.
  isOnline: () => navigator.onLine || LOCAL.includes(location.hostname),
  isHidden: () => document.hidden,
});

if (userId) {
  addEventListener("online", () => live.check());
  addEventListener("offline", () => live.check());
  document.addEventListener(
    "visibilitychange",
    () => document.hidden ? live.rest() : live.check(),
  );
  addEventListener("pagehide", () => live.close());
  addEventListener("pageshow", ({ persisted }) => persisted && live.connect());
  live.connect();
}
