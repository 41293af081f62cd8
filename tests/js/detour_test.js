// @ts-check
import assert from "node:assert/strict";
import { LiveSocket } from "realtime/socket.js";
import { FakeClock, FakeServer, until } from "./fakes.js";

/** @typedef {import("realtime/socket.js").Options} Options */

const MINUTES = 60_000;

/** What a browser keeps. */
class Memory extends Map {
  /** @param {string} key */
  getItem = (key) => this.get(key) ?? null;
  /** @param {string} key @param {string} value */
  setItem = (key, value) => void this.set(key, value);
  /** @param {string} key */
  removeItem = (key) => void this.delete(key);
}

/** A page that holds everything up to e-5. @param {Partial<Options>} [options] */
function page(options = {}) {
  const [clock, server, memory] = [new FakeClock(), new FakeServer(), new Memory()];
  const socket = new LiveSocket({
    url: "ws://here/ws",
    eventsUrl: "/events",
    lastEventId: "e-5",
    userId: "7",
    clock,
    memory,
    WebSocket: server.WebSocket,
    fetch: server.fetch,
    random: () => 1,
    ...options,
  });
  /** @type {number[]} */
  const applied = [];
  socket.on(/** @type {any} */ ("news"), (/** @type {any} */ { n }) => applied.push(n));
  return { clock, server, memory, socket, applied };
}

/** @param {number} n */
const news = (n) => ({ type: "news", n, id: `e-${n}`, prev: `e-${n - 1}` });

/** The state, with the way. @param {LiveSocket} socket */
const now = ({ status }) => `${status.state} over ${status.transport}`;

/** Two WebSockets come to nothing. @param {ReturnType<typeof page>} all */
async function refused({ clock, server, socket }) {
  socket.connect();
  server.line.end(1006);
  await clock.pass(500);
  server.line.end(1006);
  await clock.pass(1_000);
  return server.responses[0];
}

/** The page is open over HTTP; a WebSocket is being tried beside it. @param {Partial<Options>} [options] */
async function detoured(options) {
  const all = page(options);
  const response = await refused(all);
  response.accept();
  response.say({ type: "resumed", id: "e-5", replayed: 0 });
  await until(() => all.socket.connected);
  await all.clock.pass(0);
  return { ...all, response };
}

Deno.test("when two WebSockets come to nothing, the same events come over HTTP", async () => {
  const { server, socket, applied, response } = await detoured();
  assert.equal(response.url, "/events?after=e-5");
  assert.equal(now(socket), "open over http");
  for (const n of [6, 7, 7, 8]) response.say(news(n));
  await until(() => applied.length === 3);
  assert.deepEqual(applied, [6, 7, 8]);
  assert.equal(socket.cursor, "e-8");
  assert.equal(server.responses.length, 1);
});

Deno.test("a WebSocket that never answers comes to nothing too", async () => {
  const { clock, server, socket } = page();
  socket.connect();
  await clock.pass(10_000 + 500 + 10_000);
  assert.equal(server.responses.length, 0);
  await clock.pass(1_000);
  assert.equal(server.responses.length, 1);
});

Deno.test("a WebSocket that the server itself closes is no reason", async () => {
  const { clock, server, socket } = page();
  socket.connect();
  for (let i = 0; i < 4; i++) {
    server.line.end(1013);
    await clock.pass(socket.status.retryAt - clock.now());
  }
  assert.equal(server.responses.length, 0);
});

Deno.test("if HTTP does not work either, both are tried in turn", async () => {
  const all = page();
  const { clock, server } = all;
  (await refused(all)).cut();
  await until(() => all.socket.status.state === "waiting");
  await clock.pass(2_000);
  assert.equal(server.lines.length, 3);
  server.line.end(1006);
  await clock.pass(4_000);
  assert.equal(server.responses.length, 2);
  assert.equal(all.memory.size, 0);
});

Deno.test("nothing can be sent over HTTP, and that is said", async () => {
  const { socket } = await detoured();
  assert.ok(socket.connected);
  assert.equal(socket.send({ type: "ping" }), false);
});

Deno.test("a response that ends in order is followed at once by the next", async () => {
  const { server, socket, applied, response } = await detoured();
  response.write(`id: e-6\ndata: ${JSON.stringify(news(6)).slice(0, 9)}`);
  response.write(`${JSON.stringify(news(6)).slice(9)}\n`);
  response.write("\nretry: 200\n\n");
  response.end();
  await until(() => server.responses.length === 2);
  const [, next] = server.responses;
  assert.equal(next.url, "/events?after=e-6");
  next.accept();
  next.say(news(7));
  next.say({ type: "resumed", id: "e-7", replayed: 1 });
  await until(() => socket.connected);
  assert.deepEqual(applied, [6, 7]);
});

Deno.test("one that brought nothing, or was cut, is followed later", async () => {
  for (const how of /** @type {("end" | "cut")[]} */ (["end", "cut"])) {
    const { clock, server, socket, response } = await detoured();
    response[how]();
    await until(() => socket.status.state === "waiting");
    assert.equal(server.responses.length, 1);
    await clock.pass(4_000);
    assert.equal(server.responses.length, 2);
  }
});

Deno.test("one that was stable is followed at once even if nothing happened", async () => {
  const { clock, server, response } = await detoured();
  await clock.pass(5_000);
  response.end();
  await until(() => server.responses.length === 2);
});

Deno.test("a WebSocket is tried beside it at once, and takes over if it gets through", async () => {
  const { server, memory, socket, response } = await detoured();
  assert.equal(server.lines.length, 3);
  server.line.accept();
  assert.equal(server.lines[2].hungUp, 1000);
  assert.ok(response.left);
  server.line.accept();
  assert.deepEqual(server.line.received, [{ type: "resume", lastEventId: "e-5" }]);
  server.line.say({ type: "resumed", id: "e-5", replayed: 0 });
  assert.equal(now(socket), "open over websocket");
  assert.equal(memory.size, 0);
});

Deno.test("it takes over also while the line over HTTP is catching up, as after a restart", async () => {
  const all = page();
  const { clock, server, socket } = all;
  const response = await refused(all);
  response.accept();
  await until(() => socket.status.state === "resuming");
  await clock.pass(0);
  server.line.accept();
  assert.ok(response.left);
  server.line.accept();
  server.line.say({ type: "resumed", id: "e-5", replayed: 0 });
  assert.equal(now(socket), "open over websocket");
});

for (const how of ["refused", "silent"]) {
  Deno.test(`a network that blocks WebSockets (${how}) is asked again after 5 minutes`, async () => {
    const { clock, server, memory, socket } = await detoured();
    how === "refused" ? server.line.end(1006) : await clock.pass(10_000);
    assert.equal(memory.size, 1);
    for (let beat = 1; beat <= 14; beat++) {
      await clock.pass(20_000);
      server.responses[0].say({ type: "heartbeat", id: "e-5", beat });
      await until(() => socket.lastMessage?.beat === beat);
    }
    assert.equal(server.lines.length, 3);
    await clock.pass(20_000);
    assert.equal(server.lines.length, 4);
    server.line.accept();
    assert.equal(socket.status.transport, "websocket");
    assert.equal(memory.size, 0);
  });
}

Deno.test("the next page goes over HTTP at once, and asks when it is time", async () => {
  const memory = new Memory([["websockets are blocked until", String(1_000_000 + 10_000)]]);
  const { clock, server, socket } = page({ memory });
  socket.connect();
  const [response] = server.responses;
  response.accept();
  response.say({ type: "resumed", id: "e-5", replayed: 0 });
  await until(() => socket.connected);
  await clock.pass(9_900);
  assert.equal(server.lines.length, 0);
  await clock.pass(200);
  assert.equal(server.lines.length, 1);
});

for (
  const [status, reason] of /** @type {[number, string][]} */ ([
    [400, "protocol"],
    [401, "signed_out"],
    [403, "revoked"],
    [429, "too_many"],
  ])
) {
  Deno.test(`a refusal with ${status} stops: ${reason}`, async () => {
    const all = page();
    (await refused(all)).refuse(status);
    await until(() => all.socket.status.state === "stopped");
    assert.equal(all.socket.status.reason, reason);
    await all.clock.pass(10 * MINUTES);
    assert.equal(all.server.responses.length, 1);
  });
}

Deno.test("what others answer in the server's place stops nothing", async () => {
  for (
    const [status, type] of /** @type {[number, string][]} */ ([[403, "text/html"], [200, ""]])
  ) {
    const all = page();
    (await refused(all)).refuse(status, type);
    await until(() => all.socket.status.state === "waiting");
  }
});

Deno.test("an overloaded server is left alone for 5 s", async () => {
  const all = page({ random: () => 0 });
  all.socket.connect();
  all.server.line.end(1006);
  await all.clock.pass(0);
  all.server.line.end(1006);
  await all.clock.pass(0);
  all.server.responses[0].refuse(503);
  await until(() => all.socket.status.state === "waiting");
  assert.equal(all.socket.status.retryAt - all.clock.now(), 5_000);
});

Deno.test("the end that the server announces counts, not that of the response", async () => {
  const { socket, response } = await detoured();
  response.say({ type: "session_update", status: "revoked", expiresIn: 0 });
  response.say({ type: "closing", code: 4403, reason: "Your session was ended." });
  response.end();
  await until(() => socket.status.state === "stopped");
  assert.equal(socket.status.reason, "revoked");
});

Deno.test("a restart waits as long as the server asked", async () => {
  const { clock, socket, response } = await detoured({ random: () => 0.5 });
  response.say({ type: "closing", code: 1012, reason: "restart", retryAfterMs: 1_500 });
  response.end();
  await until(() => socket.status.state === "waiting");
  assert.ok(socket.status.retryAt - clock.now() >= 1_500);
});

Deno.test("a response that says nothing, not even a heartbeat, is dead", async () => {
  const { clock, server, socket } = await detoured();
  await clock.pass(24_000);
  server.responses[0].say({ type: "heartbeat", id: "e-5" });
  await until(() => socket.lastMessage?.type === "heartbeat");
  await clock.pass(34_900);
  assert.ok(socket.connected);
  await clock.pass(200);
  assert.equal(socket.status.state, "waiting");
  assert.ok(server.responses[0].left);
});

Deno.test("a tab that nobody looks at leaves its connection to others", async () => {
  let hidden = false;
  const { clock, server, socket, response } = await detoured({ isHidden: () => hidden });
  server.line.end(1006);
  hidden = true;
  socket.rest();
  await clock.pass(1_000);
  assert.equal(now(socket), "resting over http");
  assert.ok(response.left);
  await clock.pass(20_000);
  const [, second] = server.responses;
  second.accept();
  second.say(news(6));
  second.say({ type: "resumed", id: "e-6", replayed: 1 });
  await until(() => socket.connected);
  await clock.pass(1_000);
  assert.equal(now(socket), "resting over http");
  hidden = false;
  socket.check();
  assert.equal(server.responses[2].url, "/events?after=e-6");
});

Deno.test("coming to the front asks for a new response", async () => {
  const { server, socket, response } = await detoured();
  socket.check();
  assert.ok(response.left);
  assert.equal(server.responses.length, 2);
});

Deno.test("closing leaves the response, and the WebSocket that is tried", async () => {
  const { clock, server, socket, response } = await detoured();
  socket.close();
  assert.ok(response.left);
  assert.equal(server.line.hungUp, 1000);
  await clock.pass(10 * MINUTES);
  assert.equal(server.responses.length + server.lines.length, 4);
});
