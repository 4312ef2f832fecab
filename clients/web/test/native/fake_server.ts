// The server's side of a connection in memory, moved by hand: it shows each frame that came, and sends what it is told.

import { Code } from "../../src/code.js";
import { Ending } from "../../src/deadline.js";
import { Metadata } from "../../src/metadata.js";
import { Writer } from "../../src/native/bytes.js";
import { readFrame, writeFrame, type CallFrame, type DecoderState, type EndStatus, type Frame } from "../../src/native/frame.js";
import { ReceivedNames, SentNames } from "../../src/native/names.js";
import { Session } from "../../src/native/session.js";
import { DEFAULTS, type Settings } from "../../src/native/settings.js";
import { FrameStream, clientPreface } from "../../src/native/stream.js";
import { RpcError } from "../../src/status.js";
import type { Call, CallKind } from "../../src/transport.js";
import { hex, toHex } from "../bytes.js";

const MAX_FRAME_BYTES = 65_536;

/** A server that speaks to whoever calls `receive`. */
export class FakePeer {
  /** What came, HELLO included, and was not looked at. */
  readonly frames: Frame[] = [];
  readonly #deliver: (bytes: Uint8Array) => void;
  readonly #settings: Settings;
  readonly #input = new FrameStream(MAX_FRAME_BYTES);
  readonly #names = new ReceivedNames(128);
  readonly #sentNames = new SentNames();
  #hasPreface = false;

  constructor(deliver: (bytes: Uint8Array) => void, settings: Partial<Settings> = {}) {
    this.#deliver = deliver;
    this.#settings = { ...DEFAULTS, maxInterned: 128, ...settings };
  }

  greet(): void {
    this.#deliver(hex("fa 7a 52 50 43 01 01 01"));
    this.send({ type: "hello", settings: this.#settings });
  }

  send(...frames: Frame[]): void {
    const writer = new Writer();
    for (const frame of frames) writeFrame(frame, this.#sentNames, writer);
    this.#deliver(writer.take());
  }

  message(call: number, bytes: Uint8Array, more: Partial<CallFrame> = {}): void {
    this.send({ type: "call", call, message: bytes, ...more });
  }

  end(call: number, status: Partial<EndStatus> = {}): void {
    const ok = { code: Code.OK, message: "", details: new Uint8Array(), metadata: new Metadata() };
    this.send({ type: "call", call, isEnd: true, status: { ...ok, ...status } });
  }

  /** Lets everything happen that can happen now. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The frames that came since the last look. */
  async came(): Promise<Frame[]> {
    await this.turn();
    return this.frames.splice(0);
  }

  receive(bytes: Uint8Array): void {
    const preface = clientPreface();
    if (!this.#hasPreface && toHex(bytes.subarray(0, preface.length)) !== toHex(preface)) {
      throw new Error("the client's first bytes are no preface");
    }
    this.#input.push(this.#hasPreface ? bytes : bytes.subarray(preface.length));
    this.#hasPreface = true;
    const state: DecoderState = { from: "client", names: this.#names, metadataBytesMax: 16_384 };
    for (let frame; (frame = this.#input.next()) !== undefined; ) {
      const read = readFrame(frame, state);
      if (read) this.frames.push(read);
    }
  }
}

/** Such a server, and the session that is tested. */
export class FakeServer extends FakePeer {
  readonly session: Session;
  readonly events: string[] = [];
  closedFor: string | undefined;
  error: RpcError | undefined;

  constructor(ours: Partial<Settings> = {}, settings: Partial<Settings> = {}) {
    super((bytes) => this.session.receive(bytes), settings);
    const events = {
      onReady: () => this.events.push("ready"),
      onDraining: () => this.events.push("draining"),
      onClosed: (error: RpcError) => {
        this.events.push("closed");
        this.error = error;
      },
    };
    const carrier = {
      send: (bytes: Uint8Array) => this.receive(bytes),
      close: (reason: string) => {
        this.closedFor = reason;
      },
    };
    this.session = new Session(carrier, { ...DEFAULTS, maxInterned: 16, authority: "fake", ...ours }, events);
  }

  /** A server that has said HELLO already. */
  static async greeting(ours: Partial<Settings> = {}, settings: Partial<Settings> = {}): Promise<FakeServer> {
    const server = new FakeServer(ours, settings);
    server.greet();
    await server.came();
    return server;
  }

  /** Starts a call, whose replies nobody reads yet. */
  start(requests: Call["requests"], more: Partial<Call> & { ending?: Ending } = {}): AsyncGenerator<Uint8Array, void> {
    const kind: CallKind = requests instanceof Uint8Array ? "server_streaming" : "bidi_streaming";
    const plain = { metadata: new Metadata(), timeoutMs: undefined, signal: undefined, onHead: undefined, onTrailers: undefined };
    const call: Call = { path: "/a.B/C", kind, requests, ...plain, ...more };
    return this.session.start(call, more.ending ?? new Ending(call.timeoutMs, call.signal)).replies();
  }
}
