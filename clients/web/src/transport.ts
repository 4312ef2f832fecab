// What a transport is: it carries one call of any service as bytes, and knows nothing of messages.

import type { Metadata } from "./metadata.js";
import type { Replies } from "./replies.js";

/** How many messages go which way. */
export type CallKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** A call to be carried. */
export interface Call {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly kind: CallKind;
  /** The one request, or as many as come. */
  readonly requests: Uint8Array | AsyncIterable<Uint8Array>;
  readonly metadata: Metadata;
  /** Milliseconds for the whole call, its last message included; undefined for no deadline. */
  readonly timeoutMs: number | undefined;
  /** Cancels the call when it aborts. */
  readonly signal: AbortSignal | undefined;
  /** Is told the server's first metadata, before the first reply. */
  readonly onHead: ((metadata: Metadata) => void) | undefined;
  /** Is told the metadata that came with the status OK; otherwise the error has it. */
  readonly onTrailers: ((metadata: Metadata) => void) | undefined;
}

/** Carries calls to one server. */
export interface Transport {
  /**
   * Begins with the call at once. The replies end without an error when the status is OK; otherwise reading them throws
   * an `RpcError`. Leaving them (`return`, or `break` in a loop) cancels what is left of the call.
   */
  start(call: Call): Replies<Uint8Array>;
}

/** Tells an application something; what it throws is reported as its own error, and harms neither call nor connection. */
export function tell(listener: ((metadata: Metadata) => void) | undefined, metadata: Metadata): void {
  try {
    listener?.(metadata);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
