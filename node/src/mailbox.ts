/** A bounded queue that is read as an async iterator. When it is full the oldest item goes, and is counted. */
export class Mailbox<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #capacity: number;
  readonly #items: T[] = [];
  readonly #readers: ((result: IteratorResult<T, undefined>) => void)[] = [];
  readonly #onEnd: (() => void)[] = [];
  #ended = false;
  #dropped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many items went unread because others came. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds an item. */
  put(item: T): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader) {
      reader({ done: false, value: item });
      return;
    }
    if (this.#items.length === this.#capacity) {
      this.#items.shift();
      this.#dropped += 1;
    }
    this.#items.push(item);
  }

  /** No more items come; those that wait can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
    for (const act of this.#onEnd) act();
  }

  /** Has something done when no more items come. */
  onEnd(act: () => void): void {
    this.#onEnd.push(act);
  }

  /** Ends it when the signal is aborted. */
  until(signal: AbortSignal | undefined): this {
    if (signal?.aborted) this.end();
    const onAbort = () => this.end();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.onEnd(() => signal?.removeEventListener('abort', onAbort));
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#items.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
