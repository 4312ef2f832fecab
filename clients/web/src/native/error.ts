// Errors of the native protocol (docs/native-protocol.md §10): their codes, their scope, and what a call makes of them.

import { Code } from "../code.js";
import { RpcError } from "../status.js";

/** Why a call was reset, or a connection ends. */
export enum ErrorCode {
  NO_ERROR = 0,
  PROTOCOL = 1,
  INTERNAL = 2,
  FLOW_CONTROL = 3,
  FRAME_SIZE = 4,
  REFUSED = 5,
  CANCELLED = 6,
  DEADLINE = 7,
  EXCESS = 8,
  TIMEOUT = 9,
}

/** Something that the peer must not do. It ends the connection, or, with `CallError`, one call. */
export class NativeError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** An error of one call: it is reset with `code`, and its caller sees `status`. */
export class CallError extends NativeError {
  readonly status: RpcError;

  constructor(code: ErrorCode, message: string, status: Code = Code.INTERNAL) {
    super(code, message);
    this.status = new RpcError(status, message);
  }
}

/** What the caller sees of a call that the server reset. */
export function statusOfReset(code: number, text: string): RpcError {
  const name = ErrorCode[code] ?? `code ${code}`;
  const reason = `the server reset the call with ${name}${text === "" ? "" : `: ${text}`}`;
  switch (code) {
    case ErrorCode.REFUSED:
      return new RpcError(Code.UNAVAILABLE, reason, { isSafeToRetry: true });
    case ErrorCode.CANCELLED:
      return new RpcError(Code.CANCELLED, reason);
    case ErrorCode.DEADLINE:
      return new RpcError(Code.DEADLINE_EXCEEDED, reason);
    case ErrorCode.EXCESS:
      return new RpcError(Code.RESOURCE_EXHAUSTED, reason);
    default:
      return new RpcError(ErrorCode[code] === undefined ? Code.UNKNOWN : Code.INTERNAL, reason);
  }
}
