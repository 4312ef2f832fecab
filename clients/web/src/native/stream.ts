// Cuts a byte stream into its preface and frames (docs/native-protocol.md §3 and §4), wherever its chunks end.

import { text, varintAt } from "./bytes.js";
import { ErrorCode, NativeError } from "./error.js";

/** What either side's preface begins with: FA, then "zRPC". */
const MAGIC = Uint8Array.of(0xfa, 0x7a, 0x52, 0x50, 0x43);
const PREFACE_BYTES = 8;
/** The version that this package speaks. */
export const VERSION = 1;

/** The client's first bytes. */
export function clientPreface(): Uint8Array {
  return Uint8Array.of(...MAGIC, VERSION, 0, 0);
}

/** Gathers bytes, and hands out what is complete. */
export class FrameStream {
  #bytes = new Uint8Array();

  constructor(readonly frameBytesMax: number) {}

  push(bytes: Uint8Array): void {
    if (this.#bytes.length === 0) {
      this.#bytes = new Uint8Array(bytes);
      return;
    }
    const joined = new Uint8Array(this.#bytes.length + bytes.length);
    joined.set(this.#bytes);
    joined.set(bytes, this.#bytes.length);
    this.#bytes = joined;
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  /** Whether the server's preface is there and agrees on the version. Throws what a person can read when it does not. */
  takeServerPreface(): boolean {
    const wrong = MAGIC.findIndex((byte, index) => index < this.#bytes.length && this.#bytes[index] !== byte);
    if (wrong !== -1) {
      throw new NativeError(ErrorCode.PROTOCOL, "the server does not speak the native protocol");
    }
    if (this.#bytes.length < PREFACE_BYTES) {
      return false;
    }
    const [version, lowest, highest] = this.#bytes.subarray(MAGIC.length, PREFACE_BYTES);
    if (version === VERSION) {
      this.#bytes = this.#bytes.subarray(PREFACE_BYTES);
      return true;
    }
    const length = this.#bytes[PREFACE_BYTES];
    if (version === 0 && (length === undefined || this.#bytes.length <= PREFACE_BYTES + length)) {
      return false;
    }
    const said = version === 0 ? text(this.#bytes.subarray(PREFACE_BYTES + 1, PREFACE_BYTES + 1 + (length ?? 0))) : "";
    throw new NativeError(
      ErrorCode.PROTOCOL,
      `the server speaks versions ${lowest} to ${highest} of the native protocol, and this client version ${VERSION}: ${said}`,
    );
  }

  /** The next frame without its Length; undefined when it is not all there. */
  next(): Uint8Array | undefined {
    const length = varintAt(this.#bytes, 0);
    if (length === undefined) {
      return undefined;
    }
    if (length.value === 0 || length.value > this.frameBytesMax) {
      throw new NativeError(ErrorCode.FRAME_SIZE, `a frame has ${length.value} bytes; it must be 1 to ${this.frameBytesMax}`);
    }
    const end = length.length + length.value;
    if (end > this.#bytes.length) {
      return undefined;
    }
    const frame = this.#bytes.subarray(length.length, end);
    this.#bytes = this.#bytes.subarray(end);
    return frame;
  }
}
