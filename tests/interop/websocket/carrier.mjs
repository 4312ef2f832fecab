// Node's ws calls a service of ours by hand: JSON, as docs/native-protocol.md has it.
//
//   node carrier.mjs PORT        of an interop-server

import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { runCases } from "./run_cases.mjs";

const SERVICE = "/grpc.testing.TestService";
const SIZES = [31415, 9, 2653, 58979];
const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/`, ["zrpc.v1+json"]);
const calls = new Map();

const say = (frame) => socket.send(JSON.stringify(frame));
socket.on("message", (data, isBinary) => {
  assert.equal(isBinary, false);
  for (const frame of [JSON.parse(data.toString())].flat()) {
    const { call } = frame;
    if (!calls.has(call)) continue;
    const { messages, resolve } = calls.get(call);
    if ("message" in frame) {
      messages.push(frame.message);
      if (!("end" in frame)) say({ credit: { call, amount: 32 + frame.size } });
    }
    if ("end" in frame) resolve({ messages, end: frame.end });
  }
});
socket.on("close", (code, reason) => {
  console.log(`FAILED the connection is closed: ${code} ${reason}`);
  process.exit(1);
});

// The messages and the status of a call.
function call(method, message, head = {}) {
  const number = calls.size + 1;
  return new Promise((resolve) => {
    calls.set(number, { messages: [], resolve });
    say({ call: number, head: { path: `${SERVICE}/${method}`, ...head }, message, end: true });
  });
}

const sizes = (messages) => messages.map(({ payload }) => Buffer.from(payload.body, "base64").length);

const cases = {
  async a_unary_call() {
    const { messages, end } = await call("UnaryCall", { responseSize: 1000, payload: { body: "aGk=" } });
    assert.deepEqual([sizes(messages), end], [[1000], { code: 0 }]);
  },
  async a_stream_of_answers() {
    const asked = { responseParameters: SIZES.map((size) => ({ size })) };
    const { messages, end } = await call("StreamingOutputCall", asked);
    assert.deepEqual([sizes(messages), end], [SIZES, { code: 0 }]);
  },
  async a_status_with_its_message() {
    const { messages, end } = await call("UnaryCall", { responseStatus: { code: 2, message: "grüßt 😈" } });
    assert.deepEqual([messages, end], [[], { code: 2, message: "grüßt 😈" }]);
  },
  async metadata_comes_back() {
    const metadata = { "x-grpc-test-echo-initial": ["there"], "x-grpc-test-echo-trailing-bin": ["q6ur"] };
    const { end } = await call("UnaryCall", { responseSize: 1 }, { metadata });
    assert.deepEqual(end, { code: 0, metadata: { "x-grpc-test-echo-trailing-bin": ["q6ur"] } });
  },
  async twenty_streams_at_once() {
    const asked = { responseParameters: SIZES.map((size) => ({ size })) };
    const streams = await Promise.all(Array.from({ length: 20 }, () => call("StreamingOutputCall", asked)));
    for (const { messages, end } of streams) assert.deepEqual([sizes(messages), end], [SIZES, { code: 0 }]);
  },
};

await new Promise((resolve) => socket.on("open", resolve));
assert.equal(socket.protocol, "zrpc.v1+json");
await runCases(cases);
