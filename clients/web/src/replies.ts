// A stream of replies that has already begun.

/**
 * Replies, read with `for await`. Unlike a plain generator, the call behind it begins without being read, and ends when
 * it is left, whether it was ever read or not.
 */
export class Replies<T> implements AsyncIterableIterator<T> {
  readonly #source: AsyncGenerator<T, void>;
  readonly #hangUp: () => void;

  /** `source` reads the call; `hangUp` ends it, and makes a pending read of `source` end soon. */
  constructor(source: AsyncGenerator<T, void>, hangUp: () => void) {
    this.#source = source;
    this.#hangUp = hangUp;
  }

  /** The next reply, `done` when the call ended with OK. Throws an `RpcError` when it ended otherwise. */
  next(): Promise<IteratorResult<T, void>> {
    return this.#source.next();
  }

  /** Hangs up. */
  async return(): Promise<IteratorResult<T, void>> {
    this.#hangUp();
    await this.#source.return();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same replies, each turned into something else. An error of `turn` hangs up. */
  map<U>(turn: (reply: T) => U): Replies<U> {
    const source = this.#source;
    const hangUp = this.#hangUp;
    async function* turned(): AsyncGenerator<U, void> {
      try {
        for await (const reply of source) {
          yield turn(reply);
        }
      } finally {
        hangUp();
      }
    }
    return new Replies(turned(), hangUp);
  }
}

/** Replies of a call that could not even begin. */
export function failed(error: Error): Replies<never> {
  async function* source(): AsyncGenerator<never, void> {
    throw error;
  }
  return new Replies(source(), () => {});
}
