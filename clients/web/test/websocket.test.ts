// When the WebSocket transport connects, and where its calls go, over sockets in memory.

import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat, SayReplySchema } from "../examples/chat/src/generated/chat_pb.js";
import { createClient, type Client } from "../src/client.js";
import { Code } from "../src/code.js";
import { ErrorCode } from "../src/native/error.js";
import { WebSocketTransport, type ConnectionState, type WebSocketOptions } from "../src/websocket.js";
import type { WebSocketLike } from "../src/websocket/connection.js";
import { FakePeer } from "./native/fake_server.js";
import { fails } from "./rpc_error.js";

const SAY = { room: "lobby", author: "ann", text: "hi" };
const REPLY = toBinary(SayReplySchema, create(SayReplySchema, { number: 7n }));

class FakeSocket implements WebSocketLike {
  binaryType = "blob";
  protocol = "zrpc.v1";
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  closedWith: number | undefined;
  readonly peer = new FakePeer((bytes) => this.onmessage?.({ data: bytes.slice().buffer } as never));

  send(bytes: Uint8Array): void {
    this.peer.receive(bytes);
  }

  close(code?: number): void {
    this.closedWith ??= code;
  }

  /** The server accepts, and says HELLO. */
  accept(): this {
    this.onopen?.({} as never);
    this.peer.greet();
    return this;
  }

  /** The connection is refused, or lost. */
  lose(): void {
    this.onclose?.({ code: 1006, reason: "" } as never);
  }
}

interface Setup {
  client: Client<typeof Chat>;
  transport: WebSocketTransport;
  states: ConnectionState[];
  /** The next socket that the transport opens. */
  socket(): Promise<FakeSocket>;
}

function setup(options: Partial<WebSocketOptions> = {}): Setup {
  const sockets: FakeSocket[] = [];
  let wake = (): void => {};
  const states: ConnectionState[] = [];
  class Socket extends FakeSocket {
    constructor(_url: string, protocols: string[]) {
      super();
      assert.deepEqual(protocols, ["zrpc.v1"]);
      sockets.push(this);
      wake();
    }
  }
  const onState = (state: ConnectionState): number => states.push(state);
  const transport = new WebSocketTransport({ url: "ws://server.test/", WebSocket: Socket, onState, ...options });
  const socket = async (): Promise<FakeSocket> => {
    for (let found; ; await new Promise<void>((resolve) => (wake = resolve))) {
      if ((found = sockets.shift())) return found;
    }
  };
  return { client: createClient(Chat, transport), transport, states, socket };
}

function answer(socket: FakeSocket, call: number): void {
  socket.peer.message(call, REPLY);
  socket.peer.end(call);
}

test("the first call connects, and later ones use the same connection", async () => {
  const { client, states, socket } = setup();
  const first = client.say(SAY);
  const { peer } = (await socket()).accept();
  await peer.came();
  const second = client.say(SAY);
  assert.deepEqual((await peer.came()).map((frame) => frame.type === "call" && frame.call), [2]);
  for (const call of [2, 1]) {
    peer.message(call, REPLY);
    peer.end(call);
  }
  assert.deepEqual([(await first).number, (await second).number], [7n, 7n]);
  assert.deepEqual(states, ["connecting", "ready"]);
});

test("a connection that is refused fails the calls that waited for it; the next call tries again", async () => {
  const { client, states, socket } = setup();
  const refused = fails(client.say(SAY), Code.UNAVAILABLE, /cannot connect to ws:\/\/server.test\/: is the server running/);
  (await socket()).lose();
  await refused;
  const next = client.say(SAY);
  const second = (await socket()).accept();
  await second.peer.came();
  answer(second, 1);
  assert.equal((await next).number, 7n);
  assert.deepEqual(states, ["connecting", "idle", "connecting", "ready"]);
});

test("a lost connection ends its calls, and the next call makes another", async () => {
  const { client, states, socket } = setup();
  const lost = fails(client.say(SAY), Code.UNAVAILABLE, /was lost \(close code 1006\)/);
  const first = (await socket()).accept();
  await first.peer.came();
  first.lose();
  await lost;
  const next = client.say(SAY);
  const second = (await socket()).accept();
  await second.peer.came();
  answer(second, 1);
  await next;
  assert.deepEqual(states, ["connecting", "ready", "idle", "connecting", "ready"]);
});

test("a call that a draining server has not seen is made again on a new connection", async () => {
  const { client, socket } = setup();
  const seen = client.say(SAY);
  const unseen = client.say(SAY);
  const first = (await socket()).accept();
  await first.peer.came();
  first.peer.send({ type: "goaway", last: 1, code: ErrorCode.NO_ERROR, text: "" });
  const second = (await socket()).accept();
  await second.peer.came();
  answer(second, 1);
  answer(first, 1);
  assert.deepEqual([(await seen).number, (await unseen).number], [7n, 7n]);
  assert.equal(first.closedWith, 1000, "the drained connection closes after its last call");
});

test("a stream whose requests are gone is not made again", async () => {
  const { client, socket } = setup();
  const reply = fails(client.import([]), Code.UNAVAILABLE, /REFUSED/);
  const { peer } = (await socket()).accept();
  await peer.came();
  peer.send({ type: "reset", call: 1, code: ErrorCode.REFUSED, text: "" });
  await reply;
});

test("a deadline ends a call that waits for its connection", async () => {
  const { client, transport, socket } = setup();
  await fails(client.say(SAY, { timeoutMs: 1 }), Code.DEADLINE_EXCEEDED, /deadline of 1 ms/);
  assert.ok(await socket());
  transport.close();
});

test("a server that speaks another subprotocol is left", async () => {
  const { client, socket } = setup();
  const reply = fails(client.say(SAY), Code.UNAVAILABLE, /does not speak zrpc.v1/);
  const first = await socket();
  first.protocol = "";
  first.accept();
  await reply;
  assert.equal(first.closedWith, 1000);
});

test("a server that says nothing is left after the time for connecting", async () => {
  const { client, socket } = setup({ connectTimeoutMs: 1 });
  const reply = fails(client.say(SAY), Code.UNAVAILABLE, /did not answer within 1 ms/);
  (await socket()).onopen?.({} as never);
  await reply;
});

test("a silent server is asked for a sign of life while calls wait for it", async () => {
  const { client, socket } = setup({ heartbeatMs: 1 });
  const reply = client.say(SAY);
  const { peer } = (await socket()).accept();
  let isAsked = false;
  while (!isAsked) isAsked = (await peer.came()).some((frame) => frame.type === "ping");
  peer.send({ type: "pong", token: new Uint8Array(8) });
  peer.message(1, REPLY);
  peer.end(1);
  await reply;
});

test("leaving a stream resets its call", async () => {
  const { client, socket } = setup();
  const lines = client.listen({ room: "lobby" });
  const { peer } = (await socket()).accept();
  await peer.came();
  peer.message(1, new Uint8Array());
  for await (const line of lines) {
    assert.equal(line.room, "");
    break;
  }
  assert.deepEqual((await peer.came()).map((frame) => frame.type), ["reset"]);
});

test("a closed transport lets its calls end, and takes no more", async () => {
  const { client, transport, socket } = setup();
  const going = client.say(SAY);
  const first = (await socket()).accept();
  await first.peer.came();
  transport.close();
  await fails(client.say(SAY), Code.UNAVAILABLE, /was closed/);
  answer(first, 1);
  assert.equal((await going).number, 7n);
  assert.equal(first.closedWith, 1000);
});
