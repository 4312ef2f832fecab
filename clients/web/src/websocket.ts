// The WebSocket transport: all four kinds of calls, many at once on one connection, in the native protocol (`zrpc.v1`).
// It decides when to connect, and to what a call goes while a connection drains or is lost.

import { Code } from "./code.js";
import { cancelledError, Ending } from "./deadline.js";
import { DEFAULTS, type Settings } from "./native/settings.js";
import { Session } from "./native/session.js";
import { Replies } from "./replies.js";
import { RpcError, rpcErrorOf } from "./status.js";
import type { Call, Transport } from "./transport.js";
import { connect, type Connection, type WebSocketConstructor } from "./websocket/connection.js";

/** Where a transport stands: nothing is connected, a connection is being made, calls can be made. */
export type ConnectionState = "idle" | "connecting" | "ready";

export interface WebSocketOptions {
  /** `ws://host:port/path` or `wss://host/path`. */
  url: string;
  /** Is told each change of state; with "idle" after a failure comes its error. */
  onState?: (state: ConnectionState, error?: RpcError) => void;
  /** Where there is no global WebSocket (Node before 22): the class of the package `ws`. */
  WebSocket?: WebSocketConstructor;
  /** The longest reply that is taken; 4 MiB unless said otherwise. */
  messageBytesMax?: number;
  /** What the server may send of each stream ahead of its reader, in bytes; 256 KiB unless said otherwise. */
  creditBytes?: number;
  /** Milliseconds for connecting; 10,000 unless said otherwise. */
  connectTimeoutMs?: number;
  /** With calls under way, the server is asked for a sign of life after so many silent milliseconds; 20,000 unless said otherwise. */
  heartbeatMs?: number;
}

const NAMES_REMEMBERED = 128;
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 30_000;
const BACKOFF_FACTOR = 1.6;
const BACKOFF_JITTER = 0.2;

/** Carries calls over one WebSocket; connects when the first call is made, and again when that is needed. */
export class WebSocketTransport implements Transport {
  readonly #options: WebSocketOptions;
  readonly #settings: Settings;
  #current: Connection | undefined;
  #isClosed = false;
  #failures = 0;
  #nextAttemptAt = 0;

  constructor(options: WebSocketOptions) {
    this.#options = options;
    this.#settings = {
      ...DEFAULTS,
      initialCredit: options.creditBytes ?? 256 * 1024,
      maxMessageBytes: options.messageBytesMax ?? DEFAULTS.maxMessageBytes,
      maxInterned: NAMES_REMEMBERED,
      authority: new URL(options.url).host,
      agent: "zrpc-web/0.1.0",
    };
  }

  get state(): ConnectionState {
    if (this.#current === undefined) return "idle";
    return this.#current.session?.isReady ? "ready" : "connecting";
  }

  /** Connects now instead of with the first call. */
  async connect(signal?: AbortSignal): Promise<void> {
    const ending = new Ending(undefined, signal);
    await this.#session(ending).finally(() => ending.release());
  }

  /** Takes no more calls; those under way go on, and then the connection is closed. */
  close(): void {
    this.#isClosed = true;
    this.#current?.drain();
  }

  start(call: Call): Replies<Uint8Array> {
    const ending = new Ending(call.timeoutMs, call.signal);
    const hangUp = (): void => ending.end(cancelledError());
    const first = this.#open(call, ending);
    // Whoever reads the replies sees the error, and nobody needs to.
    first.catch(() => {});
    return new Replies(this.#replies(call, ending, first), hangUp);
  }

  async *#replies(call: Call, ending: Ending, first: Promise<AsyncGenerator<Uint8Array, void>>): AsyncGenerator<Uint8Array, void> {
    let hasReply = false;
    try {
      for await (const reply of await first) {
        hasReply = true;
        yield reply;
      }
      return;
    } catch (thrown) {
      const error = rpcErrorOf(thrown);
      // The server has certainly not seen the call, and its one request is still here: once more, elsewhere.
      const mayRetry = error.isSafeToRetry && !hasReply && call.requests instanceof Uint8Array;
      if (!mayRetry || ending.reason || this.#isClosed || this.#failures > 0) throw error;
      yield* await this.#open(call, ending);
    } finally {
      ending.end(cancelledError());
    }
  }

  async #open(call: Call, ending: Ending): Promise<AsyncGenerator<Uint8Array, void>> {
    const session = await this.#session(ending);
    return session.start(call, ending).replies();
  }

  /** A session that takes calls, before the call ends from this side. */
  async #session(ending: Ending): Promise<Session> {
    for (;;) {
      if (ending.reason) throw ending.reason;
      if (this.#isClosed) throw new RpcError(Code.UNAVAILABLE, "this transport was closed", { isSafeToRetry: true });
      const current = (this.#current ??= this.#connect());
      const session = await ending.race(current.ready);
      if (session.takesCalls) return session;
    }
  }

  #connect(): Connection {
    const connection = connect(this.#options, this.#settings, Math.max(0, this.#nextAttemptAt - performance.now()), {
      onReady: () => {
        this.#failures = 0;
        this.#nextAttemptAt = 0;
        this.#options.onState?.("ready");
      },
      onDraining: () => this.#leave(connection),
      onClosed: (error, wasReady) => {
        if (!wasReady) this.#backOff();
        this.#leave(connection, error);
      },
    });
    this.#options.onState?.("connecting");
    return connection;
  }

  #leave(connection: Connection, error?: RpcError): void {
    if (this.#current !== connection) return;
    this.#current = undefined;
    this.#options.onState?.("idle", error);
  }

  #backOff(): void {
    const wait = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * BACKOFF_FACTOR ** this.#failures);
    const jitter = 1 + BACKOFF_JITTER * (Math.random() * 2 - 1);
    this.#failures += 1;
    this.#nextAttemptAt = performance.now() + wait * jitter;
  }
}
