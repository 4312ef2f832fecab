// One WebSocket and the session on it: connecting within a time, signs of life, and why it ended, in words.

import { Code } from "../code.js";
import { ErrorCode, NativeError } from "../native/error.js";
import { Session } from "../native/session.js";
import type { Settings } from "../native/settings.js";
import { RpcError } from "../status.js";
import type { WebSocketOptions } from "../websocket.js";

const SUBPROTOCOL = "zrpc.v1";
/** After a PING, the longest that a server may say nothing. */
const SILENCE_MS_MAX = 10_000;
/** Of the codes that a page may close with, the one that says nothing is wrong, and the first that is an application's. */
const CLOSE_NORMAL = 1000;
const CLOSE_APPLICATION = 4000;
const CLOSE_REASON_BYTES_MAX = 123;

/** The part of a WebSocket that is used here; that of browsers and that of the package `ws` have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface ConnectionEvents {
  onReady(): void;
  onDraining(): void;
  onClosed(error: RpcError, wasReady: boolean): void;
}

export interface Connection {
  /** There once the WebSocket is open. */
  readonly session: Session | undefined;
  /** The session, once the server said HELLO. */
  readonly ready: Promise<Session>;
  /** Closes when the calls on it are over. */
  drain(): void;
}

/** Connects after `delayMs`. */
export function connect(options: WebSocketOptions, settings: Settings, delayMs: number, events: ConnectionEvents): Connection {
  return new WebSocketConnection(options, settings, delayMs, events);
}

class WebSocketConnection implements Connection {
  session: Session | undefined;
  readonly ready: Promise<Session>;
  readonly #options: WebSocketOptions;
  readonly #settings: Settings;
  readonly #events: ConnectionEvents;
  #socket: WebSocketLike | undefined;
  #isOver = false;
  #wasReady = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heardAt = 0;
  #resolve!: (session: Session) => void;
  #reject!: (error: RpcError) => void;

  constructor(options: WebSocketOptions, settings: Settings, delayMs: number, events: ConnectionEvents) {
    this.#options = options;
    this.#settings = settings;
    this.#events = events;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Each call that waits for it sees the error; nobody may wait.
    this.ready.catch(() => {});
    this.#timer = setTimeout(() => this.#connect(), delayMs);
  }

  drain(): void {
    if (this.session) this.session.drain();
    else this.#over(unavailable("this transport was closed"));
  }

  #connect(): void {
    const timeoutMs = this.#options.connectTimeoutMs ?? 10_000;
    this.#timer = setTimeout(() => this.#over(unavailable(`${this.#options.url} did not answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
      if (Socket === undefined) {
        throw new TypeError("there is no WebSocket here; give the class of the package `ws` as the option WebSocket");
      }
      this.#socket = this.#listen(new Socket(this.#options.url, [SUBPROTOCOL]) as WebSocketLike);
    } catch (thrown) {
      this.#over(unavailable(`cannot connect to ${this.#options.url}: ${thrown instanceof Error ? thrown.message : String(thrown)}`));
    }
  }

  #listen(socket: WebSocketLike): WebSocketLike {
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event: { data: unknown }) => this.#received(event.data);
    socket.onerror = () => {
      // What is wrong is kept from pages; `onclose` follows.
    };
    socket.onclose = (event: { code: number; reason: string }) => this.#over(unavailable(this.#whyClosed(event)));
    return socket;
  }

  #opened(socket: WebSocketLike): void {
    if (socket.protocol !== SUBPROTOCOL) {
      this.#over(unavailable(`${this.#options.url} does not speak ${SUBPROTOCOL}; is this the path of a zRPC server?`));
      return;
    }
    const carrier = {
      send: (bytes: Uint8Array) => socket.send(bytes as Uint8Array<ArrayBuffer>),
      close: (reason: string) => close(socket, reason === "" ? CLOSE_NORMAL : CLOSE_APPLICATION, reason),
    };
    this.session = new Session(carrier, this.#settings, {
      onReady: () => this.#readied(),
      onDraining: () => this.#events.onDraining(),
      onClosed: (error) => this.#over(error),
    });
  }

  #readied(): void {
    this.#wasReady = true;
    clearTimeout(this.#timer);
    this.#heardAt = performance.now();
    this.#beatLater();
    this.#events.onReady();
    if (this.session) this.#resolve(this.session);
  }

  #received(data: unknown): void {
    this.#heardAt = performance.now();
    if (data instanceof ArrayBuffer) this.session?.receive(new Uint8Array(data));
    else this.session?.violated(new NativeError(ErrorCode.PROTOCOL, "the server sent a text message"));
  }

  get #heartbeatMs(): number {
    return Math.max(this.#options.heartbeatMs ?? 20_000, this.session?.pingIntervalMinMs ?? 0);
  }

  #beatLater(): void {
    this.#later(this.#heartbeatMs, () => this.#beat());
  }

  #later(ms: number, act: () => void): void {
    this.#timer = setTimeout(act, ms);
    // In Node a heart does not keep a program alive that has nothing else to do.
    if (typeof this.#timer === "object") this.#timer.unref();
  }

  /** Asks for a sign of life when calls wait for a server that has been silent, and gives it up when none comes. */
  #beat(): void {
    const silentMs = performance.now() - this.#heardAt;
    if (this.#isOver || this.session === undefined) return;
    if (this.session.callCount === 0 || silentMs < this.#heartbeatMs) {
      this.#beatLater();
      return;
    }
    this.session.ping();
    const askedAt = performance.now();
    this.#later(SILENCE_MS_MAX, () => {
      if (this.#heardAt >= askedAt) this.#beat();
      else this.session?.violated(new NativeError(ErrorCode.TIMEOUT, `the server has been silent for ${SILENCE_MS_MAX} ms`));
    });
  }

  #over(error: RpcError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.session?.lost(error);
    if (this.#socket) close(this.#socket, CLOSE_NORMAL, "");
    this.#reject(error);
    this.#events.onClosed(error, this.#wasReady);
  }

  #whyClosed({ code, reason }: { code: number; reason: string }): string {
    const { url } = this.#options;
    if (this.session) {
      return `the connection to ${url} was lost (close code ${code}${reason === "" ? "" : `: ${reason}`})`;
    }
    const origin: unknown = globalThis.location?.origin;
    const hint = typeof origin === "string" ? `, and does it allow the origin ${origin} of this page` : "";
    return `cannot connect to ${url}: is the server running${hint}?`;
  }
}

function unavailable(reason: string): RpcError {
  return new RpcError(Code.UNAVAILABLE, reason, { isSafeToRetry: false });
}

function close(socket: WebSocketLike, code: number, reason: string): void {
  let short = reason;
  while (new TextEncoder().encode(short).length > CLOSE_REASON_BYTES_MAX) short = short.slice(0, -1);
  try {
    socket.close(code, short);
  } catch {
    // It is closed already, or was never open.
  }
}
