// A peer: the WebSocket server of the original design, in Node with `ws`, fed by Redis pub/sub.
// Sockets in a map by user; every event is made JSON for every socket, as it was there.
// Arguments: port, URL of Redis.
import http from "node:http";
import { createClient } from "redis";
import { WebSocket, WebSocketServer } from "ws";

const [port, redisUrl] = process.argv.slice(2);
const clients = new Map();
const server = http.createServer();
const wss = new WebSocketServer({ server, path: "/ws" });

wss.on("connection", (ws, req) => {
  const userId = new URL(req.url, "http://localhost").searchParams.get("user");
  if (!clients.has(userId)) clients.set(userId, new Set());
  clients.get(userId).add(ws);
  ws.on("close", () => {
    const own = clients.get(userId);
    own.delete(ws);
    if (own.size === 0) clients.delete(userId);
  });
});

function broadcast(userId, data) {
  for (const client of clients.get(userId) ?? []) {
    if (client.readyState === WebSocket.OPEN) client.send(JSON.stringify(data));
  }
}

const subscriber = createClient({ url: redisUrl });
await subscriber.connect();
await subscriber.pSubscribe("bench:*", (message, channel) => {
  broadcast(channel.slice("bench:".length), JSON.parse(message));
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
