// The native protocol on a plain TCP socket, which Node has and pages have not: the same session on another carrier.

import { connect, type Socket } from "node:net";
import { Code } from "../src/code.js";
import { cancelledError, Ending } from "../src/deadline.js";
import { DEFAULTS, type Settings } from "../src/native/settings.js";
import { Session } from "../src/native/session.js";
import { Replies } from "../src/replies.js";
import { RpcError } from "../src/status.js";
import type { Call, Transport } from "../src/transport.js";

export class TcpTransport implements Transport {
  readonly #socket: Socket;
  readonly #session: Session;

  constructor(host: string, port: number, settings: Partial<Settings> = {}) {
    const socket = (this.#socket = connect(port, host));
    const carrier = { send: (bytes: Uint8Array) => void socket.write(bytes), close: () => void socket.end() };
    const events = { onReady: () => {}, onDraining: () => {}, onClosed: () => {} };
    this.#session = new Session(carrier, { ...DEFAULTS, maxInterned: 128, ...settings }, events);
    const lost = (): void => this.#session.lost(new RpcError(Code.UNAVAILABLE, "the connection was lost"));
    socket.on("data", (bytes) => this.#session.receive(bytes)).on("close", lost).on("error", lost);
  }

  start(call: Call): Replies<Uint8Array> {
    const ending = new Ending(call.timeoutMs, call.signal);
    const replies = this.#session.start(call, ending).replies();
    return new Replies(replies, () => ending.end(cancelledError()));
  }

  close(): void {
    this.#session.drain();
    this.#socket.end();
  }
}
