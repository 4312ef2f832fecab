// The client's side of one call of the native protocol (docs/native-protocol.md §7): what it sends, and what it makes of
// what comes.

import { Code, codeOf } from "../code.js";
import { millisecondsUntil, type Ending } from "../deadline.js";
import { Metadata, toWire } from "../metadata.js";
import { RpcError, rpcErrorOf } from "../status.js";
import { tell, type Call } from "../transport.js";
import { ReceiveCredit, SendCredit } from "./credit.js";
import { CallError, ErrorCode, statusOfReset } from "./error.js";
import type { CallFrame, EndStatus, Frame, Head } from "./frame.js";
import { Inbox } from "./inbox.js";
import { priorityByte } from "./priority.js";
import type { Settings } from "./settings.js";

/** What a call needs of its session. */
export interface CallPort {
  send(frame: Frame): void;
  /** The call is over; the session forgets it. */
  over(call: NativeCall): void;
}

/** Bytes that a frame of a call may have beside its head and message. */
const FRAME_OVERHEAD = 32;
/** Bytes that an entry of metadata may take beside its key and value. */
const ENTRY_OVERHEAD = 16;

export class NativeCall {
  /** The call's number once it is open; 0 before. */
  id = 0;
  readonly #port: CallPort;
  readonly #call: Call;
  readonly #ending: Ending;
  readonly #inbox: Inbox;
  readonly #deadlineAt: number | undefined;
  #credit: SendCredit | undefined;
  #isOnWire = false;
  #hasAnswer = false;
  #end: { error: RpcError | undefined } | undefined;
  #stopRequests = (): void => {};
  // Set while the reader waits for a message, and the sender for credit.
  #wakeReader = (): void => {};
  #wakeSender = (): void => {};

  constructor(port: CallPort, call: Call, ending: Ending, ours: Settings) {
    this.#port = port;
    this.#call = call;
    this.#ending = ending;
    this.#deadlineAt = ending.deadlineAt;
    this.#inbox = new Inbox(new ReceiveCredit(ours.initialCredit), ours.maxMessageBytes);
    if (ending.reason) {
      this.#finish(ending.reason);
    } else {
      ending.signal.addEventListener("abort", this.#whenEnded);
    }
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** It is this call's turn: its head, and what it has to send, may leave. */
  open(id: number, peer: Settings): void {
    this.id = id;
    this.#credit = new SendCredit(peer.initialCredit);
    this.#sendAll(peer, this.#credit).catch((thrown: unknown) => this.#cancel(rpcErrorOf(thrown)));
  }

  /** The replies, in order; throws the status when it is not OK. */
  async *replies(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const message = this.#inbox.take();
      if (message) {
        if (message.credit > 0 && !this.isOver) {
          this.#port.send({ type: "credit", call: this.id, amount: message.credit });
        }
        yield message.bytes;
      } else if (this.#end?.error) {
        throw this.#end.error;
      } else if (this.#end) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    }
  }

  /** A frame of the server for this call. Throws a `CallError` for what it must not send. */
  receive(frame: CallFrame): void {
    this.#check(frame);
    if (!this.#hasAnswer) tell(this.#call.onHead, frame.head?.metadata ?? new Metadata());
    this.#hasAnswer = true;
    if (frame.message) {
      const credit = this.#inbox.put(frame, frame.message);
      if (credit > 0 && !frame.isEnd) this.#port.send({ type: "credit", call: this.id, amount: credit });
      this.#wakeReader();
    }
    if (frame.status) {
      this.#finish(this.#statusOf(frame.status));
    }
  }

  /** The server gave credit. */
  addCredit(amount: number): void {
    this.#credit?.add(amount);
    this.#wakeSender();
  }

  /** The server gave the call up. */
  reset(code: number, text: string): void {
    this.#finish(statusOfReset(code, text));
  }

  /** What the server did is an error of this call. */
  violated(error: CallError): void {
    this.#port.send({ type: "reset", call: this.id, code: error.code, text: error.message });
    this.fail(error.status);
  }

  /** The call cannot go on; nothing more is sent of it. */
  fail(error: RpcError): void {
    this.#inbox.clear();
    this.#finish(error);
  }

  #check(frame: CallFrame): void {
    if (frame.isOversized) {
      throw new CallError(ErrorCode.CANCELLED, "the metadata of the reply is larger than this client takes", Code.RESOURCE_EXHAUSTED);
    }
    if (frame.head && this.#hasAnswer) {
      throw new CallError(ErrorCode.PROTOCOL, "the server sent the head of a call that it had answered already");
    }
    if (frame.isCompressed) {
      throw new CallError(ErrorCode.CANCELLED, "the server compressed a message in an encoding that this client did not offer");
    }
    // A server may end a call with an error in the middle of a message, which drops it (§4.1).
    const isError = frame.status !== undefined && frame.status.code !== Code.OK && !frame.head;
    if (this.#inbox.isMidMessage && !frame.message && !isError) {
      throw new CallError(ErrorCode.PROTOCOL, "a call ended well, or began, in the middle of a message");
    }
    if (this.#inbox.isMidMessage && (frame.head || frame.isCompressed)) {
      throw new CallError(ErrorCode.PROTOCOL, "a later part of a message has what only the first may have");
    }
  }

  #statusOf(status: EndStatus): RpcError | undefined {
    if (status.code === Code.OK) {
      tell(this.#call.onTrailers, status.metadata);
      return undefined;
    }
    return new RpcError(codeOf(status.code), status.message, status);
  }

  async #sendAll(peer: Settings, credit: SendCredit): Promise<void> {
    const head = this.#head(peer);
    const { requests } = this.#call;
    if (requests instanceof Uint8Array) {
      const room = peer.maxFrameBytes - headBytes(head);
      const isWhole = requests.length < room && credit.part(requests.length, true, room) === requests.length;
      if (!isWhole) this.#port.send({ type: "call", call: this.id, head });
      this.#isOnWire = true;
      await this.#send(requests, peer, credit, isWhole ? head : undefined, true);
      return;
    }
    this.#port.send({ type: "call", call: this.id, head });
    this.#isOnWire = true;
    const iterator = requests[Symbol.asyncIterator]();
    this.#stopRequests = () => void iterator.return?.().catch(() => {});
    for (;;) {
      const { done, value } = await nextRequest(iterator);
      if (this.isOver) {
        this.#stopRequests();
        return;
      }
      if (done) break;
      await this.#send(value, peer, credit, undefined, false);
    }
    this.#port.send({ type: "call", call: this.id, isEnd: true });
  }

  /** Sends a message, in parts and in its own time where that is how much the server lets it. */
  async #send(message: Uint8Array, peer: Settings, credit: SendCredit, head: Head | undefined, isEnd: boolean): Promise<void> {
    if (message.length > peer.maxMessageBytes) {
      throw new RpcError(Code.RESOURCE_EXHAUSTED, `a request of ${message.length} bytes is more than the ${peer.maxMessageBytes} that the server takes`);
    }
    const room = peer.maxFrameBytes - (head ? headBytes(head) : FRAME_OVERHEAD);
    for (let at = 0, isFirst = true; isFirst || at < message.length; isFirst = false) {
      let part: number | undefined;
      while ((part = credit.part(message.length - at, isFirst, room)) === undefined) {
        await new Promise<void>((resolve) => (this.#wakeSender = resolve));
        if (this.isOver) return;
      }
      if (this.isOver) return;
      credit.spend(part, isFirst);
      const bytes = message.subarray(at, at + part);
      at += part;
      const hasMore = at < message.length;
      const rest = hasMore ? message.length - at : undefined;
      this.#port.send({ type: "call", call: this.id, head: isFirst ? head : undefined, message: bytes, hasMore, rest, isEnd: isEnd && !hasMore });
    }
  }

  #head(peer: Settings): Head {
    const { path, metadata } = this.#call;
    const timeoutUs = this.#deadlineAt === undefined ? undefined : millisecondsUntil(this.#deadlineAt) * 1000;
    const head: Head = { path, timeoutUs: timeoutUs === undefined ? undefined : Math.ceil(timeoutUs), priority: priorityByte(metadata), metadata };
    if (headBytes(head) > peer.maxFrameBytes) {
      throw new RpcError(Code.RESOURCE_EXHAUSTED, `the metadata of a call to ${path} is more than the server takes`);
    }
    return head;
  }

  readonly #whenEnded = (): void => this.#cancel(this.#ending.reason ?? new RpcError(Code.CANCELLED, ""));

  /** Ends the call from this side. */
  #cancel(reason: RpcError): void {
    if (this.isOver) return;
    if (this.#isOnWire) {
      const code = reason.code === Code.DEADLINE_EXCEEDED ? ErrorCode.DEADLINE : ErrorCode.CANCELLED;
      this.#port.send({ type: "reset", call: this.id, code, text: "" });
    }
    this.fail(reason);
  }

  #finish(error: RpcError | undefined): void {
    if (this.isOver) return;
    this.#end = { error };
    this.#ending.signal.removeEventListener("abort", this.#whenEnded);
    this.#stopRequests();
    this.#wakeReader();
    this.#wakeSender();
    this.#port.over(this);
  }
}

/** An upper bound of what a head takes in a frame. */
function headBytes({ path = "", metadata }: Head): number {
  let bytes = FRAME_OVERHEAD + 32 + path.length * 3;
  for (const [key, value] of metadata) {
    bytes += key.length + toWire(value).length + ENTRY_OVERHEAD;
  }
  return bytes;
}

async function nextRequest(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array, unknown>> {
  try {
    return await iterator.next();
  } catch (cause) {
    throw new RpcError(Code.CANCELLED, `the requests of the call failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
