/** The stream. */
import { EventEmitter } from 'node:events';
import { isMainThread } from 'node:worker_threads';

import { pack, type ColumnBatch } from './columns.js';
import { asking, SiftStreamError, told, waiting, watching, type ErrorDetails } from './errors.js';
import type { StreamEvent, StreamEvents } from './events.js';
import { LogRelay } from './log.js';
import { Mailbox } from './mailbox.js';
import { native, type NativeStream } from './native.js';
import { flowList, optionsJson, type Flows, type RunOptions, type StreamOptions } from './options.js';
import type { Metrics, Report, Watermarks } from './report.js';
import { readRecovery, writeMark, type Mark, type Recovery } from './resume.js';
import { Row, type SendOptions } from './row.js';
import { Tap, Taps } from './tap.js';
import type { Time } from './time.js';
import { FlowShape, Kind, kindOf, type Value } from './value.js';

/** What a flush waits for: rows survive a crash of the process, a power failure, or Sift has them. */
export type Level = 'written' | 'durable' | 'confirmed';

/** How a call other than sending waits. */
export interface WaitOptions {
  /** How long to wait at most, in milliseconds; 30,000 by default. */
  timeoutMs?: number;
  /** Ends the wait with an `AbortError`. */
  signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** How many rows of columns are encoded before other work of the event loop has its turn. */
const ROWS_A_TURN = 4_096;
/** How many events wait for a reader at most; then the oldest goes. */
const EVENTS_WAITING = 1_024;

/** Says that a stream went without having been finished. */
const forgotten = new FinalizationRegistry<string>((name) => {
  process.emitWarning(`${name} was collected without having been finished: call finish(), or use "await using"`, {
    type: 'SiftStreamWarning',
    code: 'SIFTSTREAM_NOT_FINISHED',
  });
});

/**
 * A stream to Sift. It works on threads of its own: no call blocks the event loop, and an idle or forgotten stream does
 * not keep the process alive. When the process exits, what modes with a disk hold in memory is written first.
 *
 * ```ts
 * await using stream = await Stream.open({
 *   uri: 'https://grpc-api.siftstack.com',
 *   apiKey: process.env.SIFT_API_KEY,
 *   assetName: 'rig-7',
 *   clientKey: 'rig-7-v1',
 *   flows: { engine: { rpm: 'double', cycles: 'uint64' } },
 * });
 * await stream.send('engine', { rpm: 4200, cycles: 1n });
 * await stream.flush('confirmed');
 * ```
 *
 * It is also an `EventEmitter`: each event comes under its name and as `event`.
 */
export class Stream extends EventEmitter<StreamEvents> implements AsyncDisposable {
  readonly #native: NativeStream;
  readonly #rows = new Map<string, Row>();
  readonly #shapes = new Map<string, FlowShape>();
  readonly #staged = new Map<string, FlowShape>();
  readonly #taps = new Map<string, Taps>();
  readonly #mailboxes = new Set<Mailbox<StreamEvent>>();
  #isListening = false;
  #isOver = false;

  private constructor(stream: NativeStream) {
    super();
    this.#native = stream;
    EventEmitter.prototype.on.call(this, 'newListener', () => this.#listen());
  }

  /** Opens a stream: registers the schema with Sift, or takes a place on disk. */
  static async open(options: StreamOptions, wait: WaitOptions = {}): Promise<Stream> {
    wait.signal?.throwIfAborted();
    const opening = Stream.#start(options, wait.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    try {
      return await watching(wait.signal, opening);
    } catch (error) {
      // Who gave up does not get the stream any more.
      opening.then((stream) => stream.cancel('the wait for it was aborted'), () => undefined);
      throw error;
    }
  }

  static async #start(options: StreamOptions, timeoutMs: number): Promise<Stream> {
    const relay = new LogRelay();
    const onLog = (record: string | null): void => relay.take(record);
    let opened: NativeStream;
    try {
      opened = await native.open(optionsJson(options), timeoutMs, options.logLevel, options.logLevel && onLog);
    } catch (thrown) {
      throw told(thrown);
    }
    const stream = new Stream(opened);
    if (options.logLevel) relay.connect(stream as EventEmitter);
    forgotten.register(stream, `the stream to asset "${options.assetName ?? ''}"`, stream.#native);
    return stream;
  }

  /**
   * Sends a row by the names of its channels, waiting for room; channels that are not named are sent as "no news". The
   * row's time is that of the call, if none is given. On an error the row was not accepted. With `autoRegisterFlows` the
   * flow may be unknown: it is registered first, as it was staged or as the values tell.
   */
  async send(flow: string, values: Readonly<Record<string, Value>>, options: SendOptions & { time?: Time } = {}): Promise<void> {
    return this.#fill(flow, values).send(options.time, options);
  }

  /**
   * Sends a row by the names of its channels without ever waiting; `false` if the stream is full now, or the flow is
   * being registered.
   */
  trySend(flow: string, values: Readonly<Record<string, Value>>, time?: Time): boolean {
    return this.#fill(flow, values).trySend(time);
  }

  /** A row to fill by position and send again and again: the fast way. */
  row(flow: string): Row {
    const row = asking(() => this.#native.row(flow));
    return new Row(this.#shape(flow), row, this.#tapsOf(flow));
  }

  /**
   * Sends many rows, waiting for room; typed arrays are read in place. They must not be changed until the promise is
   * settled. Returns how many rows were sent; an error says in `accepted` how many were before it. So that the event loop
   * stays free, a large batch goes in parts: what else is sent before the promise is settled may come between them.
   */
  async sendColumns(flow: string, batch: ColumnBatch, options: SendOptions = {}): Promise<number> {
    const { times, entries, rows } = pack(this.#shape(flow), batch);
    const deadline = options.timeoutMs === undefined ? undefined : performance.now() + options.timeoutMs;
    let sent = 0;
    try {
      while (sent < rows) {
        const to = Math.min(sent + ROWS_A_TURN, rows);
        const accepted = options.signal?.aborted ? 0 : this.#native.sendColumnsNow(flow, times, entries, sent, to);
        sent += accepted;
        if (sent < to) {
          const left = deadline === undefined ? undefined : Math.max(deadline - performance.now(), 0);
          sent += await waiting(options.signal, (signal) =>
            this.#native.sendColumns(flow, times, entries, sent, to, left, signal),
          );
        } else if (sent < rows) {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    } catch (thrown) {
      throw accepted(told(thrown), sent);
    }
    this.#showLast(flow, batch, rows);
    return rows;
  }

  /** Sends as many rows as there is room for, from row `from` on, without ever waiting; returns how many. */
  trySendColumns(flow: string, batch: ColumnBatch, from = 0): number {
    const { times, entries, rows } = pack(this.#shape(flow), batch);
    const sent = asking(() => this.#native.trySendColumns(flow, times, entries, from, rows));
    this.#showLast(flow, batch, from + sent);
    return sent;
  }

  /** Brings everything accepted so far to a level, `confirmed` by default, and waits for it. */
  async flush(level: Level = 'confirmed', wait: WaitOptions = {}): Promise<void> {
    await waiting(wait.signal, (signal) => this.#native.flush(level, wait.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal));
  }

  /** Asks Sift to confirm what was accepted so far, and waits for nothing; events and watermarks tell when it did. */
  checkpoint(): void {
    asking(() => this.#native.checkpoint());
  }

  /** How far the rows have come. */
  watermarks(): Watermarks {
    return JSON.parse(this.#native.watermarks()) as Watermarks;
  }

  /** What keeps rows from being delivered at this moment, if anything is known to. */
  trouble(): SiftStreamError | undefined {
    const trouble = this.#native.trouble();
    return trouble === null ? undefined : new SiftStreamError(JSON.parse(trouble) as ErrorDetails);
  }

  /** The counters of this moment. */
  metrics(): Metrics {
    return JSON.parse(this.#native.metrics()) as Metrics;
  }

  /**
   * Ends the stream: delivers what was accepted, in time, and says what became of each row. An error with a `report` if
   * a row is neither confirmed nor on disk. Calling it again is harmless; an aborted wait does not undo it.
   */
  async finish(wait: WaitOptions = {}): Promise<Report> {
    forgotten.unregister(this.#native);
    this.#listenIfHeard();
    try {
      const report = await watching(wait.signal, this.#native.finish(wait.timeoutMs ?? DEFAULT_TIMEOUT_MS));
      return JSON.parse(report) as Report;
    } catch (thrown) {
      throw told(thrown);
    } finally {
      for (const taps of this.#taps.values()) taps.end();
      if (!this.#isListening) this.#end();
    }
  }

  /** Ends the stream now: what waits gets the reason, and data stays on disk. */
  cancel(reason: string): void {
    forgotten.unregister(this.#native);
    this.#native.cancel(reason);
  }

  /** Finishes the stream, as `await using` does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }

  /** The ID of the run that rows are attached to. */
  get runId(): string | undefined {
    return this.#native.runId() ?? undefined;
  }

  /** Attaches rows sent from now on to a run. */
  async attachRun(run: RunOptions, wait: { signal?: AbortSignal } = {}): Promise<void> {
    await waiting(wait.signal, (signal) => this.#native.attachRun(JSON.stringify(run), signal));
  }

  /** Rows sent from now on belong to no run. */
  detachRun(): void {
    this.#native.detachRun();
  }

  /** Registers flows with Sift, so that their rows can be sent. */
  async addFlows(flows: Flows, wait: { signal?: AbortSignal } = {}): Promise<void> {
    await waiting(wait.signal, (signal) => this.#native.addFlows(JSON.stringify(flowList(flows)), signal));
  }

  /**
   * Keeps flows for their first rows, with `autoRegisterFlows`: types, units, names of enum values and what else a row
   * does not tell. Sift hears of a flow when its first row is sent by name.
   */
  stageFlows(flows: Flows): void {
    const list = flowList(flows);
    asking(() => this.#native.stageFlows(JSON.stringify(list)));
    for (const { name, channels } of list) {
      this.#staged.set(name, new FlowShape(name, channels.map((channel) => [channel.name, Kind[channel.type]] as const)));
    }
  }

  /** Replaces the API key; requests that begin later carry the new one. */
  setApiKey(apiKey: string): void {
    asking(() => this.#native.setApiKey(apiKey));
  }

  /**
   * Notes where the inputs stand behind the rows sent so far. It is stored as a checkpoint when those rows are durable,
   * and as another one when they are confirmed; `recover` tells after a restart.
   */
  mark(mark: Mark): void {
    asking(() => this.#native.mark(writeMark(mark)));
  }

  /** The newest stored checkpoints: before the first mark those of earlier streams of this name. */
  recover(): Recovery {
    return readRecovery(asking(() => this.#native.recover()));
  }

  /**
   * What happens to the stream from now on, as an async iterator; it ends with the stream, or when the signal is
   * aborted. Waiting for an event does not keep the process alive.
   */
  events(options: { signal?: AbortSignal } = {}): Mailbox<StreamEvent> {
    const mailbox = new Mailbox<StreamEvent>(EVENTS_WAITING);
    this.#mailboxes.add(mailbox);
    mailbox.onEnd(() => this.#mailboxes.delete(mailbox));
    mailbox.until(options.signal);
    if (this.#isOver) mailbox.end();
    else this.#listen();
    return mailbox;
  }

  /** How many events were dropped because JavaScript did not take them in time. */
  get eventsDropped(): number {
    return this.#native.eventsDropped();
  }

  /**
   * A sampled copy of what is sent to a flow through this object, at most `hz` rows a second, as an async iterator: to
   * draw it, for instance. It ends with the stream, or when the signal is aborted; it costs nothing when it is not used.
   * Of columns the last row is shown.
   */
  tap(options: { flow: string; hz?: number; signal?: AbortSignal }): Tap {
    this.#shape(options.flow);
    const tap = new Tap(options.hz ?? 10);
    this.#tapsOf(options.flow).add(tap);
    return tap.until(options.signal);
  }

  #fill(flow: string, values: Readonly<Record<string, Value>>): Row {
    let row = this.#rows.get(flow);
    if (!row) {
      row = this.#known(flow) ?? this.#new(flow, values);
    }
    row.clear();
    for (const name in values) row.set(name, values[name]);
    return row;
  }

  /** The row of a flow; none if its first row registers the flow. */
  #known(flow: string): Row | undefined {
    try {
      const row = this.row(flow);
      this.#rows.set(flow, row);
      return row;
    } catch (error) {
      const isNew = error instanceof SiftStreamError && error.code === 'UNKNOWN_FLOW' && this.#native.registersNew();
      if (isNew) return undefined;
      throw error;
    }
  }

  #new(flow: string, values: Readonly<Record<string, Value>>): Row {
    const told = (): FlowShape => new FlowShape(flow, Object.entries(values).map(([name, value]) => [name, kindOf(value)]));
    const shape = this.#staged.get(flow) ?? told();
    const channels = JSON.stringify(shape.names.map((name, at) => [name, shape.kinds[at]]));
    return new Row(shape, asking(() => this.#native.newRow(flow, channels)), this.#tapsOf(flow));
  }

  #shape(flow: string): FlowShape {
    let shape = this.#shapes.get(flow);
    if (!shape) {
      const channels = JSON.parse(asking(() => this.#native.row(flow)).channels());
      shape = new FlowShape(flow, channels as [string, number][]);
      this.#shapes.set(flow, shape);
    }
    return shape;
  }

  #tapsOf(flow: string): Taps {
    let taps = this.#taps.get(flow);
    if (!taps) {
      taps = new Taps();
      this.#taps.set(flow, taps);
    }
    return taps;
  }

  #showLast(flow: string, batch: ColumnBatch, rows: number): void {
    const taps = this.#taps.get(flow);
    if (!taps || taps.isEmpty || rows === 0) return;
    taps.offer(flow, () => {
      const last = Object.entries(batch.columns).map(([name, column]) => [name, column[rows - 1]] as const);
      return Object.fromEntries(last);
    });
  }

  #listenIfHeard(): void {
    if (this.eventNames().some((name) => String(name) !== 'newListener')) this.#listen();
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    const listener = Stream.#listener(new WeakRef(this));
    asking(() => this.#native.listen(listener));
  }

  /** Holds the stream weakly, and so must be made where nothing else is in reach: who forgets a stream gets rid of it. */
  static #listener(weak: WeakRef<Stream>): (event: string | null) => void {
    return (event) => {
      const stream = weak.deref();
      if (!stream) return;
      if (event === null) stream.#end();
      else stream.#tell(JSON.parse(event) as StreamEvent);
    };
  }

  #tell(event: StreamEvent): void {
    for (const mailbox of this.#mailboxes) mailbox.put(event);
    this.emit('event', event);
    (this as EventEmitter).emit(event.name, event);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const mailbox of [...this.#mailboxes]) mailbox.end();
    this.emit('end');
  }
}

/** The same error, with how many rows had been accepted before it. */
function accepted(thrown: unknown, rows: number): unknown {
  if (!(thrown instanceof SiftStreamError)) return thrown;
  const Kind = thrown.constructor as typeof SiftStreamError;
  const { code, number, message, retryable, dataStatus } = thrown;
  const details = { code, number, message, retryable, dataStatus, accepted: rows + (thrown.accepted ?? 0) };
  return new Kind(details, { cause: thrown.cause });
}

// `process.exit` ends a process without telling native parts.
process.once('exit', () => native.settleAtExit(isMainThread));
