// Interned names (docs/native-protocol.md §6): one table a direction, for paths and metadata keys alike.

import { type Reader, text, utf8, type Writer } from "./bytes.js";
import { ErrorCode, NativeError } from "./error.js";

/** Bytes that a name in a table may have. */
const NAME_BYTES_MAX = 256;

/** The names that the peer remembers of us. */
export class SentNames {
  readonly #entries = new Map<string, number>();
  /** How many entries the peer takes; none before its HELLO. */
  max = 0;

  write(name: string, to: Writer): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) {
      to.varint(entry * 4 + 2);
      return;
    }
    const bytes = utf8(name);
    const isKept = this.#entries.size < this.max && bytes.length <= NAME_BYTES_MAX;
    if (isKept) {
      this.#entries.set(name, this.#entries.size);
    }
    to.varint(bytes.length * 4 + (isKept ? 1 : 0)).raw(bytes);
  }
}

/** The names that we remember of the peer. */
export class ReceivedNames {
  readonly #entries: string[] = [];

  constructor(readonly max: number) {}

  read(from: Reader): string {
    const ref = from.varint();
    const number = Math.floor(ref / 4);
    switch (ref === Infinity ? 3 : ref % 4) {
      case 0:
        return text(from.take(number));
      case 1:
        return this.#add(from.take(number));
      case 2:
        return this.#entries[number] ?? violation(`name ${number} is not in the table, which has ${this.#entries.length}`);
      default:
        return violation("a name has the reserved form 11");
    }
  }

  #add(name: Uint8Array): string {
    if (name.length > NAME_BYTES_MAX) {
      violation(`a name of ${name.length} bytes was to be remembered; ${NAME_BYTES_MAX} are the most`);
    }
    if (this.#entries.length >= this.max) {
      violation(`more than ${this.max} names were to be remembered`);
    }
    const added = text(name);
    this.#entries.push(added);
    return added;
  }
}

function violation(reason: string): never {
  throw new NativeError(ErrorCode.PROTOCOL, reason);
}
