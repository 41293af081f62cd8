// @ts-check
import assert from "node:assert/strict";
import { LiveSocket, parseCursor } from "realtime/socket.js";
import { FakeClock, FakeServer, settle } from "./fakes.js";

/** @typedef {import("realtime/socket.js").Options} Options */

/** A socket of a page that holds everything up to e-5. @param {Partial<Options>} [options] */
function page(options = {}) {
  const [clock, server] = [new FakeClock(), new FakeServer()];
  const socket = new LiveSocket({
    url: "ws://here/ws",
    lastEventId: "e-5",
    userId: "7",
    clock,
    WebSocket: server.WebSocket,
    random: () => 1,
    ...options,
  });
  /** @type {number[]} */
  const applied = [];
  socket.on(/** @type {any} */ ("news"), (/** @type {any} */ { n }) => applied.push(n));
  return { clock, server, socket, applied };
}

/** @param {number} n @param {number} [before] */
const news = (n, before = n - 1) => ({ type: "news", n, id: `e-${n}`, prev: `e-${before}` });

/** @param {ReturnType<typeof page>} all */
function opened(all) {
  all.socket.connect();
  all.server.line.accept();
  all.server.line.say({ type: "resumed", id: "e-5", replayed: 0 });
  return all;
}

Deno.test("handlers and senders know what is in a message", () => {
  const { socket } = page();
  socket.on("document_status", ({ documentId, attempt }) => [documentId.length, attempt ?? 0]);
  socket.on("rag_progress", ({ result }) => result?.passages[0].documentName.length);
  socket.on("*", ({ type, anything }) => [type, anything]);
  // @ts-expect-error there is no such status
  socket.on("document_status", ({ status }) => status === "DONE");
  // @ts-expect-error there is no such message
  socket.on("document_state", () => {});
  // @ts-expect-error an acknowledgement has an id
  socket.send({ type: "ack" });
});

Deno.test("a cursor is read or refused", () => {
  assert.deepEqual(parseCursor("ab1-12"), { epoch: "ab1", offset: 12 });
  for (const wrong of ["", "ab", "ab-", "ab-x", null, undefined]) {
    assert.equal(parseCursor(wrong), null);
  }
});

Deno.test("it connects, resumes from the page's cursor and is open", () => {
  const { server, socket } = page();
  /** @type {string[]} */
  const states = [];
  socket.watch(({ state }) => states.push(state));
  socket.connect();
  server.line.accept();
  assert.deepEqual(server.line.received, [{ type: "resume", lastEventId: "e-5" }]);
  server.line.say({ type: "resumed", id: "e-5", replayed: 0 });
  assert.deepEqual(states, ["idle", "connecting", "resuming", "open"]);
  assert.ok(socket.connected);
});

Deno.test("a page of somebody else stops", () => {
  const { server, socket, clock } = page();
  socket.connect();
  server.line.accept("8");
  assert.equal(socket.status.reason, "other_user");
  assert.deepEqual(server.line.received, []);
  return clock.pass(120_000).then(() => assert.equal(server.lines.length, 1));
});

Deno.test("replayed and live events are applied once and in order", () => {
  const { server, socket, applied } = page();
  socket.connect();
  server.line.accept();
  for (const n of [4, 5, 6, 7]) server.line.say(news(n));
  server.line.say({ type: "resumed", id: "e-7", replayed: 2 });
  for (const n of [7, 8, 6]) server.line.say(news(n));
  assert.deepEqual(applied, [6, 7, 8]);
  assert.equal(socket.cursor, "e-8");
  assert.equal(socket.lastMessage?.id, "e-6");
});

Deno.test("events that were merged away leave no gap", () => {
  const { server, applied } = opened(page());
  server.line.say(news(9, 5));
  assert.deepEqual(applied, [9]);
  assert.equal(server.lines.length, 1);
});

Deno.test("a gap is filled by resuming on a new line", () => {
  const { server, applied } = opened(page());
  server.line.say(news(6));
  server.line.say(news(9, 8));
  assert.deepEqual(applied, [6]);
  assert.equal(server.lines.length, 2);
  server.line.accept();
  assert.deepEqual(server.line.received, [{ type: "resume", lastEventId: "e-6" }]);
  for (const n of [7, 8, 9]) server.line.say(news(n));
  assert.deepEqual(applied, [6, 7, 8, 9]);
});

Deno.test("an event of another epoch is not applied", () => {
  const { server, applied } = opened(page());
  server.line.say({ type: "news", n: 1, id: "f-1", prev: "f-0" });
  assert.deepEqual(applied, []);
  assert.equal(server.lines.length, 2);
});

Deno.test("a head that is never reached means lost events", () => {
  const { server } = opened(page());
  server.line.say({ type: "heartbeat", id: "e-6" });
  server.line.say(news(6));
  server.line.say({ type: "heartbeat", id: "e-7" });
  assert.equal(server.lines.length, 1);
  server.line.say({ type: "heartbeat", id: "e-7" });
  assert.equal(server.lines.length, 2);
});

Deno.test("after a resync the pages fetch first, and later events wait for them", async () => {
  const { server, socket, applied } = opened(page());
  /** @type {PromiseWithResolvers<void>} */
  const fetched = Promise.withResolvers();
  socket.on("resync", () => fetched.promise);
  server.line.say({ type: "resync", reason: "epoch", id: "f-3" });
  assert.equal(socket.status.catchingUp, true);
  server.line.say({ type: "news", n: 4, id: "f-4", prev: "f-3" });
  assert.deepEqual(applied, []);
  fetched.resolve();
  await settle();
  assert.deepEqual(applied, [4]);
  assert.ok(socket.connected);
  assert.equal(socket.status.catchingUp, false);
});

Deno.test("pages that could not be fetched are fetched again on the next line", async () => {
  const { server, socket, clock } = opened(page());
  const quiet = console.warn;
  console.warn = () => {};
  let fetches = 0;
  socket.on("resync", () => {
    fetches++;
    if (fetches === 1) throw new Error("the server is away");
  });
  server.line.say({ type: "resync", reason: "trimmed", id: "e-90" });
  await settle();
  console.warn = quiet;
  assert.equal(socket.status.state, "waiting");
  await clock.pass(1_000);
  server.line.accept();
  assert.deepEqual(server.line.received, [{ type: "resume", lastEventId: "e-90" }]);
  server.line.say({ type: "resumed", id: "e-90", replayed: 0 });
  await settle();
  assert.equal(fetches, 2);
  assert.ok(socket.connected);
});

Deno.test("pages that never finish catching up do not hold the line for ever", async () => {
  const { server, socket, clock } = opened(page());
  socket.on("resync", () => new Promise(() => {}));
  server.line.say({ type: "resync", reason: "epoch", id: "f-1" });
  await clock.pass(20_000);
  assert.equal(socket.status.state, "waiting");
});

Deno.test("an overloaded server is not asked for snapshots at once", async () => {
  const { server, socket, clock } = opened(page());
  let fetches = 0;
  socket.on("resync", () => fetches++);
  server.line.say({ type: "resync", reason: "overload", id: "e-9", retryAfterMs: 4_000 });
  await clock.pass(3_900);
  assert.equal(fetches, 0);
  await clock.pass(200);
  assert.equal(fetches, 1);
});

Deno.test("a page rendered without a position fetches its parts once resumed", async () => {
  const { server, socket } = page({ lastEventId: "" });
  let fetches = 0;
  socket.on("resync", () => fetches++);
  socket.connect();
  server.line.accept();
  assert.deepEqual(server.line.received, [{ type: "resume", lastEventId: null }]);
  server.line.say({ type: "resumed", id: "e-40", replayed: 0 });
  await settle();
  assert.equal(fetches, 1);
  assert.equal(socket.cursor, "e-40");
});

Deno.test("no state lasts for ever: connecting and resuming end", async () => {
  const { server, socket, clock } = page();
  socket.connect();
  await clock.pass(10_000);
  assert.equal(socket.status.state, "waiting");
  assert.equal(server.lines[0].hungUp, 1000);
  await clock.pass(600);
  server.line.accept();
  await clock.pass(15_000);
  assert.equal(socket.status.state, "waiting");
  await clock.pass(1_000);
  assert.equal(server.lines.length, 3);
});

Deno.test("the back-off doubles to 30 s and starts anew only after a stable line", async () => {
  const all = page();
  const { server, socket, clock } = all;
  socket.connect();
  /** @type {number[]} */
  const waits = [];
  for (let i = 0; i < 9; i++) {
    server.line.end(1006);
    waits.push(socket.status.retryAt - clock.now());
    await clock.pass(waits[i]);
  }
  assert.deepEqual(waits, [500, 1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 30e3, 30e3]);
  server.line.accept();
  server.line.say({ type: "resumed", id: "e-5", replayed: 0 });
  await clock.pass(4_000);
  server.line.end(1006);
  assert.equal(socket.status.retryAt - clock.now(), 30_000);
  await clock.pass(30_000);
  server.line.accept();
  server.line.say({ type: "resumed", id: "e-5", replayed: 0 });
  await clock.pass(5_000);
  server.line.end(1006);
  assert.equal(socket.status.retryAt - clock.now(), 500);
});

Deno.test("the jitter is full", async () => {
  const { server, socket, clock } = page({ random: () => 0.25 });
  socket.connect();
  server.line.end(1011);
  assert.equal(socket.status.retryAt - clock.now(), 125);
  await clock.pass(125);
  assert.equal(server.lines.length, 2);
});

for (
  const [code, reason] of /** @type {[number, string][]} */ ([
    [4400, "protocol"],
    [4401, "signed_out"],
    [4403, "revoked"],
    [4409, "too_many"],
  ])
) {
  Deno.test(`close ${code} stops: ${reason}`, async () => {
    const { server, socket, clock } = opened(page());
    server.line.end(code);
    assert.equal(socket.status.state, "stopped");
    assert.equal(socket.status.reason, reason);
    await clock.pass(120_000);
    socket.check();
    assert.equal(server.lines.length, 1);
    socket.connect();
    assert.equal(server.lines.length, 2);
  });
}

for (const [code, least] of [[1013, 5_000], [4429, 30_000]]) {
  Deno.test(`close ${code} waits at least ${least} ms`, () => {
    const { server, socket, clock } = opened(page({ random: () => 0 }));
    server.line.end(code);
    assert.equal(socket.status.retryAt - clock.now(), least);
  });
}

Deno.test("a restart waits as long as the server asked", () => {
  const { server, socket, clock } = opened(page({ random: () => 0 }));
  server.line.say({ type: "closing", code: 1012, reason: "restart", retryAfterMs: 1_500 });
  server.line.end(1012);
  assert.equal(socket.status.retryAt - clock.now(), 1_500);
});

Deno.test("a slow tab resumes at once, three times a minute", () => {
  const { server, socket } = opened(page());
  for (let i = 0; i < 3; i++) {
    server.line.end(4408);
    assert.equal(socket.status.state, "connecting");
  }
  server.line.end(4408);
  assert.equal(socket.status.state, "waiting");
});

Deno.test("quiet is broken by a ping, and a line without a pong is dead", async () => {
  const { server, socket, clock } = opened(page());
  await clock.pass(24_900);
  assert.deepEqual(server.line.received.slice(1), []);
  await clock.pass(200);
  assert.deepEqual(server.line.received.slice(1), [{ type: "ping" }]);
  server.line.say({ type: "pong" });
  await clock.pass(20_000);
  assert.ok(socket.connected);
  await clock.pass(15_100);
  assert.equal(server.lines.length, 1);
  assert.equal(socket.status.state, "waiting");
  assert.equal(server.line.hungUp, 1000);
});

Deno.test("coming to the front checks the line at once", async () => {
  const { server, socket, clock } = opened(page());
  socket.check();
  assert.deepEqual(server.line.received.slice(1), [{ type: "ping" }]);
  await clock.pass(10_000);
  assert.equal(socket.status.state, "waiting");
  socket.check();
  assert.equal(socket.status.state, "connecting");
});

Deno.test("without a network it is offline, and tries now and then all the same", async () => {
  let online = false;
  const { server, socket, clock } = opened(page({ isOnline: () => online }));
  server.line.end(1006);
  assert.equal(socket.status.state, "offline");
  await clock.pass(15_000);
  assert.equal(server.lines.length, 2);
  server.line.end(1006);
  online = true;
  socket.check();
  assert.equal(server.lines.length, 3);
});

Deno.test("events are acknowledged after 2 s, or 50 of them", async () => {
  const { server, clock } = opened(page());
  server.line.say(news(6));
  server.line.say(news(7));
  await clock.pass(2_000);
  for (let n = 8; n < 58; n++) server.line.say(news(n));
  assert.deepEqual(server.line.received.slice(1), [{ type: "ack", id: "e-7" }, {
    type: "ack",
    id: "e-57",
  }]);
});

Deno.test("a part of the page that was just fetched learns what it missed", () => {
  const { server, socket } = opened(page());
  for (const n of [6, 7, 8]) server.line.say(news(n));
  assert.deepEqual(socket.since("e-6").map(({ n }) => n), [7, 8]);
  assert.deepEqual(socket.since("f-1"), []);
});

Deno.test("a handler that fails, or has gone, disturbs nobody", () => {
  const { server, socket, applied } = opened(page());
  const quiet = console.error;
  console.error = () => {};
  const life = new AbortController();
  let calls = 0;
  socket.on("*", () => calls++, { signal: life.signal });
  socket.on("*", () => {
    throw new Error("mine");
  });
  server.line.say(news(6));
  life.abort();
  server.line.say(news(7));
  console.error = quiet;
  assert.equal(calls, 1);
  assert.deepEqual(applied, [6, 7]);
});

Deno.test("closing is final until somebody connects; nothing is sent without a line", async () => {
  const { server, socket, clock } = opened(page());
  assert.ok(socket.send({ type: "ping" }));
  socket.close();
  assert.equal(socket.send({ type: "ping" }), false);
  await clock.pass(120_000);
  assert.equal(server.lines.length, 1);
  assert.equal(socket.status.reason, "closed");
});

Deno.test("a frame that is not JSON is passed over", () => {
  const { server, socket } = opened(page());
  const quiet = console.warn;
  console.warn = () => {};
  server.line.onmessage?.({ data: "<html>" });
  console.warn = quiet;
  assert.ok(socket.connected);
});
