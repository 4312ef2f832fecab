// The binary encoding of the native protocol: numbers, the specification's own example, round trips, hostile bytes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata } from "../../src/metadata.js";
import { Reader, varintAt, Writer } from "../../src/native/bytes.js";
import { ErrorCode, NativeError } from "../../src/native/error.js";
import { readFrame, writeFrame, type DecoderState, type Frame } from "../../src/native/frame.js";
import { ReceivedNames, SentNames } from "../../src/native/names.js";
import { DEFAULTS } from "../../src/native/settings.js";
import { FrameStream } from "../../src/native/stream.js";
import { concat, cuts, hex, randoms, toHex } from "../bytes.js";

const FRAME_BYTES_MAX = 65_536;

function decoder(from: "client" | "server", namesMax = 128): DecoderState {
  return { from, names: new ReceivedNames(namesMax), metadataBytesMax: 16_384 };
}

function encoded(names: SentNames, ...frames: Frame[]): Uint8Array {
  const writer = new Writer();
  for (const frame of frames) writeFrame(frame, names, writer);
  return writer.take();
}

function decoded(bytes: Uint8Array, state: DecoderState): (Frame | undefined)[] {
  const stream = new FrameStream(FRAME_BYTES_MAX);
  stream.push(bytes);
  const frames = [];
  for (let frame; (frame = stream.next()) !== undefined; ) frames.push(readFrame(frame, state));
  assert.ok(stream.isEmpty, "every byte belongs to a frame");
  return frames;
}

function remembering(max: number): SentNames {
  const names = new SentNames();
  names.max = max;
  return names;
}

test("rfc9000_16_varints_of_the_rfc_are_read", () => {
  const examples: [string, number, number][] = [
    ["9d 7f 3e 7d", 494_878_333, 4],
    ["7b bd", 15_293, 2],
    ["25", 37, 1],
    ["40 25", 37, 2],
    ["c2 19 7c 5e ff 14 e8 8c", Infinity, 8],
    ["c0 1f ff ff ff ff ff ff", Number.MAX_SAFE_INTEGER, 8],
  ];
  for (const [bytes, value, length] of examples) {
    assert.deepEqual(varintAt(hex(bytes), 0), { value, length });
    assert.equal(varintAt(hex(bytes).slice(0, -1), 0), undefined, "a varint that is not all there");
  }
});

test("varints are written in the shortest form and read back", () => {
  for (const value of [0, 1, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
    const bytes = new Writer().varint(value).take();
    assert.equal(new Reader(bytes).varint(), value);
    assert.equal(bytes.length, value < 64 ? 1 : value < 16_384 ? 2 : value < 2 ** 30 ? 4 : 8);
  }
});

test("the example of the specification is encoded byte for byte", () => {
  const names = remembering(1);
  const head = { path: "/a.B/C", metadata: new Metadata() };
  const call = (id: number): Frame => ({ type: "call", call: id, head, message: hex("68 69"), isEnd: true });
  assert.equal(toHex(encoded(names, call(1))), "0c 8b 01 00 19 2f 61 2e 42 2f 43 68 69");
  assert.equal(toHex(encoded(names, call(2))), "06 8b 02 00 02 68 69");
  const answer = decoded(hex("05 8a 02 00 6f 6b"), decoder("server"))[0];
  assert.ok(answer?.type === "call");
  assert.deepEqual([answer.call, answer.isEnd, answer.status?.code, toHex(answer.message ?? hex(""))], [2, true, 0, "6f 6b"]);
});

const metadata = new Metadata({ "x-user": ["ann", "bob"], "trace-bin": Uint8Array.of(0, 255, 7) });
const FRAMES: Frame[] = [
  { type: "hello", settings: { ...DEFAULTS, maxCalls: 7, authority: "host:1", agent: "test", maxFrameBytes: 20_000 } },
  { type: "credit", call: 3, amount: 70_000 },
  { type: "reset", call: 3, code: 6, text: "enough" },
  { type: "ping", token: hex("01 02 03 04 05 06 07 08") },
  { type: "pong", token: hex("01 02 03 04 05 06 07 08") },
  { type: "goaway", last: Infinity, code: 0, text: "good-bye" },
  { type: "call", call: 1, isEnd: false, head: { metadata } },
  { type: "call", call: 1, isEnd: false, message: hex("00 01"), hasMore: true, rest: 298, isCompressed: false },
  {
    type: "call",
    call: 70,
    isEnd: true,
    message: hex(""),
    hasMore: false,
    isCompressed: false,
    head: { metadata },
    status: { code: 5, message: "kein Zimmer für Ü", details: hex("08 05"), metadata },
  },
];

test("frames are read as they were written, wherever their bytes are cut", () => {
  const bytes = encoded(remembering(2), ...FRAMES);
  for (const [head, tail] of cuts(bytes)) {
    const stream = new FrameStream(FRAME_BYTES_MAX);
    const state = decoder("server", 2);
    const frames: unknown[] = [];
    for (const chunk of [head, tail]) {
      stream.push(chunk);
      for (let frame; (frame = stream.next()) !== undefined; ) frames.push(plain(readFrame(frame, state)));
    }
    assert.deepEqual(frames, FRAMES.map(plain));
  }
});

/** Without what only the decoder says, and with bytes of one kind. */
function plain(frame: Frame | undefined): unknown {
  return JSON.parse(
    JSON.stringify({ ...frame, isOversized: undefined }, (_, value: unknown) =>
      value instanceof Uint8Array ? toHex(value) : value instanceof Metadata ? [...value].map(([key, entry]) => [key, String(entry)]) : value === Infinity ? "all" : value,
    ),
  );
}

test("hostile bytes are refused with an error of the protocol, and with nothing else", () => {
  const random = randoms(20_261_128);
  const valid = encoded(remembering(2), ...FRAMES);
  for (let round = 0; round < 20_000; round++) {
    const bytes = round % 2 === 0 ? Uint8Array.from({ length: random(40) }, () => random(256)) : valid.slice();
    for (let flips = random(4); flips > 0 && bytes.length > 0; flips--) bytes[random(bytes.length)] = random(256);
    const stream = new FrameStream(FRAME_BYTES_MAX);
    const state = decoder(round % 3 === 0 ? "client" : "server", 2);
    try {
      stream.push(bytes);
      for (let frame; (frame = stream.next()) !== undefined; ) readFrame(frame, state);
    } catch (thrown) {
      assert.ok(thrown instanceof NativeError, `round ${round}: ${String(thrown)}`);
    }
  }
});

const FORBIDDEN: [string, string, ErrorCode][] = [
  ["a length of 0", "00", ErrorCode.FRAME_SIZE],
  ["a length above the limit", "80 01 00 01 80", ErrorCode.FRAME_SIZE],
  ["an unknown type", "01 08", ErrorCode.PROTOCOL],
  ["a type above those of calls", "01 c0", ErrorCode.PROTOCOL],
  ["a frame that is too short", "02 02 01", ErrorCode.FRAME_SIZE],
  ["a call frame with nothing in it", "02 80 01", ErrorCode.PROTOCOL],
  ["MORE without a message", "04 85 01 00 00", ErrorCode.PROTOCOL],
  ["MORE with END", "04 8e 01 00 00", ErrorCode.PROTOCOL],
  ["a priority in the head of a server", "04 81 01 08 03", ErrorCode.PROTOCOL],
  ["a name of the reserved form", "07 81 01 02 01 03 00 00", ErrorCode.PROTOCOL],
  ["a name that is not there", "06 81 01 02 01 02 00", ErrorCode.PROTOCOL],
  ["a setting that comes twice", "05 01 00 05 00 05", ErrorCode.PROTOCOL],
  ["a setting out of its range", "03 01 02 01", ErrorCode.PROTOCOL],
];

for (const [what, bytes, code] of FORBIDDEN) {
  test(`${what} ends the connection with ${ErrorCode[code]}`, () => {
    assert.throws(
      () => decoded(hex(bytes), decoder("server")),
      (thrown: unknown) => thrown instanceof NativeError && thrown.code === code,
    );
  });
}

test("extensions and settings that are not known are skipped", () => {
  assert.deepEqual(decoded(hex("03 40 01 02 02 7f 00"), decoder("server")), [undefined, undefined]);
  const [hello] = decoded(hex("07 01 14 05 15 02 61 62"), decoder("server"));
  assert.deepEqual(hello, { type: "hello", settings: { ...DEFAULTS } });
});

test("names beyond the table's size are refused, and those of a head that is too large are still remembered", () => {
  const head = { metadata: new Metadata({ "x-long": "v".repeat(300), "x-next": "1" }) };
  const sent = remembering(2);
  const first = encoded(sent, { type: "call", call: 1, head });
  const second = encoded(sent, { type: "call", call: 1, head: { metadata: new Metadata({ "x-next": "2" }) } });
  const state = { ...decoder("server", 2), metadataBytesMax: 200 };
  const [large, small] = decoded(concat(first, second), state);
  assert.ok(large?.type === "call" && large.isOversized);
  assert.ok(small?.type === "call" && !small.isOversized);
  assert.equal(small.head?.metadata.get("x-next"), "2");
  assert.throws(() => decoded(first, decoder("server", 1)), /more than 1 names/);
});

test("a server of another version says which ones it speaks", () => {
  for (const [head, tail] of cuts(hex("fa 7a 52 50 43 00 02 03 03 6e 6f 21"))) {
    const stream = new FrameStream(FRAME_BYTES_MAX);
    assert.throws(() => {
      stream.push(head);
      assert.equal(stream.takeServerPreface(), false);
      stream.push(tail);
      stream.takeServerPreface();
    }, /speaks versions 2 to 3 .* this client version 1: no!/);
  }
});
