// Numbers and strings of the native protocol (docs/native-protocol.md §2), read and written.

import { NativeError, ErrorCode } from "./error.js";

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return ENCODER.encode(text);
}

/** Texts for people: what is not UTF-8 is repaired. */
export function text(bytes: Uint8Array): string {
  return DECODER.decode(bytes);
}

/**
 * The bytes of a varint at `at`, as a number; undefined when it is not all there. Numbers beyond 2^53, which JavaScript
 * cannot hold, are `Infinity`: above any limit, as they are meant to be.
 */
export function varintAt(bytes: Uint8Array, at: number): { value: number; length: number } | undefined {
  const first = bytes[at];
  if (first === undefined) {
    return undefined;
  }
  const length = 1 << (first >> 6);
  if (at + length > bytes.length) {
    return undefined;
  }
  let value = first & 0x3f;
  for (let index = 1; index < length; index++) {
    value = value * 256 + (bytes[at + index] ?? 0);
  }
  return { value: Number.isSafeInteger(value) ? value : Infinity, length };
}

/** How many bytes `value` takes as a varint. */
export function varintLength(value: number): 1 | 2 | 4 | 8 {
  if (value < 2 ** 6) return 1;
  if (value < 2 ** 14) return 2;
  return value < 2 ** 30 ? 4 : 8;
}

/** Reads the sections of one frame's body; what is too short for them is an error of the connection. */
export class Reader {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get isDone(): boolean {
    return this.#at === this.bytes.length;
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  varint(): number {
    const found = varintAt(this.bytes, this.#at) ?? tooShort();
    this.#at += found.length;
    return found.value;
  }

  string(): Uint8Array {
    return this.take(this.varint());
  }

  rest(): Uint8Array {
    return this.take(this.bytes.length - this.#at);
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.#at) {
      tooShort();
    }
    const taken = this.bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }
}

function tooShort(): never {
  throw new NativeError(ErrorCode.FRAME_SIZE, "a frame is too short for its sections");
}

/** Bytes that grow. */
export class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    this.#room(1)[this.#length++] = value;
    return this;
  }

  varint(value: number): this {
    const length = varintLength(value);
    const bytes = this.#room(length);
    for (let index = length - 1, rest = value; index >= 0; index--, rest = Math.floor(rest / 256)) {
      bytes[this.#length + index] = rest % 256;
    }
    bytes[this.#length] = (bytes[this.#length] ?? 0) | (Math.log2(length) << 6);
    this.#length += length;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  string(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** Takes out what was written. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #room(more: number): Uint8Array {
    const needed = this.#length + more;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    return this.#bytes;
  }
}
