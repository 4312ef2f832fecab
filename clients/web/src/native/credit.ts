// Credit (docs/native-protocol.md §8): how much each side may send ahead of the other's application.

import { CallError, ErrorCode } from "./error.js";

/** What a message costs beside its bytes, so that empty messages are not free. */
export const MESSAGE_COST = 32;
const CREDIT_MAX = 2 ** 31 - 1;
/** A part of a message is no shorter, unless it is the last. */
const PART_BYTES_MIN = 4096;

/** What we may still send on a call. */
export class SendCredit {
  #left: number;
  readonly #partMin: number;

  constructor(initial: number) {
    this.#left = initial;
    this.#partMin = Math.min(PART_BYTES_MIN, Math.floor(initial / 4));
  }

  /**
   * How many of the `length` bytes that a message still has may be sent now, in a frame with room for `room`;
   * undefined when it is better to wait.
   */
  part(length: number, isFirst: boolean, room: number): number | undefined {
    const left = this.#left - (isFirst ? MESSAGE_COST : 0);
    const part = Math.min(length, left, room);
    return part === length || part >= Math.min(this.#partMin, room) ? Math.max(part, 0) : undefined;
  }

  spend(length: number, isFirst: boolean): void {
    this.#left -= length + (isFirst ? MESSAGE_COST : 0);
  }

  /** Takes a CREDIT. */
  add(amount: number): void {
    if (amount === 0 || this.#left + amount > CREDIT_MAX) {
      throw new CallError(ErrorCode.FLOW_CONTROL, `the server gave credit of ${amount} where ${this.#left} was left`);
    }
    this.#left += amount;
  }
}

/** What the server may still send on a call, and what it is owed. */
export class ReceiveCredit {
  readonly #initial: number;
  #left: number;
  #owed = 0;

  constructor(initial: number) {
    this.#initial = initial;
    this.#left = initial;
  }

  /** A part came that costs this much. */
  spend(cost: number): void {
    if (cost > this.#left) {
      throw new CallError(ErrorCode.FLOW_CONTROL, `the server sent a message for ${cost} where it had credit of ${this.#left}`);
    }
    this.#left -= cost;
  }

  /** The application took what cost this much. The answer is what to give back now: 0 until it is half of the initial credit. */
  taken(cost: number): number {
    this.#owed += cost;
    if (this.#owed * 2 < this.#initial) {
      return 0;
    }
    const amount = this.#owed;
    this.#owed = 0;
    this.#left += amount;
    return amount;
  }
}
