// gRPC-Web against a `fetch` in memory: framing at every cut, statuses, deadlines, and typed calls over it.

import { create, toBinary } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat, LineSchema, SayReplySchema } from "../examples/chat/src/generated/chat_pb.js";
import { createClient, type Client } from "../src/client.js";
import { Code } from "../src/code.js";
import { grpcTimeout, GrpcWebTransport } from "../src/grpc_web.js";
import { framed, WebFrames, type WebFrame } from "../src/grpc_web/frames.js";
import { concat, cuts, hex, randoms } from "./bytes.js";
import { fails } from "./rpc_error.js";
import { RpcError } from "../src/status.js";

const SAY = { room: "lobby", author: "ann", text: "hi" };

function trailers(text: string): Uint8Array {
  const frame = framed(new TextEncoder().encode(text));
  frame[0] = 0x80;
  return frame;
}

const OK = trailers("grpc-status:0\r\n");
const SAY_REPLY = framed(toBinary(SayReplySchema, create(SayReplySchema, { number: 7n })));

interface Asked {
  url: string;
  init: RequestInit;
}

/** A client whose requests are all answered with these chunks. */
function answering(chunks: Uint8Array[], init: ResponseInit = {}): { client: Client<typeof Chat>; asked: Asked[] } {
  const asked: Asked[] = [];
  const fetch = async (url: unknown, request: RequestInit = {}): Promise<Response> => {
    asked.push({ url: String(url), init: request });
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "application/grpc-web+proto" }, ...init });
  };
  const transport = new GrpcWebTransport({ baseUrl: "http://server.test/", fetch: fetch as typeof globalThis.fetch });
  return { client: createClient(Chat, transport), asked };
}

/** A client whose server never answers, but notices when it is left. */
function silent(): { client: Client<typeof Chat>; wasLeft: () => boolean } {
  let wasLeft = false;
  const fetch = (_: unknown, init: RequestInit = {}): Promise<Response> =>
    new Promise((_, reject) => {
      init.signal?.addEventListener("abort", () => {
        wasLeft = true;
        reject(new DOMException("left", "AbortError"));
      });
    });
  const transport = new GrpcWebTransport({ baseUrl: "http://server.test", fetch: fetch as typeof globalThis.fetch });
  return { client: createClient(Chat, transport), wasLeft: () => wasLeft };
}

test("frames are read as they were written, wherever their bytes are cut", () => {
  const body = concat(framed(hex("01 02 03")), framed(hex("")), framed(hex("04")), trailers("grpc-status: 5\r\nGrpc-Message: no%20room\r\nx-a:1\r\n"));
  for (const [head, tail] of cuts(body)) {
    const frames = new WebFrames(1000);
    const read: WebFrame[] = [];
    for (const chunk of [head, tail]) {
      frames.push(chunk);
      for (let frame; (frame = frames.next()) !== undefined; ) read.push(frame);
    }
    assert.deepEqual(read.slice(0, 3).map((frame) => frame.type === "message" && frame.bytes), [hex("01 02 03"), hex(""), hex("04")]);
    const last = read[3];
    assert.ok(last?.type === "trailers" && read.length === 4 && !frames.isMidFrame);
    assert.deepEqual([last.end.code, last.end.message, [...last.end.metadata]], [Code.NOT_FOUND, "no room", [["x-a", "1"]]]);
  }
});

test("hostile bodies are refused with a status, and with nothing else", () => {
  const random = randoms(7);
  for (let round = 0; round < 20_000; round++) {
    const frames = new WebFrames(100);
    const bytes = Uint8Array.from({ length: random(30) }, () => (random(3) === 0 ? random(256) : random(3) * 64));
    try {
      frames.push(bytes);
      while (frames.next() !== undefined);
    } catch (thrown) {
      assert.ok(thrown instanceof RpcError, String(thrown));
    }
  }
});

test("a typed unary call is one request, and its reply is read", async () => {
  const { client, asked } = answering([SAY_REPLY, OK]);
  const heads: unknown[] = [];
  const reply = await client.say(SAY, { metadata: { "x-user": "ann", "k-bin": hex("ff") }, timeoutMs: 1500, onHead: () => heads.push(1) });
  assert.equal(reply.number, 7n);
  assert.equal(heads.length, 1);
  assert.equal(asked[0]?.url, "http://server.test/zrpc.examples.chat.v1.Chat/Say");
  const headers = new Headers(asked[0]?.init.headers);
  assert.deepEqual(
    ["content-type", "x-grpc-web", "grpc-timeout", "x-user", "k-bin"].map((key) => headers.get(key)),
    ["application/grpc-web+proto", "1", "1500m", "ann", "/w"],
  );
});

test("a server stream is read line by line, in any chunks", async () => {
  const lines = [1n, 2n, 3n].map((number) => framed(toBinary(LineSchema, create(LineSchema, { number, at: create(TimestampSchema, { seconds: 5n }) }))));
  const body = concat(...lines, OK);
  const chunks = Array.from(body, (_, at) => body.subarray(at, at + 1));
  const numbers: bigint[] = [];
  for await (const line of answering(chunks).client.listen({ room: "lobby" })) numbers.push(line.number);
  assert.deepEqual(numbers, [1n, 2n, 3n]);
});

test("a status in the header ends a call without a body", async () => {
  const headers = { "content-type": "application/grpc-web+proto", "grpc-status": "3", "grpc-message": "a%C3%A4%zz" };
  await fails(answering([], { headers }).client.say(SAY), Code.INVALID_ARGUMENT, /^aä%zz$/);
});

test("details of a status are found by their type", async () => {
  const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string("type.googleapis.com/google.protobuf.Timestamp");
  any.tag(2, WireType.LengthDelimited).bytes(toBinary(TimestampSchema, create(TimestampSchema, { seconds: 42n })));
  const status = new BinaryWriter().tag(1, WireType.Varint).int32(8).tag(3, WireType.LengthDelimited).bytes(any.finish()).finish();
  const details = btoa(String.fromCharCode(...status));
  const { client } = answering([trailers(`grpc-status: 8\r\ngrpc-status-details-bin: ${details}\r\n`)]);
  const error = await fails(client.say(SAY), Code.RESOURCE_EXHAUSTED, /^$/);
  assert.deepEqual(error.details(TimestampSchema).map((found) => found.seconds), [42n]);
  assert.equal(error.message, "RESOURCE_EXHAUSTED");
});

const ANSWERS: [string, Uint8Array[], ResponseInit, Code, RegExp][] = [
  ["no server of gRPC-Web", [], { status: 404 }, Code.UNIMPLEMENTED, /HTTP status 404/],
  ["a proxy without a server", [], { status: 503 }, Code.UNAVAILABLE, /HTTP status 503/],
  ["a page", [], { headers: { "content-type": "text/html" } }, Code.UNKNOWN, /type text\/html/],
  ["a body that ends early", [SAY_REPLY.subarray(0, 6)], {}, Code.UNAVAILABLE, /in the middle of a message/],
  ["a body without trailers", [SAY_REPLY], {}, Code.UNAVAILABLE, /without its status/],
  ["a compressed reply", [hex("01 00 00 00 00")], {}, Code.INTERNAL, /compressed/],
  ["unknown flags", [hex("02 00 00 00 00")], {}, Code.INTERNAL, /unknown flags 2/],
  ["a reply above the limit", [hex("00 10 00 00 00")], {}, Code.RESOURCE_EXHAUSTED, /raise messageBytesMax/],
  ["OK without a reply", [OK], {}, Code.UNIMPLEMENTED, /none came/],
  ["two replies of a unary call", [SAY_REPLY, SAY_REPLY, OK], {}, Code.UNIMPLEMENTED, /several came/],
  ["bytes of another message", [framed(hex("ff")), OK], {}, Code.INTERNAL, /is no zrpc.examples.chat.v1.SayReply/],
  ["trailers without a status", [SAY_REPLY, trailers("x-a: 1\r\n")], {}, Code.INTERNAL, /no grpc-status/],
];

for (const [what, chunks, init, code, reason] of ANSWERS) {
  test(`${what} fails a call with ${Code[code]}`, async () => {
    await fails(answering(chunks, init).client.say(SAY), code, reason);
  });
}

test("a server that cannot be reached is UNAVAILABLE, and the message says what to look at", async () => {
  const fetch = (): Promise<Response> => Promise.reject(new TypeError("Failed to fetch"));
  const client = createClient(Chat, new GrpcWebTransport({ baseUrl: "http://server.test", fetch }));
  await fails(client.say(SAY), Code.UNAVAILABLE, /cannot reach http:\/\/server.test: is the server running/);
});

test("a deadline ends a call whose server is silent, and the request with it", async () => {
  const { client, wasLeft } = silent();
  await fails(client.say(SAY, { timeoutMs: 1 }), Code.DEADLINE_EXCEEDED, /deadline of 1 ms/);
  assert.ok(wasLeft());
});

test("a signal cancels a call, before it begins as well as later", async () => {
  await fails(silent().client.say(SAY, { signal: AbortSignal.abort() }), Code.CANCELLED, /caller cancelled/);
  const controller = new AbortController();
  const { client, wasLeft } = silent();
  const call = client.say(SAY, { signal: controller.signal });
  controller.abort();
  await fails(call, Code.CANCELLED, /caller cancelled/);
  assert.ok(wasLeft());
});

test("a stream that was never read can be hung up", async () => {
  const { client, wasLeft } = silent();
  await client.listen({ room: "lobby" }).return();
  assert.ok(wasLeft());
});

test("streams of requests are refused with a word on what to use", async () => {
  const { client } = answering([]);
  await fails(client.import([]), Code.UNIMPLEMENTED, /call it over a WebSocketTransport/);
  await fails(client.talk([]).next(), Code.UNIMPLEMENTED, /call it over a WebSocketTransport/);
});

test("timeouts are written in at most eight digits, rounded up", () => {
  assert.deepEqual([0, 0.2, 99_999_999, 100_000_000, 1e13].map(grpcTimeout), ["0m", "1m", "99999999m", "100000S", "2777778H"]);
});
