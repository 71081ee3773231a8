/** One row, filled and sent again and again: the fast way to send. */
import { Cells } from './cells.js';
import { asking, told, waiting } from './errors.js';
import type { NativeNewRow } from './native.js';
import type { Taps } from './tap.js';
import type { Time } from './time.js';
import type { Channel, FlowShape, Value } from './value.js';

/** How a send waits. */
export interface SendOptions {
  /** How long to wait for room at most; as long as it takes by default. */
  timeoutMs?: number;
  /** Ends the wait: the row was then not accepted. */
  signal?: AbortSignal;
}

/**
 * A row of one flow. Got from `stream.row(flow)`; its values stay until they are set again or `clear()` is called.
 *
 * ```ts
 * const engine = stream.row('engine');
 * const rpm = engine.position('rpm');
 * engine.setAt(rpm, 4200);
 * if (!engine.trySend()) console.warn('full');
 * ```
 */
export class Row {
  readonly #shape: FlowShape;
  readonly #native: NativeNewRow;
  readonly #cells: Cells;
  readonly #taps: Taps;

  /** @internal */
  constructor(shape: FlowShape, native: NativeNewRow, taps: Taps) {
    this.#shape = shape;
    this.#native = native;
    this.#cells = new Cells(shape, native);
    this.#taps = taps;
  }

  /** The name of the flow. */
  get flow(): string {
    return this.#shape.flow;
  }

  /** The channels, in the order of their positions. */
  get channels(): Channel[] {
    return this.#shape.channels;
  }

  /** The position of a channel; an error if the flow has none of that name. */
  position(channel: string): number {
    return this.#shape.at(channel);
  }

  /** Sets a channel by its name. An error leaves the row as it was. */
  set(channel: string, value: Value): this {
    this.setAt(this.#shape.at(channel), value);
    return this;
  }

  /** Sets a channel by its position. An error leaves the row as it was. */
  setAt(position: number, value: Value): this {
    asking(() => this.#cells.set(position, value));
    return this;
  }

  /** Sets the channels from the first one on. */
  setAll(values: ArrayLike<Value>): this {
    for (let at = 0; at < values.length; at += 1) this.setAt(at, values[at]);
    return this;
  }

  /** Empties all channels: they are sent as "no news". */
  clear(): this {
    this.#cells.clear();
    return this;
  }

  /**
   * Sends without ever waiting; `false` if the stream is full now. The row's time is that of the call, if none is given.
   */
  trySend(time?: Time): boolean {
    this.#cells.setTime(time);
    let sent: boolean;
    try {
      sent = this.#native.trySend(this.#cells.bytes);
    } catch (thrown) {
      throw told(thrown);
    }
    if (sent && !this.#taps.isEmpty) this.#show();
    return sent;
  }

  /**
   * Sends, waiting for room. The row as it is now is sent: it can be filled again at once. Rows are sent in the order of
   * the calls; one that `trySend` gets in while others wait may come before them.
   */
  async send(time?: Time, options: SendOptions = {}): Promise<void> {
    this.#cells.setTime(time);
    if (!options.signal?.aborted && asking(() => this.#native.sendNow(this.#cells.bytes))) {
      if (!this.#taps.isEmpty) this.#show();
      return;
    }
    const sent = waiting(options.signal, (signal) => this.#native.send(this.#cells.bytes, options.timeoutMs, signal));
    if (!this.#taps.isEmpty) this.#show();
    await sent;
  }

  #show(): void {
    this.#taps.offer(this.flow, () => {
      const values = this.#shape.names.map((name, at) => [name, this.#cells.get(at)] as const);
      return Object.fromEntries(values);
    });
  }
}
