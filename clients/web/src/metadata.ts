// Metadata: what travels with a call besides its messages. Text under plain keys, bytes under keys that end in `-bin`;
// a key may have several values.

import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";

export type MetadataValue = string | Uint8Array;

/** Metadata as it is written in code: `{ "x-user": "ann", "trace-bin": new Uint8Array([1, 2]) }`. */
export type MetadataInit = Metadata | Record<string, MetadataValue | readonly MetadataValue[]>;

const KEY = /^[0-9a-z_.-]+$/;
const TEXT = /^[\x20-\x7e]*$/;
// Keys of gRPC's and HTTP's own, so that nobody writes the protocol's headers by accident.
const RESERVED =
  /^(grpc-.*|te|content-type|content-length|host|connection|keep-alive|proxy-connection|transfer-encoding|upgrade|trailer)$/;

/** A list of keys and values, in order; keys are compared in lower case. */
export class Metadata implements Iterable<[string, MetadataValue]> {
  readonly #entries: [string, MetadataValue][] = [];

  constructor(init: MetadataInit = {}) {
    if (init instanceof Metadata) {
      this.#entries.push(...init.#entries);
      return;
    }
    for (const [key, values] of Object.entries(init)) {
      for (const value of isMany(values) ? values : [values]) {
        this.append(key, value);
      }
    }
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Adds a value behind those that the key has. Throws a TypeError that says what gRPC does not allow. */
  append(key: string, value: MetadataValue): this {
    const lower = key.toLowerCase();
    if (!KEY.test(lower)) {
      throw new TypeError(`"${key}" is no metadata key: use letters, digits, "-", "_" and "."`);
    }
    if (RESERVED.test(lower)) {
      throw new TypeError(`"${key}" belongs to gRPC or HTTP; use another key`);
    }
    if (isBinary(lower) !== value instanceof Uint8Array) {
      throw new TypeError(
        isBinary(lower)
          ? `the value of "${key}" must be a Uint8Array, as each key that ends in "-bin" has`
          : `the value of "${key}" must be text; bytes need a key that ends in "-bin"`,
      );
    }
    if (typeof value === "string" && !TEXT.test(value)) {
      throw new TypeError(`the value of "${key}" must be printable ASCII; send other text as bytes under "${key}-bin"`);
    }
    this.#entries.push([lower, value]);
    return this;
  }

  /** Replaces all values of the key by one. */
  set(key: string, value: MetadataValue): this {
    this.delete(key);
    return this.append(key, value);
  }

  delete(key: string): void {
    const lower = key.toLowerCase();
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      if (this.#entries[index]?.[0] === lower) {
        this.#entries.splice(index, 1);
      }
    }
  }

  /** The first value of the key. */
  get(key: string): MetadataValue | undefined {
    return this.getAll(key)[0];
  }

  /** All values of the key. */
  getAll(key: string): MetadataValue[] {
    const lower = key.toLowerCase();
    return this.#entries.filter(([name]) => name === lower).map(([, value]) => value);
  }

  [Symbol.iterator](): Iterator<[string, MetadataValue]> {
    return this.#entries[Symbol.iterator]();
  }
}

/** Whether values of this key are bytes. */
export function isBinary(key: string): boolean {
  return key.endsWith("-bin");
}

/** A value as it travels, on each transport. */
export function toWire(value: MetadataValue): string {
  return typeof value === "string" ? value : base64Encode(value, "std_raw");
}

/** Adds what came; a field that metadata cannot hold is left out. */
export function appendWire(metadata: Metadata, key: string, field: string): void {
  try {
    if (!isBinary(key.toLowerCase())) {
      metadata.append(key, field);
      return;
    }
    // Several values may have been joined on the way.
    for (const part of field.split(",")) {
      metadata.append(key, base64Decode(part.trim()));
    }
  } catch {
    return;
  }
}

function isMany(values: MetadataValue | readonly MetadataValue[]): values is readonly MetadataValue[] {
  return Array.isArray(values);
}
