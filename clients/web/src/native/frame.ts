// The abstract frames of the native protocol (docs/native-protocol.md §4), and their binary encoding in both directions.

import { appendWire, Metadata, toWire } from "../metadata.js";
import { Reader, text, utf8, Writer } from "./bytes.js";
import { ErrorCode, NativeError } from "./error.js";
import type { ReceivedNames, SentNames } from "./names.js";
import { readSettings, writeSettings, type Settings } from "./settings.js";

/** The beginning of a call, or of its answer. */
export interface Head {
  /** `/package.Service/Method`; a client's only. */
  path?: string | undefined;
  timeoutUs?: number | undefined;
  encoding?: number | undefined;
  priority?: number | undefined;
  metadata: Metadata;
}

/** The end of a call, from a server. */
export interface EndStatus {
  code: number;
  message: string;
  details: Uint8Array;
  metadata: Metadata;
}

export interface CallFrame {
  type: "call";
  call: number;
  head?: Head | undefined;
  message?: Uint8Array | undefined;
  /** The message goes on in the next frame. */
  hasMore?: boolean;
  isCompressed?: boolean;
  attachments?: number | undefined;
  /** With `hasMore`, how many bytes of the message come in later frames. */
  rest?: number | undefined;
  isEnd?: boolean;
  /** With `isEnd` from a server. */
  status?: EndStatus | undefined;
  /** Its metadata, or its status, is above what the decoder takes, and was left out. */
  isOversized?: boolean;
}

export type Frame =
  | { type: "hello"; settings: Settings }
  | { type: "credit"; call: number; amount: number }
  | { type: "reset"; call: number; code: number; text: string }
  | { type: "priority"; call: number; priority: number }
  | { type: "ping"; token: Uint8Array }
  | { type: "pong"; token: Uint8Array }
  | { type: "goaway"; last: number; code: number; text: string }
  | CallFrame;

export type Side = "client" | "server";

const HELLO = 0x01;
const CREDIT = 0x02;
const RESET = 0x03;
const PRIORITY = 0x04;
const PING = 0x05;
const PONG = 0x06;
const GOAWAY = 0x07;
const CALL = 0x80;
const EXTENSION_MIN = 0x40;
const CALL_MAX = 0xbf;

const FLAG_HEAD = 0x01;
const FLAG_MESSAGE = 0x02;
const FLAG_MORE = 0x04;
const FLAG_END = 0x08;
const FLAG_COMPRESSED = 0x10;
const FLAG_ATTACHED = 0x20;

const HEAD_TIMEOUT = 0x01;
const HEAD_METADATA = 0x02;
const HEAD_ENCODING = 0x04;
const HEAD_PRIORITY = 0x08;

const STATUS_CODE = 0x1f;
const STATUS_MESSAGE = 0x20;
const STATUS_DETAILS = 0x40;
const STATUS_METADATA = 0x80;

/** Entries that one list of metadata may have, and what each costs beside its bytes. */
const METADATA_ENTRIES_MAX = 128;
const METADATA_ENTRY_COST = 32;

/** What a decoder must know of its connection: who sent, and which names it used. */
export interface DecoderState {
  from: Side;
  names: ReceivedNames;
  metadataBytesMax: number;
}

/** Reads one frame, `body` without its Length; undefined for an extension that is skipped. */
export function readFrame(bytes: Uint8Array, state: DecoderState): Frame | undefined {
  const body = new Reader(bytes);
  const type = body.byte();
  if (type >= CALL && type <= CALL_MAX) {
    return readCall(type, body, state);
  }
  const frame = readControl(type, body);
  if (frame === undefined && (type < EXTENSION_MIN || type > CALL_MAX)) {
    throw new NativeError(ErrorCode.PROTOCOL, `a frame has the unknown type ${type}`);
  }
  if (frame !== undefined && !body.isDone) {
    throw new NativeError(ErrorCode.FRAME_SIZE, `a frame of type ${type} is longer than its sections`);
  }
  return frame;
}

function readControl(type: number, body: Reader): Frame | undefined {
  switch (type) {
    case HELLO:
      return { type: "hello", settings: readSettings(body) };
    case CREDIT:
      return { type: "credit", call: body.varint(), amount: body.varint() };
    case RESET:
      return { type: "reset", call: body.varint(), code: body.varint(), text: text(body.rest()) };
    case PRIORITY:
      return { type: "priority", call: body.varint(), priority: body.byte() };
    case PING:
      return { type: "ping", token: body.take(8) };
    case PONG:
      return { type: "pong", token: body.take(8) };
    case GOAWAY:
      return { type: "goaway", last: body.varint(), code: body.varint(), text: text(body.rest()) };
    default:
      return undefined;
  }
}

function readCall(type: number, body: Reader, state: DecoderState): CallFrame {
  const has = (flag: number): boolean => (type & flag) !== 0;
  if (!has(FLAG_HEAD | FLAG_MESSAGE | FLAG_END)) {
    violation("a frame of a call has neither head, message nor end");
  }
  if (has(FLAG_MORE | FLAG_COMPRESSED | FLAG_ATTACHED) && !has(FLAG_MESSAGE)) {
    violation("a frame without a message has flags of a message");
  }
  if (has(FLAG_MORE) && has(FLAG_END | FLAG_ATTACHED)) {
    violation("a message that goes on comes with what only the last part may have");
  }
  const frame: CallFrame = { type: "call", call: body.varint(), isEnd: has(FLAG_END) };
  if (has(FLAG_HEAD)) {
    const size = new Size(state.metadataBytesMax);
    frame.head = readHead(body, state, size);
    frame.isOversized = size.isOver;
  }
  if (has(FLAG_END) && state.from === "server") {
    const size = new Size(state.metadataBytesMax);
    frame.status = readStatus(body, state, size);
    frame.isOversized ||= size.isOver;
  }
  if (has(FLAG_ATTACHED)) frame.attachments = body.byte();
  if (has(FLAG_MESSAGE)) {
    frame.hasMore = has(FLAG_MORE);
    frame.isCompressed = has(FLAG_COMPRESSED);
    if (has(FLAG_MORE)) frame.rest = body.varint();
    frame.message = body.rest();
  } else if (!body.isDone) {
    throw new NativeError(ErrorCode.FRAME_SIZE, "a frame without a message is longer than its sections");
  }
  return frame;
}

/** Counts what a head or status would keep. A short reference may stand for a long key, so bytes read do not tell. */
class Size {
  #bytes = 0;
  #entries = 0;

  constructor(readonly bytesMax: number) {}

  get isOver(): boolean {
    return this.#bytes > this.bytesMax || this.#entries > METADATA_ENTRIES_MAX;
  }

  /** Counts an entry; false when it is too much. */
  add(bytes: number): boolean {
    this.#bytes += bytes + METADATA_ENTRY_COST;
    this.#entries += 1;
    return !this.isOver;
  }
}

function readHead(body: Reader, { from, names }: DecoderState, size: Size): Head {
  const bits = body.byte();
  const known = from === "client" ? 0x0f : HEAD_METADATA | HEAD_ENCODING;
  if ((bits & ~known) !== 0) {
    violation(`a head of the ${from} has the reserved bits ${bits & ~known}`);
  }
  const head: Head = { metadata: new Metadata() };
  if (from === "client") head.path = names.read(body);
  if (bits & HEAD_TIMEOUT) head.timeoutUs = body.varint();
  if (bits & HEAD_ENCODING) head.encoding = body.byte();
  if (bits & HEAD_PRIORITY) head.priority = body.byte();
  if (bits & HEAD_METADATA) head.metadata = readMetadata(body, names, size);
  return head;
}

function readStatus(body: Reader, { names }: DecoderState, size: Size): EndStatus {
  const bits = body.byte();
  const status: EndStatus = { code: bits & STATUS_CODE, message: "", details: new Uint8Array(), metadata: new Metadata() };
  if (bits & STATUS_MESSAGE) {
    const message = body.string();
    if (size.add(message.length)) status.message = text(message);
  }
  if (bits & STATUS_DETAILS) {
    const details = body.string();
    if (size.add(details.length)) status.details = details.slice();
  }
  if (bits & STATUS_METADATA) status.metadata = readMetadata(body, names, size);
  return status;
}

/** Reads to the end also where it keeps no more: names must be added to the table in any case (§6). */
function readMetadata(body: Reader, names: ReceivedNames, size: Size): Metadata {
  const metadata = new Metadata();
  for (let left = body.varint(); left > 0; left--) {
    const key = names.read(body);
    const value = body.string();
    if (size.add(key.length + value.length)) appendWire(metadata, key, text(value));
  }
  return metadata;
}

function violation(reason: string): never {
  throw new NativeError(ErrorCode.PROTOCOL, reason);
}

/** Writes one frame with its Length. */
export function writeFrame(frame: Frame, names: SentNames, to: Writer): void {
  const body = new Writer();
  switch (frame.type) {
    case "hello":
      writeSettings(frame.settings, body.byte(HELLO));
      break;
    case "credit":
      body.byte(CREDIT).varint(frame.call).varint(frame.amount);
      break;
    case "reset":
      body.byte(RESET).varint(frame.call).varint(frame.code).raw(utf8(frame.text));
      break;
    case "priority":
      body.byte(PRIORITY).varint(frame.call).byte(frame.priority);
      break;
    case "ping":
      body.byte(PING).raw(frame.token);
      break;
    case "pong":
      body.byte(PONG).raw(frame.token);
      break;
    case "goaway":
      writeLast(frame.last, body.byte(GOAWAY));
      body.varint(frame.code).raw(utf8(frame.text));
      break;
    case "call":
      writeCall(frame, names, body);
      break;
  }
  to.string(body.take());
}

/** `Infinity` stands for every call: 2^62 - 1. */
function writeLast(last: number, to: Writer): void {
  if (last !== Infinity) {
    to.varint(last);
    return;
  }
  for (let index = 0; index < 8; index++) to.byte(0xff);
}

function writeCall(frame: CallFrame, names: SentNames, to: Writer): void {
  let flags = 0;
  if (frame.head) flags |= FLAG_HEAD;
  if (frame.message) flags |= FLAG_MESSAGE;
  if (frame.hasMore) flags |= FLAG_MORE;
  if (frame.isEnd) flags |= FLAG_END;
  if (frame.isCompressed) flags |= FLAG_COMPRESSED;
  if (frame.attachments) flags |= FLAG_ATTACHED;
  to.byte(CALL | flags).varint(frame.call);
  if (frame.head) writeHead(frame.head, names, to);
  if (frame.status) writeStatus(frame.status, names, to);
  if (frame.attachments) to.byte(frame.attachments);
  if (frame.rest !== undefined) to.varint(frame.rest);
  if (frame.message) to.raw(frame.message);
}

function writeHead(head: Head, names: SentNames, to: Writer): void {
  let bits = 0;
  if (head.timeoutUs !== undefined) bits |= HEAD_TIMEOUT;
  if (head.metadata.size > 0) bits |= HEAD_METADATA;
  if (head.encoding !== undefined) bits |= HEAD_ENCODING;
  if (head.priority !== undefined) bits |= HEAD_PRIORITY;
  to.byte(bits);
  if (head.path !== undefined) names.write(head.path, to);
  if (head.timeoutUs !== undefined) to.varint(head.timeoutUs);
  if (head.encoding !== undefined) to.byte(head.encoding);
  if (head.priority !== undefined) to.byte(head.priority);
  if (head.metadata.size > 0) writeMetadata(head.metadata, names, to);
}

function writeStatus(status: EndStatus, names: SentNames, to: Writer): void {
  let bits = status.code;
  if (status.message !== "") bits |= STATUS_MESSAGE;
  if (status.details.length > 0) bits |= STATUS_DETAILS;
  if (status.metadata.size > 0) bits |= STATUS_METADATA;
  to.byte(bits);
  if (status.message !== "") to.string(utf8(status.message));
  if (status.details.length > 0) to.string(status.details);
  if (status.metadata.size > 0) writeMetadata(status.metadata, names, to);
}

function writeMetadata(metadata: Metadata, names: SentNames, to: Writer): void {
  to.varint(metadata.size);
  for (const [key, value] of metadata) {
    names.write(key, to);
    to.string(utf8(toWire(value)));
  }
}
