// The client's side of a native connection against a server that is moved by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../../src/code.js";
import { cancelledError, deadlineError, Ending } from "../../src/deadline.js";
import { Metadata } from "../../src/metadata.js";
import { ErrorCode } from "../../src/native/error.js";
import type { CallFrame, Frame } from "../../src/native/frame.js";
import { DEFAULTS } from "../../src/native/settings.js";
import { RpcError } from "../../src/status.js";
import { hex, toHex } from "../bytes.js";
import { fails } from "../rpc_error.js";
import { FakeServer } from "./fake_server.js";

const REQUEST = hex("68 69");

function calls(frames: Frame[]): CallFrame[] {
  return frames.filter((frame) => frame.type === "call");
}

function lengths(frames: Frame[]): number[] {
  return calls(frames).map((frame) => frame.message?.length ?? -1);
}

/** Requests that are given out one by one, and end when they are told to. */
function requests(): { stream: AsyncIterable<Uint8Array>; push(bytes: Uint8Array): void; end(): void; wasLeft: () => boolean } {
  const queue: Uint8Array[] = [];
  let isEnded = false;
  let wasLeft = false;
  let wake = (): void => {};
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    while (queue.length === 0 && !isEnded) await new Promise<void>((resolve) => (wake = resolve));
    const value = queue.shift();
    return value ? { done: false, value } : { done: true, value: undefined };
  };
  const leave = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    wasLeft = true;
    return { done: true, value: undefined };
  };
  return {
    stream: { [Symbol.asyncIterator]: () => ({ next, return: leave }) },
    push: (bytes) => (queue.push(bytes), wake()),
    end: () => ((isEnded = true), wake()),
    wasLeft: () => wasLeft,
  };
}

test("a client says its preface and HELLO at once, and starts calls after the server's HELLO", async () => {
  const server = new FakeServer();
  server.start(REQUEST);
  assert.deepEqual((await server.came()).map((frame) => frame.type), ["hello"]);
  server.greet();
  assert.deepEqual((await server.came()).map((frame) => frame.type), ["call"]);
  assert.deepEqual(server.events, ["ready"]);
});

test("a unary request is one frame, and its answer is read from one", async () => {
  const server = await FakeServer.greeting();
  let trailers: Metadata | undefined;
  const replies = server.start(REQUEST, { onTrailers: (metadata) => (trailers = metadata) });
  const [frame, ...others] = calls(await server.came());
  assert.equal(others.length, 0);
  assert.deepEqual([frame?.call, frame?.head?.path, frame?.isEnd, toHex(frame?.message ?? hex(""))], [1, "/a.B/C", true, "68 69"]);
  const status = { code: 0, message: "", details: hex(""), metadata: new Metadata({ "x-cost": "3" }) };
  server.message(1, hex("6f 6b"), { isEnd: true, status });
  assert.equal(toHex((await replies.next()).value ?? hex("")), "6f 6b");
  assert.equal((await replies.next()).done, true);
  assert.equal(trailers?.get("x-cost"), "3");
  assert.equal(server.session.callCount, 0);
});

test("an error carries the server's code, message, details and metadata", async () => {
  const server = await FakeServer.greeting();
  const replies = server.start(REQUEST);
  server.end(1, { code: Code.NOT_FOUND, message: "no such room", details: hex("08 05"), metadata: new Metadata({ "x-room": "7" }) });
  const error = await fails(replies.next(), Code.NOT_FOUND, /^no such room$/);
  assert.equal(toHex(error.rawDetails), "08 05");
  assert.equal(error.metadata.get("x-room"), "7");
});

test("replies that came before an error are read before it", async () => {
  const server = await FakeServer.greeting();
  const replies = server.start(REQUEST);
  server.message(1, hex("01"));
  server.end(1, { code: Code.DATA_LOSS, message: "the rest is gone" });
  assert.equal((await replies.next()).value?.[0], 1);
  await fails(replies.next(), Code.DATA_LOSS, /the rest is gone/);
});

test("a slow reader holds the server back: credit goes back only for what was taken", async () => {
  const server = await FakeServer.greeting({ initialCredit: 4096 });
  const replies = server.start(REQUEST);
  await server.came();
  for (let count = 0; count < 4; count++) server.message(1, new Uint8Array(992));
  assert.deepEqual(await server.came(), [], "nothing was read, so nothing is given back");
  await replies.next();
  assert.deepEqual(await server.came(), [], "less than half of the credit is not worth a frame");
  await replies.next();
  assert.deepEqual(await server.came(), [{ type: "credit", call: 1, amount: 2048 }]);
});

test("a server that sends more than its credit has its call reset, and the connection lives", async () => {
  const server = await FakeServer.greeting({ initialCredit: 1024 });
  const replies = server.start(REQUEST);
  server.message(1, new Uint8Array(993));
  await fails(replies.next(), Code.INTERNAL, /for 1025 where it had credit of 1024/);
  const reset = (await server.came()).at(-1);
  assert.deepEqual([reset?.type, reset?.type === "reset" && reset.code], ["reset", ErrorCode.FLOW_CONTROL]);
  assert.equal(server.session.takesCalls, true);
});

test("a message longer than all credit comes in parts, whose credit goes back as they arrive", async () => {
  const server = await FakeServer.greeting({ initialCredit: 2048 });
  const replies = server.start(REQUEST);
  await server.came();
  const whole = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
  server.message(1, whole.subarray(0, 1500), { hasMore: true, rest: 3500 });
  assert.deepEqual(await server.came(), [{ type: "credit", call: 1, amount: 1532 }]);
  server.message(1, whole.subarray(1500, 3500), { hasMore: true, rest: 1500 });
  assert.deepEqual(await server.came(), [{ type: "credit", call: 1, amount: 2000 }]);
  server.message(1, whole.subarray(3500));
  assert.deepEqual((await replies.next()).value, whole);
});

test("a part counts as taken only when no whole message waits in front of it", async () => {
  const server = await FakeServer.greeting({ initialCredit: 2048 });
  const replies = server.start(REQUEST);
  await server.came();
  server.message(1, new Uint8Array(68));
  server.message(1, new Uint8Array(1868), { hasMore: true, rest: 1132 });
  assert.deepEqual(await server.came(), []);
  await replies.next();
  assert.deepEqual(await server.came(), [{ type: "credit", call: 1, amount: 2000 }]);
});

for (const [what, parts] of [
  ["more than", [10, 10]],
  ["less than", [10, 5]],
] as const) {
  test(`parts that add up to ${what} what was announced are an error of the call`, async () => {
    const server = await FakeServer.greeting();
    const replies = server.start(REQUEST);
    server.message(1, new Uint8Array(parts[0]), { hasMore: true, rest: 8 });
    server.message(1, new Uint8Array(parts[1]));
    await fails(replies.next(), Code.INTERNAL, /where 8 were to come/);
  });
}

test("a reply above the limit is refused before it is gathered", async () => {
  const server = await FakeServer.greeting({ maxMessageBytes: 100 });
  const replies = server.start(REQUEST);
  server.message(1, new Uint8Array(10), { hasMore: true, rest: 91 });
  await fails(replies.next(), Code.RESOURCE_EXHAUSTED, /101 bytes is more than the 100/);
});

test("a request longer than the server's credit is sent in parts as credit comes", async () => {
  const server = await FakeServer.greeting({}, { initialCredit: 4096 });
  server.start(new Uint8Array(10_000));
  const first = calls(await server.came());
  assert.deepEqual(lengths(first), [-1, 4064]);
  assert.deepEqual([first[1]?.hasMore, first[1]?.rest, first[1]?.isEnd], [true, 5_936, false]);
  server.send({ type: "credit", call: 1, amount: 100 });
  assert.deepEqual(await server.came(), [], "a part of 100 bytes is not worth a frame");
  server.send({ type: "credit", call: 1, amount: 4000 });
  server.send({ type: "credit", call: 1, amount: 4000 });
  const rest = calls(await server.came());
  assert.equal(4064 + lengths(rest).reduce((sum, length) => sum + length), 10_000);
  assert.deepEqual([rest.at(-1)?.hasMore, rest.at(-1)?.isEnd], [false, true]);
});

test("a long request is cut to the server's frames", async () => {
  const server = await FakeServer.greeting({}, { initialCredit: 1_000_000, maxFrameBytes: 16_384 });
  server.start(new Uint8Array(40_000));
  const sent = lengths(await server.came());
  assert.equal(sent.slice(1).reduce((sum, length) => sum + length), 40_000);
  assert.ok(Math.max(...sent) <= 16_384);
});

test("a stream of requests is sent as it comes, waits for credit, and ends with END", async () => {
  const server = await FakeServer.greeting({}, { initialCredit: 1024 });
  const { stream, push, end } = requests();
  server.start(stream);
  assert.deepEqual(lengths(await server.came()), [-1]);
  for (let count = 0; count < 3; count++) push(new Uint8Array(400));
  assert.deepEqual(lengths(await server.came()), [400, 400], "the third has to wait");
  server.send({ type: "credit", call: 1, amount: 432 });
  assert.deepEqual(lengths(await server.came()), [400]);
  end();
  assert.deepEqual(await server.came().then((frames) => calls(frames).map((frame) => frame.isEnd)), [true]);
});

test("an empty message costs credit, too", async () => {
  const server = await FakeServer.greeting({}, { initialCredit: 1024 });
  const { stream, push } = requests();
  server.start(stream);
  for (let count = 0; count < 40; count++) push(new Uint8Array());
  assert.equal(lengths(await server.came()).length, 1 + 1024 / 32);
});

test("hanging up resets the call and lets go of its requests", async () => {
  const server = await FakeServer.greeting();
  const { stream, wasLeft } = requests();
  const ending = new Ending(undefined, undefined);
  const replies = server.start(stream, { ending });
  await server.came();
  ending.end(cancelledError());
  assert.deepEqual(await server.came(), [{ type: "reset", call: 1, code: ErrorCode.CANCELLED, text: "" }]);
  await fails(replies.next(), Code.CANCELLED, /cancelled/);
  assert.ok(wasLeft());
  server.message(1, hex("01"));
  assert.equal(server.session.takesCalls, true, "what was on its way is skipped");
});

test("a passed deadline resets the call with DEADLINE, and the head says how long it has", async () => {
  const server = await FakeServer.greeting();
  const ending = new Ending(5000, undefined);
  const replies = server.start(REQUEST, { ending });
  const timeoutUs = calls(await server.came())[0]?.head?.timeoutUs ?? 0;
  assert.ok(timeoutUs > 0 && timeoutUs <= 5_000_000, `${timeoutUs} µs`);
  ending.end(deadlineError(5000));
  assert.deepEqual(await server.came(), [{ type: "reset", call: 1, code: ErrorCode.DEADLINE, text: "" }]);
  await fails(replies.next(), Code.DEADLINE_EXCEEDED, /deadline of 5000 ms/);
});

test("requests that fail cancel the call, and say why", async () => {
  const server = await FakeServer.greeting();
  async function* broken(): AsyncGenerator<Uint8Array, void> {
    yield hex("01");
    throw new Error("the file is gone");
  }
  const replies = server.start(broken());
  const failed = fails(replies.next(), Code.CANCELLED, /the requests of the call failed: the file is gone/);
  assert.equal((await server.came()).at(-1)?.type, "reset");
  await failed;
});

test("a refused call is safe to retry", async () => {
  const server = await FakeServer.greeting();
  const replies = server.start(REQUEST);
  server.send({ type: "reset", call: 1, code: ErrorCode.REFUSED, text: "too many" });
  const error = await fails(replies.next(), Code.UNAVAILABLE, /REFUSED: too many/);
  assert.ok(error.isSafeToRetry);
});

test("calls beyond the server's limit wait for their turn", async () => {
  const server = await FakeServer.greeting({}, { maxCalls: 2 });
  for (let count = 0; count < 3; count++) server.start(REQUEST);
  assert.deepEqual(calls(await server.came()).map((frame) => frame.call), [1, 2]);
  server.end(1);
  assert.deepEqual(calls(await server.came()).map((frame) => frame.call), [3]);
});

test("a drain lets calls go on, takes no more, and closes after the last", async () => {
  const server = await FakeServer.greeting();
  const first = server.start(REQUEST);
  const second = server.start(REQUEST);
  server.send({ type: "goaway", last: Infinity, code: 0, text: "" }, { type: "ping", token: new Uint8Array(8) });
  assert.equal((await server.came()).at(-1)?.type, "pong");
  assert.deepEqual(server.events, ["ready", "draining"]);
  assert.equal(server.session.takesCalls, false);
  server.send({ type: "goaway", last: 1, code: 0, text: "" });
  const unseen = await fails(second.next(), Code.UNAVAILABLE, /takes no more calls/);
  assert.ok(unseen.isSafeToRetry);
  server.message(1, hex("07"));
  server.end(1);
  assert.equal((await first.next()).value?.[0], 7);
  assert.equal((await first.next()).done, true);
  assert.equal(server.closedFor, "");
});

test("a last call that grows from one GOAWAY to the next ends the connection", async () => {
  const server = await FakeServer.greeting();
  server.start(REQUEST);
  server.start(REQUEST);
  server.send({ type: "goaway", last: 1, code: 0, text: "" }, { type: "goaway", last: 2, code: 0, text: "" });
  assert.match(server.error?.reason ?? "", /grew from one GOAWAY to the next/);
});

test("each open call of a lost connection ends as UNAVAILABLE", async () => {
  const server = await FakeServer.greeting();
  const replies = server.start(REQUEST);
  server.session.lost(new RpcError(Code.UNAVAILABLE, "the connection was lost"));
  const error = await fails(replies.next(), Code.UNAVAILABLE, /lost/);
  assert.equal(error.isSafeToRetry, false, "the server may have seen it");
});

test("an error may come in the middle of a message, and drops it", async () => {
  const server = await FakeServer.greeting();
  const replies = server.start(REQUEST);
  server.message(1, hex("01"), { hasMore: true, rest: 1 });
  server.end(1, { code: Code.DATA_LOSS, message: "the rest is gone" });
  await fails(replies.next(), Code.DATA_LOSS, /the rest is gone/);
});

const VIOLATIONS: [string, Frame, RegExp][] = [
  ["a frame on a call that was never opened", { type: "credit", call: 9, amount: 1 }, /never opened/],
  ["a second HELLO", { type: "hello", settings: DEFAULTS }, /come once/],
  ["a PRIORITY", { type: "priority", call: 1, priority: 3 }, /a client's to send/],
  ["attachments", { type: "call", call: 1, message: hex("01"), attachments: 1 }, /attachments/],
];

for (const [what, frame, reason] of VIOLATIONS) {
  test(`${what} from a server ends the connection with GOAWAY`, async () => {
    const server = await FakeServer.greeting();
    server.start(REQUEST);
    await server.came();
    server.send(frame);
    const goaway = (await server.came()).at(-1);
    assert.ok(goaway?.type === "goaway" && goaway.code === ErrorCode.PROTOCOL);
    assert.match(server.error?.reason ?? "", reason);
    assert.match(server.closedFor ?? "", reason);
  });
}

test("a second head, compression that was not offered, and an end inside a message are errors of the call alone", async () => {
  const server = await FakeServer.greeting();
  const sent: (() => void)[] = [
    () => server.send({ type: "call", call: 1, head: { metadata: new Metadata() } }, { type: "call", call: 1, head: { metadata: new Metadata() } }),
    () => server.message(2, hex("01"), { isCompressed: true }),
    () => (server.message(3, hex("01"), { hasMore: true, rest: 1 }), server.end(3)),
  ];
  for (const send of sent) {
    const replies = server.start(REQUEST);
    send();
    await fails(replies.next(), Code.INTERNAL, /head|compressed|middle of a message/);
  }
  assert.equal(server.session.takesCalls, true);
});

test("an application that throws in a listener harms neither call nor connection", async (context) => {
  const thrown: unknown[] = [];
  const queued = context.mock.method(globalThis, "queueMicrotask");
  queued.mock.mockImplementation((task: () => void) => Promise.resolve().then(task).catch((error: unknown) => thrown.push(error)));
  const server = await FakeServer.greeting();
  const replies = server.start(REQUEST, {
    onHead: () => {
      throw new Error("mine");
    },
  });
  server.message(1, hex("01"));
  server.end(1);
  assert.equal((await replies.next()).value?.[0], 1);
  assert.equal((await replies.next()).done, true);
  await server.turn();
  assert.equal(thrown.length, 1);
});
