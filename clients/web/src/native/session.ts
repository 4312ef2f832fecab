// The client's side of one connection of the native protocol: HELLO, calls that wait for their turn, drain, liveness.
// It knows no WebSocket: bytes come in by `receive` and leave through its carrier.

import { Code } from "../code.js";
import type { Ending } from "../deadline.js";
import { RpcError } from "../status.js";
import type { Call } from "../transport.js";
import { Writer } from "./bytes.js";
import { NativeCall, type CallPort } from "./call.js";
import { CallError, ErrorCode, NativeError } from "./error.js";
import { readFrame, writeFrame, type DecoderState, type Frame } from "./frame.js";
import { ReceivedNames, SentNames } from "./names.js";
import type { Settings } from "./settings.js";
import { clientPreface, FrameStream } from "./stream.js";

/** What carries a session's bytes. */
export interface Carrier {
  send(bytes: Uint8Array): void;
  close(reason: string): void;
}

/** What a session tells its owner, each at most once. */
export interface SessionEvents {
  /** The server's HELLO came: calls are under way from here on. */
  onReady(): void;
  /** The server takes no more calls on this connection; those that it has go on. */
  onDraining(): void;
  /** It is over, and so is each of its calls. */
  onClosed(error: RpcError): void;
}

/** Calls that may wait for their turn. */
const WAITING_MAX = 10_000;

export class Session implements CallPort {
  readonly #ours: Settings;
  readonly #carrier: Carrier;
  readonly #events: SessionEvents;
  readonly #input: FrameStream;
  readonly #output = new Writer();
  readonly #sentNames = new SentNames();
  readonly #decoder: DecoderState;
  readonly #calls = new Map<number, NativeCall>();
  readonly #waiting = new Set<NativeCall>();
  #state: "preface" | "hello" | "open" | "closed" = "preface";
  #peer: Settings | undefined;
  #callNext = 1;
  /** The last call that the server takes, once it drains. */
  #last: number | undefined;
  #isDrained = false;
  #isFlushQueued = false;

  constructor(carrier: Carrier, ours: Settings, events: SessionEvents) {
    this.#carrier = carrier;
    this.#ours = ours;
    this.#events = events;
    this.#input = new FrameStream(ours.maxFrameBytes);
    this.#decoder = {
      from: "server",
      names: new ReceivedNames(ours.maxInterned),
      metadataBytesMax: ours.maxMetadataBytes,
    };
    this.#output.raw(clientPreface());
    this.send({ type: "hello", settings: ours });
  }

  /** Whether a call may be started. */
  get takesCalls(): boolean {
    return this.#state !== "closed" && this.#last === undefined && !this.#isDrained;
  }

  get isReady(): boolean {
    return this.#state === "open";
  }

  /** Calls that are under way or wait for their turn. */
  get callCount(): number {
    return this.#calls.size + this.#waiting.size;
  }

  /** The peer asks not to be pinged more often than this. */
  get pingIntervalMinMs(): number {
    return this.#peer?.pingIntervalMinMs ?? 0;
  }

  /** Starts a call: at once when the server lets it, otherwise when it is its turn. */
  start(call: Call, ending: Ending): NativeCall {
    const started = new NativeCall(this, call, ending, this.#ours);
    if (!this.takesCalls) {
      started.fail(new RpcError(Code.UNAVAILABLE, "the connection takes no more calls", { isSafeToRetry: true }));
    } else if (this.#waiting.size >= WAITING_MAX) {
      started.fail(new RpcError(Code.RESOURCE_EXHAUSTED, `${WAITING_MAX} calls wait for their turn already`));
    } else if (!started.isOver) {
      this.#waiting.add(started);
      this.#openWaiting();
    }
    return started;
  }

  /** Bytes came. */
  receive(bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    try {
      this.#input.push(bytes);
      if (this.#state === "preface" && this.#input.takeServerPreface()) this.#state = "hello";
      if (this.#state === "preface") return;
      for (let frame; this.#isGoing() && (frame = this.#input.next()) !== undefined; ) {
        const read = readFrame(frame, this.#decoder);
        if (read) this.#handle(read);
      }
    } catch (thrown) {
      this.violated(thrown instanceof NativeError ? thrown : new NativeError(ErrorCode.INTERNAL, String(thrown)));
    }
  }

  /** Asks whether anybody is there. */
  ping(): void {
    this.send({ type: "ping", token: new Uint8Array(8) });
  }

  /** Takes no more calls, and closes when those that there are, are over. */
  drain(): void {
    if (this.#isDrained || this.#state === "closed") return;
    this.#isDrained = true;
    this.send({ type: "goaway", last: 0, code: ErrorCode.NO_ERROR, text: "" });
    this.#closeWhenDone();
  }

  /** The server broke the protocol, or is not there any more: says so, and closes. */
  violated(error: NativeError): void {
    if (this.#state === "closed") return;
    this.send({ type: "goaway", last: 0, code: error.code, text: error.message });
    this.#flush();
    this.#carrier.close(error.message);
    this.lost(new RpcError(Code.UNAVAILABLE, `the connection was given up: ${error.message}`, { cause: error }));
  }

  /** The carrier is gone; each call ends with this error. */
  lost(error: RpcError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    const unseen = new RpcError(error.code, error.reason, { isSafeToRetry: true, cause: error.cause });
    for (const call of this.#waiting) call.fail(unseen);
    for (const [id, call] of this.#calls) call.fail(this.#isUnseen(id) ? unseen : error);
    this.#events.onClosed(error);
  }

  send(frame: Frame): void {
    if (this.#state === "closed") return;
    writeFrame(frame, this.#sentNames, this.#output);
    if (this.#isFlushQueued) return;
    // What is written in one turn leaves as one WebSocket message.
    this.#isFlushQueued = true;
    queueMicrotask(() => this.#flush());
  }

  over(call: NativeCall): void {
    this.#waiting.delete(call);
    this.#calls.delete(call.id);
    this.#openWaiting();
    this.#closeWhenDone();
  }

  #isGoing(): boolean {
    return this.#state !== "closed";
  }

  #handle(frame: Frame): void {
    if ((frame.type === "hello") !== (this.#state === "hello")) {
      throw new NativeError(ErrorCode.PROTOCOL, "HELLO must be a side's first frame, and come once");
    }
    switch (frame.type) {
      case "hello":
        return this.#greeted(frame.settings);
      case "ping":
        return this.send({ type: "pong", token: frame.token.slice() });
      case "pong":
        return;
      case "goaway":
        return this.#goAway(frame.last, frame.code, frame.text);
      case "priority":
        throw new NativeError(ErrorCode.PROTOCOL, "PRIORITY is a client's to send");
      case "call":
      case "credit":
      case "reset":
        return this.#handleOfCall(frame);
    }
  }

  #greeted(settings: Settings): void {
    this.#state = "open";
    this.#peer = settings;
    this.#sentNames.max = settings.maxInterned;
    this.#events.onReady();
    this.#openWaiting();
  }

  #handleOfCall(frame: Extract<Frame, { type: "call" | "credit" | "reset" }>): void {
    if (frame.call === 0 || frame.call >= this.#callNext) {
      throw new NativeError(ErrorCode.PROTOCOL, `the server sent a frame on call ${frame.call}, which was never opened`);
    }
    if (frame.type === "call" && frame.attachments !== undefined) {
      throw new NativeError(ErrorCode.PROTOCOL, "the server sent attachments, which this client does not take");
    }
    const call = this.#calls.get(frame.call);
    // A frame on a call that is over was on its way when the call ended (§7).
    if (call === undefined) return;
    try {
      if (frame.type === "call") call.receive(frame);
      else if (frame.type === "credit") call.addCredit(frame.amount);
      else call.reset(frame.code, frame.text);
    } catch (thrown) {
      if (!(thrown instanceof CallError)) throw thrown;
      call.violated(thrown);
    }
  }

  #goAway(last: number, code: number, text: string): void {
    if (this.#last !== undefined && last > this.#last) {
      throw new NativeError(ErrorCode.PROTOCOL, "the last call that the server takes grew from one GOAWAY to the next");
    }
    const isFirst = this.#last === undefined;
    this.#last = last;
    if (code !== ErrorCode.NO_ERROR) {
      this.#flush();
      this.#carrier.close("");
      this.lost(new RpcError(Code.UNAVAILABLE, `the server ended the connection with ${ErrorCode[code] ?? `code ${code}`}: ${text}`));
      return;
    }
    if (isFirst) this.#events.onDraining();
    const unseen = new RpcError(Code.UNAVAILABLE, "the server takes no more calls on this connection", { isSafeToRetry: true });
    for (const call of this.#waiting) call.fail(unseen);
    for (const [id, call] of this.#calls) {
      if (this.#isUnseen(id)) call.fail(unseen);
    }
    this.#closeWhenDone();
  }

  #isUnseen(id: number): boolean {
    return this.#last !== undefined && id > this.#last;
  }

  #openWaiting(): void {
    if (this.#state !== "open" || this.#peer === undefined || this.#last !== undefined) return;
    for (const call of this.#waiting) {
      if (this.#calls.size >= this.#peer.maxCalls) return;
      this.#waiting.delete(call);
      const id = this.#callNext++;
      this.#calls.set(id, call);
      call.open(id, this.#peer);
    }
  }

  #closeWhenDone(): void {
    const isOver = this.#last !== undefined || this.#isDrained;
    if (this.#state === "closed" || !isOver || this.callCount > 0) return;
    this.#flush();
    this.#carrier.close("");
    this.lost(new RpcError(Code.UNAVAILABLE, "the connection is drained", { isSafeToRetry: true }));
  }

  #flush(): void {
    this.#isFlushQueued = false;
    if (this.#state === "closed" || this.#output.length === 0) return;
    this.#carrier.send(this.#output.take());
  }
}
