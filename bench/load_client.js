// Opens many WebSockets and counts what arrives. It reads frames itself, from plain TCP, so that
// the server is what is measured. First line of stdin: what to do, as JSON:
// {port, path, sockets: [{path, headers}], ours, expect, latency, read, hold}
//   ours     our protocol: welcome, resume, acknowledgements; ids must be contiguous
//   expect   events for each socket, then the result is printed
//   latency  events carry `sent` (unix ms); delays are kept
//   deaf     how many of the sockets stop reading once they are resumed
// Prints {"ready": n}, then {"frames", "lost", "seconds", "delays": [p50, p99, max], …}.
import net from "node:net";
import readline from "node:readline";

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value);
const ACK_EVENTS = 50;
const now = () => performance.timeOrigin + performance.now();
const result = { frames: 0, bytes: 0, broken: 0, closed: 0, first: 0, last: 0 };
const delays = [];
let open = 0;
let done = 0;

function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126
    ? Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0])
    : Buffer.from([0x81, 0xfe, body.length >> 8, body.length & 255, 0, 0, 0, 0]);
  return Buffer.concat([head, body]);
}

class Tab {
  constructor(spec, deaf) {
    this.deaf = deaf;
    this.count = 0;
    this.unacknowledged = 0;
    this.offset = -1;
    this.rest = null;
    this.upgraded = false;
    this.socket = net.connect({ port: job.port, host: "127.0.0.1" });
    this.socket.setNoDelay(true);
    const headers = {
      Host: `localhost:${job.port}`,
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version": "13",
      ...spec.headers,
    };
    const text = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.socket.write(`GET ${spec.path} HTTP/1.1\r\n${text}\r\n`);
    this.socket.on("data", (data) => this.received(data));
    this.socket.on("close", () => result.closed++);
    this.socket.on("error", () => {});
  }

  received(data) {
    if (this.rest) data = Buffer.concat([this.rest, data]);
    this.rest = null;
    let at = 0;
    if (!this.upgraded) {
      const end = data.indexOf("\r\n\r\n");
      if (end < 0) return void (this.rest = data);
      if (!data.subarray(0, 12).toString().endsWith("101")) throw new Error(data.toString());
      this.upgraded = true;
      at = end + 4;
      if (!job.ours) this.opened();
    }
    while (data.length - at >= 2) {
      let size = data[at + 1] & 127;
      let start = at + 2;
      if (size === 126) {
        if (data.length - at < 4) break;
        size = data.readUInt16BE(at + 2);
        start = at + 4;
      }
      if (data.length < start + size) break;
      if ((data[at] & 15) === 1) this.text(data, start, start + size);
      else if ((data[at] & 15) === 9) this.socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
      at = start + size;
    }
    if (at < data.length) this.rest = data.subarray(at);
  }

  opened() {
    open++;
    if (this.deaf) this.socket.pause();
    if (open === job.sockets.length) console.log(JSON.stringify({ ready: open }));
  }

  text(data, start, end) {
    if (job.ours && data[start + 2] !== 0x69) return this.control(data.toString("utf8", start, end));
    if (!result.first) result.first = now();
    result.frames++;
    result.bytes += end - start;
    this.count++;
    if (job.ours) {
      const quote = data.indexOf(0x22, start + 7);
      const cursor = data.latin1Slice(start + 7, quote);
      const offset = Number(cursor.slice(cursor.indexOf("-") + 1));
      if (this.offset >= 0 && offset !== this.offset + 1) result.broken++;
      this.offset = offset;
      if (++this.unacknowledged === ACK_EVENTS) this.acknowledge(cursor);
    }
    if (job.latency) delays.push(now() - JSON.parse(data.toString("utf8", start, end)).sent);
    if (this.count === job.expect && ++done === job.sockets.length - (job.deaf ?? 0)) finish();
  }

  control(text) {
    const message = JSON.parse(text);
    if (message.type === "welcome") {
      this.socket.write(frame('{"type":"resume","lastEventId":null}'));
    } else if (message.type === "resumed") this.opened();
    else if (message.type === "resync" || message.type === "closing") result.broken++;
  }

  acknowledge(cursor) {
    this.unacknowledged = 0;
    this.socket.write(frame(`{"type":"ack","id":"${cursor}"}`));
  }
}

function finish() {
  result.last = now();
  result.seconds = (result.last - result.first) / 1000;
  result.lost = job.expect * (job.sockets.length - (job.deaf ?? 0)) - result.frames;
  delays.sort((a, b) => a - b);
  if (delays.length) {
    result.p50 = delays[delays.length >> 1];
    result.p99 = delays[Math.floor(delays.length * 0.99)];
    result.slowest = delays.at(-1);
  }
  process.stdout.write(JSON.stringify(result) + "\n", () => process.exit(0));
}

const tabs = [];
for (const [index, spec] of job.sockets.entries()) {
  tabs.push(new Tab(spec, index < (job.deaf ?? 0)));
  if (index % 50 === 49) await new Promise((go) => setTimeout(go, job.pause ?? 20));
}
// Acknowledge what is left over, as a page does every two seconds; stop when nothing comes.
let seen = -1;
let quiet = 0;
setInterval(() => {
  quiet = result.frames === seen ? quiet + 1 : 0;
  seen = result.frames;
  if (result.first && quiet >= 3) finish();
}, 2000);
const said = await lines.next();
if (said.done || said.value === "end") finish();
