/** Looking on: a sampled copy of what is being sent. */
import { Mailbox } from './mailbox.js';
import type { Value } from './value.js';

/** One row, as it was sent. */
export interface Sample {
  /** The flow. */
  flow: string;
  /** When it was sent, in milliseconds since 1970. */
  at: number;
  /** The values by channel; `null` where there was no news. */
  values: Record<string, Value>;
}

/** How many samples wait for a reader at most; then the oldest goes. */
const WAITING = 256;

/** What a reader wants to see. */
export class Tap extends Mailbox<Sample> {
  readonly #interval: number;
  #due = 0;

  constructor(hz: number) {
    super(WAITING);
    this.#interval = 1_000 / hz;
  }

  /** Whether a sample is due; if so, the next one is due an interval later. */
  isDue(now: number): boolean {
    if (now < this.#due) return false;
    this.#due = Math.max(this.#due + this.#interval, now);
    return true;
  }
}

/** The taps of one flow. */
export class Taps {
  readonly #taps = new Set<Tap>();

  add(tap: Tap): void {
    this.#taps.add(tap);
    tap.onEnd(() => this.#taps.delete(tap));
  }

  get isEmpty(): boolean {
    return this.#taps.size === 0;
  }

  /** Gives a row to those for whom one is due; it is only read if there are any. */
  offer(flow: string, read: () => Record<string, Value>): void {
    const at = Date.now();
    const now = performance.now();
    let sample: Sample | undefined;
    for (const tap of this.#taps) {
      if (tap.isDue(now)) tap.put((sample ??= { flow, at, values: read() }));
    }
  }

  end(): void {
    for (const tap of [...this.#taps]) tap.end();
  }
}
