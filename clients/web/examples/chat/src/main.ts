// The chat page. Where the server is, which room, and who talks stand in the page's address:
// ?server=http://127.0.0.1:50051&room=lobby&name=ann

import { createClient, GrpcWebTransport, WebSocketTransport } from "../../../src/index.js";
import { ListedTransport } from "./calls.js";
import { Chat } from "./generated/chat_pb.js";
import { importLines } from "./import.js";
import { byId, showState } from "./page.js";
import { listen, listenFor, say } from "./room.js";
import { talk } from "./talk.js";

const asked = new URLSearchParams(location.search);
const server = asked.get("server") ?? "http://127.0.0.1:50051";
const room = asked.get("room") ?? "lobby";

// One client for what HTTP can carry, one for all of it; the same generated types for both.
const web = createClient(Chat, new ListedTransport(new GrpcWebTransport({ baseUrl: server }), "gRPC-Web"));
const socket = new WebSocketTransport({
  url: server.replace(/^http/, "ws"),
  onState(state, error) {
    showState("socket-state", error && state === "idle" ? "failed" : state, error ? error.codeName : state, error?.message);
  },
});
const all = createClient(Chat, new ListedTransport(socket, "WebSocket"));

byId("server", HTMLParagraphElement).textContent = server;
byId("room", HTMLSpanElement).textContent = room;
const name = byId("name", HTMLInputElement);
name.value = asked.get("name") ?? "ann";
const author = (): string => name.value || "somebody";

say(web, room, author);
talk(all, room, author);
importLines(all, room);
listenFor(web, room);
showState("socket-state", "idle", "idle");
void socket.connect().catch(() => {
  // The header shows it, and the next call tries again.
});
void listen(web, room, author);
