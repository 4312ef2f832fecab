// How a call failed: the one error that everything in this package throws, and the details that may come with it.

import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Code } from "./code.js";
import { Metadata } from "./metadata.js";

/** What a failed call says besides its code and message. */
export interface RpcErrorOptions {
  /** A serialised `google.rpc.Status`. */
  details?: Uint8Array | undefined;
  /** What came with the status. */
  metadata?: Metadata | undefined;
  /** Whether the server has certainly not begun with the call, so that it may be made again. */
  isSafeToRetry?: boolean | undefined;
  cause?: unknown;
}

/** A call that did not end with OK. `message` opens with the name of the code: `NOT_FOUND: there is no such room`. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: Code;
  /** The message without the code. */
  readonly reason: string;
  /** A serialised `google.rpc.Status`; empty when there are no details. */
  readonly rawDetails: Uint8Array;
  /** What came with the status. */
  readonly metadata: Metadata;
  /** Whether the server has certainly not begun with the call, so that it may be made again. */
  readonly isSafeToRetry: boolean;

  constructor(code: Code, reason: string, options: RpcErrorOptions = {}) {
    super(reason === "" ? Code[code] : `${Code[code]}: ${reason}`, { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.rawDetails = options.details ?? new Uint8Array();
    this.metadata = options.metadata ?? new Metadata();
    this.isSafeToRetry = options.isSafeToRetry ?? false;
  }

  /** The name of the code, such as `NOT_FOUND`. */
  get codeName(): string {
    return Code[this.code];
  }

  /** The details of one type, such as `google.rpc.BadRequest`. */
  details<D extends DescMessage>(schema: D): MessageShape<D>[] {
    const found: MessageShape<D>[] = [];
    for (const { typeName, value } of anys(this.rawDetails)) {
      if (typeName === schema.typeName) {
        found.push(fromBinary(schema, value));
      }
    }
    return found;
  }
}

/** Whatever was thrown, as an error with a code. */
export function rpcErrorOf(thrown: unknown, code: Code = Code.UNKNOWN): RpcError {
  if (thrown instanceof RpcError) {
    return thrown;
  }
  if (thrown instanceof Error && thrown.name === "AbortError") {
    return new RpcError(Code.CANCELLED, "the caller cancelled the call", { cause: thrown });
  }
  return new RpcError(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** Reads the `details` (field 3) of a serialised `google.rpc.Status`; none of what cannot be read. */
function anys(status: Uint8Array): { typeName: string; value: Uint8Array }[] {
  const found: { typeName: string; value: Uint8Array }[] = [];
  try {
    const reader = new BinaryReader(status);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === 3 && type === WireType.LengthDelimited) {
        found.push(any(reader.bytes()));
      } else {
        reader.skip(type, field);
      }
    }
  } catch {
    // What a server sends as details is not checked by anybody on the way; the status itself is still worth having.
  }
  return found;
}

function any(bytes: Uint8Array): { typeName: string; value: Uint8Array } {
  const reader = new BinaryReader(bytes);
  let typeName = "";
  let value = new Uint8Array();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.LengthDelimited) {
      const url = reader.string();
      typeName = url.slice(url.lastIndexOf("/") + 1);
    } else if (field === 2 && type === WireType.LengthDelimited) {
      value = new Uint8Array(reader.bytes());
    } else {
      reader.skip(type, field);
    }
  }
  return { typeName, value };
}
