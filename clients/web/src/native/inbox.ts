// The messages of one call that came and were not taken yet: joins parts, and counts what they cost.

import { Code } from "../code.js";
import { MESSAGE_COST, type ReceiveCredit } from "./credit.js";
import { CallError, ErrorCode } from "./error.js";
import type { CallFrame } from "./frame.js";

interface Message {
  bytes: Uint8Array;
  /** What its sender gets back when it is taken. */
  cost: number;
}

/** A message of which parts are still to come. */
interface Begun {
  total: number;
  length: number;
  parts: Uint8Array[];
  cost: number;
}

export class Inbox {
  readonly #messages: Message[] = [];
  #begun: Begun | undefined;

  constructor(
    readonly credit: ReceiveCredit,
    readonly messageBytesMax: number,
  ) {}

  /** Whether the next part goes on with a message. */
  get isMidMessage(): boolean {
    return this.#begun !== undefined;
  }

  /** Takes in the message, or part, of a frame. The answer is the credit to give back now. */
  put(frame: CallFrame, part: Uint8Array): number {
    const begun = this.#begun ?? this.#begin(frame, part);
    const isFirst = this.#begun === undefined;
    const cost = part.length + (isFirst ? MESSAGE_COST : 0);
    this.credit.spend(cost);
    if (frame.hasMore && part.length === 0) {
      throw new CallError(ErrorCode.PROTOCOL, "the server sent a part of a message with no bytes");
    }
    begun.length += part.length;
    begun.cost += cost;
    if (begun.length > begun.total || (!frame.hasMore && begun.length < begun.total)) {
      throw new CallError(ErrorCode.PROTOCOL, `the parts of a message of ${begun.total} bytes have ${begun.length}`);
    }
    // The bytes of a frame lie in what was received; they are copied out of it, so that it can go.
    begun.parts.push(part.slice());
    if (frame.hasMore) {
      this.#begun = begun;
      return this.#takenAhead();
    }
    this.#begun = undefined;
    this.#messages.push({ bytes: joined(begun), cost: begun.cost });
    return 0;
  }

  /** The next message, and the credit to give back for it now. */
  take(): { bytes: Uint8Array; credit: number } | undefined {
    const message = this.#messages.shift();
    if (message === undefined) {
      return undefined;
    }
    return { bytes: message.bytes, credit: this.credit.taken(message.cost) + this.#takenAhead() };
  }

  clear(): void {
    this.#messages.length = 0;
    this.#begun = undefined;
  }

  #begin(frame: CallFrame, part: Uint8Array): Begun {
    const total = frame.total ?? part.length;
    if (total > this.messageBytesMax) {
      throw new CallError(
        ErrorCode.CANCELLED,
        `a reply of ${total} bytes is more than the ${this.messageBytesMax} that this client takes; raise messageBytesMax`,
        Code.RESOURCE_EXHAUSTED,
      );
    }
    return { total, length: 0, parts: [], cost: 0 };
  }

  /** While nothing waits in front of it, a message that is on its way counts as taken: it may be longer than the credit. */
  #takenAhead(): number {
    if (this.#begun === undefined || this.#messages.length > 0) {
      return 0;
    }
    const cost = this.#begun.cost;
    this.#begun.cost = 0;
    return this.credit.taken(cost);
  }
}

function joined({ parts, length }: Begun): Uint8Array {
  if (parts.length === 1) {
    return parts[0] ?? new Uint8Array();
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
