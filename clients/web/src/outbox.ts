// Requests that are made as things happen: what is put in at one end is sent, one by one, at the other.

import { Code } from "./code.js";
import { RpcError } from "./status.js";

/**
 * The requests of one call. `send` what comes up, and `end` it when nothing more will come:
 *
 * ```ts
 * const outbox = new Outbox<Init>();
 * const replies = client.talk(outbox);
 * await outbox.send({ room: "lobby", author: "ann", text: "hello" });
 * ```
 */
export class Outbox<T> implements AsyncIterable<T>, AsyncIterator<T, void> {
  readonly #queue: { request: T; taken: () => void; refused: (error: RpcError) => void }[] = [];
  readonly #waiting: ((result: IteratorResult<T, void>) => void)[] = [];
  #isEnded = false;
  #isLeft = false;

  /** Sends a request. Comes back when the call has taken it, which it does as fast as the server reads. */
  send(request: T): Promise<void> {
    if (this.#isEnded || this.#isLeft) return Promise.reject(overError());
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting({ done: false, value: request });
      return Promise.resolve();
    }
    return new Promise((taken, refused) => this.#queue.push({ request, taken, refused }));
  }

  /** There will be no more requests. */
  end(): void {
    this.#isEnded = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Called by the call. */
  next(): Promise<IteratorResult<T, void>> {
    const queued = this.#queue.shift();
    if (queued) {
      queued.taken();
      return Promise.resolve({ done: false, value: queued.request });
    }
    if (this.#isEnded || this.#isLeft) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Called by the call when it is over: nobody takes what is left. */
  return(): Promise<IteratorResult<T, void>> {
    this.#isLeft = true;
    for (const { refused } of this.#queue.splice(0)) refused(overError());
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }
}

function overError(): RpcError {
  return new RpcError(Code.CANCELLED, "the call is over; the request was not sent");
}
