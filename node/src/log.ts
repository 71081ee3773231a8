/** The way of log records from the native part to the `log` events of a stream. */
import type { EventEmitter } from 'node:events';

import type { LogRecord } from './events.js';

/** How many records wait for the stream to be opened. */
const WAITING = 1_024;

/** Takes records from the start of opening on. It holds the stream weakly. */
export class LogRelay {
  #early: LogRecord[] = [];
  #to: WeakRef<EventEmitter> | undefined;

  take(record: string | null): void {
    if (record === null) return;
    const told = JSON.parse(record) as LogRecord;
    if (this.#to) this.#to.deref()?.emit('log', told);
    else if (this.#early.length < WAITING) this.#early.push(told);
  }

  /** The stream is open. What was logged until then comes when those who waited for the stream can listen. */
  connect(stream: EventEmitter): void {
    setImmediate(() => {
      this.#to = new WeakRef(stream);
      for (const record of this.#early.splice(0)) stream.emit('log', record);
    });
  }
}
