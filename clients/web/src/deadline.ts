// One signal for all that ends a call from this side: the caller's own signal, the deadline, hanging up.

import { Code } from "./code.js";
import { RpcError } from "./status.js";

// Timers of browsers hold 31 bits of milliseconds; a longer deadline is as good as none here, and the server has it too.
const TIMER_MS_MAX = 2 ** 31 - 1;

/** What ends a call from this side. `signal.reason` is always an {@link RpcError}. */
export class Ending {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  /** When the deadline passes, on the clock of `performance.now()`. */
  readonly deadlineAt: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins to watch the caller's signal and the clock; `release` ends that. */
  constructor(timeoutMs: number | undefined, outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.deadlineAt = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
    if (timeoutMs !== undefined && timeoutMs <= TIMER_MS_MAX) {
      this.#timer = setTimeout(() => this.end(deadlineError(timeoutMs)), Math.max(0, timeoutMs));
    }
    if (outer?.aborted) {
      this.#whenOuterAborts();
    } else {
      outer?.addEventListener("abort", this.#whenOuterAborts);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the call was ended from this side, or undefined. */
  get reason(): RpcError | undefined {
    return this.signal.aborted ? (this.signal.reason as RpcError) : undefined;
  }

  /** Ends the call from this side; the first reason counts. */
  end(reason: RpcError): void {
    this.release();
    this.#controller.abort(reason);
  }

  /** What a promise comes to, unless the call is ended from this side before. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const whenEnded = (): void => reject(this.signal.reason as RpcError);
      if (this.signal.aborted) whenEnded();
      this.signal.addEventListener("abort", whenEnded);
      promise.then(resolve, reject).finally(() => this.signal.removeEventListener("abort", whenEnded));
    });
  }

  /** Lets go of the timer and the caller's signal: the call is over. */
  release(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#whenOuterAborts);
  }

  readonly #whenOuterAborts = (): void => {
    const cause: unknown = this.#outer?.reason;
    this.end(cause instanceof RpcError ? cause : cancelledError(cause));
  };
}

/** Milliseconds that are left until a deadline, at least 0. */
export function millisecondsUntil(deadlineAt: number): number {
  return Math.max(0, deadlineAt - performance.now());
}

/** The caller does not want the call any more. */
export function cancelledError(cause?: unknown): RpcError {
  return new RpcError(Code.CANCELLED, "the caller cancelled the call", { cause });
}

/** The deadline passed on this side. */
export function deadlineError(timeoutMs: number): RpcError {
  return new RpcError(Code.DEADLINE_EXCEEDED, `the call took longer than its deadline of ${timeoutMs} ms`);
}
