// The body of a gRPC-Web response: messages, then trailers, in frames of a flag byte, four bytes of length, and content.

import { Code, codeOf } from "../code.js";
import { appendWire, Metadata } from "../metadata.js";
import { RpcError } from "../status.js";
import { base64Decode } from "@bufbuild/protobuf/wire";

const HEADER_BYTES = 5;
const FLAG_COMPRESSED = 0x01;
const FLAG_TRAILERS = 0x80;
/** What trailers may have; they are a few lines of text. */
const TRAILERS_BYTES_MAX = 64 * 1024;

export type WebFrame = { type: "message"; bytes: Uint8Array } | { type: "trailers"; end: End };

/** How a response ended. */
export interface End {
  code: Code;
  message: string;
  details: Uint8Array;
  metadata: Metadata;
}

/** The one message of a request, framed. */
export function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEADER_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, HEADER_BYTES);
  return frame;
}

/** Gathers a response, wherever its chunks end, and hands out whole frames. */
export class WebFrames {
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(readonly messageBytesMax: number) {}

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Whether a frame has begun and not ended. */
  get isMidFrame(): boolean {
    return this.#length > 0;
  }

  /** The next frame; undefined when it is not all there. */
  next(): WebFrame | undefined {
    if (this.#length < HEADER_BYTES) return undefined;
    const header = this.#peek(HEADER_BYTES);
    const flags = header[0] ?? 0;
    const length = new DataView(header.buffer, header.byteOffset).getUint32(1);
    check(flags, length, this.messageBytesMax);
    if (this.#length < HEADER_BYTES + length) return undefined;
    const content = this.#peek(HEADER_BYTES + length).slice(HEADER_BYTES);
    this.#drop(HEADER_BYTES + length);
    return flags === FLAG_TRAILERS ? { type: "trailers", end: readTrailers(content) } : { type: "message", bytes: content };
  }

  /** The first `length` bytes, in one piece. */
  #peek(length: number): Uint8Array {
    const first = this.#chunks[0] ?? new Uint8Array();
    if (first.length >= length) return first.subarray(0, length);
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [whole];
    return whole.subarray(0, length);
  }

  #drop(length: number): void {
    const first = this.#chunks[0] ?? new Uint8Array();
    if (first.length === length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(length);
    this.#length -= length;
  }
}

function check(flags: number, length: number, messageBytesMax: number): void {
  if (flags & FLAG_COMPRESSED) {
    throw new RpcError(Code.INTERNAL, "the server compressed a reply, though this client did not offer to read that");
  }
  if (flags !== 0 && flags !== FLAG_TRAILERS) {
    throw new RpcError(Code.INTERNAL, `a frame of the reply has the unknown flags ${flags}; is this gRPC-Web?`);
  }
  const max = flags === FLAG_TRAILERS ? TRAILERS_BYTES_MAX : messageBytesMax;
  if (length > max) {
    throw new RpcError(Code.RESOURCE_EXHAUSTED, `a reply of ${length} bytes is more than the ${max} that this client takes; raise messageBytesMax`);
  }
}

function readTrailers(content: Uint8Array): End {
  const fields = new Map<string, string>();
  const metadata = new Metadata();
  for (const line of new TextDecoder("latin1").decode(content).split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const key = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    fields.set(key, value);
    appendWire(metadata, key, value);
  }
  return (
    readEnd((key) => fields.get(key), metadata) ?? { code: Code.INTERNAL, message: "the trailers of the reply have no grpc-status", details: new Uint8Array(), metadata }
  );
}

/** The status in header fields; undefined when there is none. */
export function readEnd(field: (key: string) => string | null | undefined, metadata: Metadata): End | undefined {
  const status = field("grpc-status");
  if (status === null || status === undefined) return undefined;
  return {
    code: /^\d{1,3}$/.test(status) ? codeOf(Number(status)) : Code.UNKNOWN,
    message: percentDecoded(field("grpc-message") ?? ""),
    details: decoded(field("grpc-status-details-bin") ?? ""),
    metadata,
  };
}

/** What is no valid escape stays as it is, as gRPC wants. */
function percentDecoded(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const hex = text[at] === "%" ? /^[0-9a-fA-F]{2}/.exec(text.slice(at + 1, at + 3)) : null;
    bytes.push(hex ? parseInt(hex[0], 16) : text.charCodeAt(at) & 0xff);
    if (hex) at += 2;
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

function decoded(base64: string): Uint8Array {
  try {
    return base64Decode(base64);
  } catch {
    return new Uint8Array();
  }
}
