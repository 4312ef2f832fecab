// All four kinds of calls over real sockets. Against the server at ZRPC_CHAT_SERVER (`http://host:port`) where that is
// set, then also in the native protocol on a plain socket; and otherwise against the small server of these tests.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Chat, ImportReply_Reason } from "../examples/chat/src/generated/chat_pb.js";
import { createClient, type Client } from "../src/client.js";
import { Code } from "../src/code.js";
import { GrpcWebTransport } from "../src/grpc_web.js";
import { Outbox } from "../src/outbox.js";
import { WebSocketTransport } from "../src/websocket.js";
import type { WebSocketConstructor } from "../src/websocket/connection.js";
import { ChatServer } from "./chat_server.js";
import { fails } from "./rpc_error.js";
import { TcpTransport } from "./tcp_transport.js";

const given = process.env["ZRPC_CHAT_SERVER"];
// Less than what some of the tests receive; the small server does not look at it.
const CREDIT_BYTES = given === undefined ? 2 ** 30 : 64 * 1024;
let server: ChatServer | undefined;
let transport: WebSocketTransport;
let web: Client<typeof Chat>;
let all: Client<typeof Chat>;
let tcp: TcpTransport | undefined;
let plain: Client<typeof Chat>;

before(async () => {
  server = given === undefined ? new ChatServer(undefined) : undefined;
  const address = given ?? `http://127.0.0.1:${await server?.listen()}`;
  const url = address.replace("http", "ws");
  transport = new WebSocketTransport({ url, WebSocket: WebSocket as unknown as WebSocketConstructor, creditBytes: CREDIT_BYTES });
  web = createClient(Chat, new GrpcWebTransport({ baseUrl: address }));
  all = createClient(Chat, transport);
  if (given !== undefined) {
    const { hostname, port } = new URL(address);
    tcp = new TcpTransport(hostname, Number(port), { initialCredit: CREDIT_BYTES });
    plain = createClient(Chat, tcp);
  }
});

after(() => {
  transport.close();
  tcp?.close();
  server?.close();
});

/** Waits until a line is in the room. */
async function isSaid(client: Client<typeof Chat>, room: string, text: string): Promise<void> {
  for await (const line of client.listen({ room, backlog: 100 })) {
    if (line.text === text) return;
  }
}

const duplex: [string, () => Client<typeof Chat>][] = [["WebSocket", () => all]];
if (given !== undefined) duplex.push(["TCP", () => plain]);
const clients: [string, () => Client<typeof Chat>][] = [["gRPC-Web", () => web], ...duplex];

for (const [name, client] of clients) {
  test(`over ${name} a line is said and its number comes back`, async () => {
    const room = `unary-${name}`;
    const first = await client().say({ room, author: "ann", text: "hello" });
    const second = await client().say({ room, author: "ann", text: "again" }, { timeoutMs: 5000, metadata: { "x-user": "ann" } });
    assert.equal(second.number, first.number + 1n);
  });

  test(`over ${name} an empty line is refused with the service's status`, async () => {
    await fails(client().say({ room: "errors", author: "ann", text: "" }), Code.INVALID_ARGUMENT, /REASON_EMPTY/);
  });

  test(`over ${name} a room is heard live, until its listener leaves`, async () => {
    const room = `live-${name}`;
    await client().say({ room, author: "ann", text: "before" });
    const heard: string[] = [];
    for await (const line of client().listen({ room, backlog: 1 }, { timeoutMs: 10_000 })) {
      heard.push(line.text);
      if (heard.length === 4) break;
      await client().say({ room, author: "bob", text: `answer ${heard.length}` });
    }
    assert.deepEqual(heard, ["before", "answer 1", "answer 2", "answer 3"]);
  });

  test(`over ${name} a stream ends with its deadline`, async () => {
    const lines = client().listen({ room: `late-${name}` }, { timeoutMs: 100 });
    await fails(lines.next(), Code.DEADLINE_EXCEEDED, /./);
  });
}

for (const [name, client] of duplex) {
  test(`over ${name} lines are imported as a stream, and counted`, async () => {
    const room = `import-${name}`;
    const reply = await client().import(["one", "two", "", "three"].map((text) => ({ room, author: "cid", text })));
    assert.deepEqual([reply.received, reply.accepted], [4n, 3n]);
    assert.deepEqual(reply.rejections.map(({ index, reason }) => [index, reason]), [[2n, ImportReply_Reason.EMPTY]]);
  });

  test(`over ${name} two people talk, each on one call, and hang up`, async () => {
    const room = `talk-${name}`;
    const [anns, bobs] = [new Outbox<{ room: string; author: string; text: string }>(), new Outbox<{ room: string; author: string; text: string }>()];
    const [toAnn, toBob] = [client().talk(anns), client().talk(bobs)];
    await anns.send({ room, author: "ann", text: "is anybody here?" });
    // A call hears from its first word on; once that is in the room, nothing that follows is missed.
    await isSaid(client(), room, "is anybody here?");
    await bobs.send({ room, author: "bob", text: "I am" });
    assert.equal((await toAnn.next()).value?.text, "I am");
    await anns.send({ room, author: "ann", text: "good" });
    assert.equal((await toBob.next()).value?.text, "good");
    anns.end();
    assert.equal((await toAnn.next()).done, true);
    await toBob.return();
  });

  test(`over ${name} a thousand lines come in order, though more than the credit of a stream`, async () => {
    const room = `many-${name}`;
    const text = "x".repeat(900);
    async function* lines(): AsyncGenerator<{ room: string; author: string; text: string }> {
      for (let count = 0; count < 1000; count++) yield { room, author: String(count), text };
    }
    assert.equal((await client().import(lines())).accepted, 1000n);
    const authors: string[] = [];
    for await (const line of client().listen({ room, backlog: 1000 })) {
      authors.push(line.author);
      if (authors.length === 1000) break;
    }
    assert.deepEqual(authors, Array.from({ length: 1000 }, (_, index) => String(index)));
  });

  test(`over ${name} messages longer than all credit travel in parts, both ways`, { skip: given === undefined }, async () => {
    const room = `long-${name}`;
    const text = "y".repeat(1_000_000);
    const long = await client().import([{ room, author: "cid", text }, { room, author: "cid", text: "short" }]);
    assert.equal(long.received, 2n);
    const nothing = Array.from({ length: 20_000 }, () => ({ room, author: "cid", text: "" }));
    const many = await client().import(nothing);
    assert.deepEqual([many.received, many.rejections.length], [20_000n, 20_000]);
  });
}
