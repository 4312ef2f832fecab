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
  rest: number;
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
    const isFirst = this.#begun === undefined;
    const rest = frame.rest ?? 0;
    const begun = this.#begun ?? this.#begin(part.length + rest);
    if (frame.hasMore && rest === 0) wrong("a part of a message says that more comes, and that nothing does");
    if (part.length === 0 && !(isFirst && rest === 0)) wrong("a part of a message has no bytes");
    if (part.length + rest !== begun.rest) wrong(`${part.length} bytes and ${rest} more of a message came where ${begun.rest} were to come`);
    const cost = part.length + (isFirst ? MESSAGE_COST : 0);
    this.credit.spend(cost);
    begun.rest = rest;
    begun.length += part.length;
    begun.cost += cost;
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

  #begin(total: number): Begun {
    if (total > this.messageBytesMax) {
      throw new CallError(
        ErrorCode.CANCELLED,
        `a reply of ${total} bytes is more than the ${this.messageBytesMax} that this client takes; raise messageBytesMax`,
        Code.RESOURCE_EXHAUSTED,
      );
    }
    return { rest: total, length: 0, parts: [], cost: 0 };
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

function wrong(reason: string): never {
  throw new CallError(ErrorCode.PROTOCOL, reason);
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
