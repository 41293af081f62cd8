// 2,000 tabs that run the page's own socket.js, over the WebSocket of Node.
// First line of stdin: {port, sockets: [{path, headers}]} as JSON. Prints {"ready": n} when all are
// open. A line {"last": n} is answered once every tab has had every event up to that number, each
// once and in order: {"lost", "doubled", "resyncs", "attempts", "opened", "done"}, the last two the
// unix ms at which the last tab was open again, and had everything.
import { registerHooks } from "node:module";
import readline from "node:readline";

// As the import map of the pages has it.
const ours = new URL("../realtime/static/realtime/", import.meta.url);
registerHooks({
  resolve: (name, context, next) =>
    next(name.startsWith("realtime/") ? new URL(name.slice(9), ours).href : name, context),
});
const { LiveSocket } = await import("realtime/socket.js");

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value);
const now = () => performance.timeOrigin + performance.now();
const result = { lost: 0, doubled: 0, resyncs: 0, attempts: 0, opened: 0, done: 0 };
const tabs = [];
let last = Infinity;
let finish = () => {};

class Tab {
  number = 0;
  open = false;

  constructor(spec) {
    const { headers } = spec;
    class Line extends WebSocket {
      constructor(url) {
        super(url, { headers });
        result.attempts++;
      }
    }
    this.socket = new LiveSocket({ url: `ws://localhost:${job.port}/ws`, WebSocket: Line });
    this.socket.on("bench", (event) => this.#event(event));
    this.socket.on("resync", ({ reason }) => void (result.resyncs += reason === "page" ? 0 : 1));
    this.socket.watch(({ state }) => {
      if ((state === "open") === this.open) return;
      this.open = state === "open";
      if (this.open && tabs.every((tab) => tab.open)) result.opened = now();
    });
  }

  #event({ n }) {
    if (n <= this.number) result.doubled++;
    else result.lost += n - this.number - 1;
    this.number = Math.max(n, this.number);
    if (n === last) look();
  }
}

function look() {
  if (!tabs.every((tab) => tab.open && tab.number === last)) return;
  result.done = now();
  finish();
}

for (const [index, spec] of job.sockets.entries()) {
  tabs.push(new Tab(spec));
  tabs.at(-1).socket.connect();
  if (index % 20 === 19) await new Promise((go) => setTimeout(go, 20));
}
while (!tabs.every((tab) => tab.open)) await new Promise((go) => setTimeout(go, 50));
result.attempts = 0;
console.log(JSON.stringify({ ready: tabs.length }));

({ last } = JSON.parse((await lines.next()).value));
const all = new Promise((go) => (finish = go));
look();
await Promise.race([all, new Promise((go) => setTimeout(go, 60_000))]);
result.lost += tabs.reduce((sum, tab) => sum + Math.max(0, last - tab.number), 0);
process.stdout.write(JSON.stringify(result) + "\n", () => process.exit(0));
