/** A Sift endpoint on this machine, with faults: for tests that send real rows over a real network. */
import { setTimeout as sleep } from 'node:timers/promises';

import { asking, told } from './errors.js';
import { native, type NativeServer } from './native.js';

/** How a local server is started. */
export interface LocalServerOptions {
  /** The address to listen at; `127.0.0.1` by default. */
  host?: string;
  /** The port to listen at; the system chooses by default. */
  port?: number;
  /** The key that every call must bear; everybody is admitted by default. */
  apiKey?: string;
  /** Keeps every valid row, for `takeRows`. */
  keepRows?: boolean;
  /** Only counts rows, as cheaply as possible: for speed tests. */
  countOnly?: boolean;
}

/** Something that goes wrong with the ingest streams to come. */
export interface Fault {
  /** What happens. */
  effect:
    | 'none'
    | 'status'
    | 'early_ok'
    | 'delay_ok'
    | 'no_response'
    | 'silence'
    | 'reset'
    | 'reset_stream'
    | 'goaway'
    | 'freeze'
    | 'slow_reader';
  /** The status of the effect `status`, such as `UNAVAILABLE`. */
  status?: string;
  /** After which wait the client is asked to come back, for the effect `status`. */
  retryAfterMs?: number;
  /** How long the effects `early_ok`, `delay_ok` and `freeze` take. */
  delayMs?: number;
  /** The pace of `slow_reader`. */
  bytesPerSecond?: number;
  /** It sets in after so many rows, bytes or milliseconds, or at the end of the stream; at once by default. */
  afterRows?: number;
  afterBytes?: number;
  afterMs?: number;
  atEnd?: boolean;
  /** For how many streams; 1 by default. */
  times?: number | 'always';
}

/** What arrived for one flow. */
export interface FlowTally {
  name: string;
  channels: string[];
  /** Valid rows. */
  rows: number;
  /** Bytes of their messages. */
  bytes: number;
  /** Rows that did not fit the schema. */
  schemaErrors: number;
  /** The values of the last row, in readable form. */
  lastValues: string[];
  /** What a `uint64` channel called `seq` carried, if the flow has one. */
  sequence: { first: number | null; last: number | null; missing: number; duplicates: number } | null;
}

/** What the server knows and received. */
export interface ServerState {
  rows: number;
  bytes: number;
  connections: number;
  /** Ingest streams opened, and those that ended with OK after the client's half-close. */
  streamsOpened: number;
  streamsConfirmed: number;
  schemaErrors: string[];
  flows: FlowTally[];
  runs: { id: string; name: string }[];
}

/** A row that was kept. */
export interface KeptRow {
  flow: string;
  /** Nanoseconds since 1970. */
  time: bigint | null;
  /** The values in readable form, in the order of the channels. */
  values: string[];
  runId: string;
}

/**
 * A Sift endpoint on this machine. It runs on a thread of its own and does not keep the process alive.
 *
 * ```ts
 * await using server = await LocalServer.start({ apiKey: 'key' });
 * await using stream = await Stream.open({ uri: server.uri, apiKey: 'key', insecure: true, … });
 * server.inject({ effect: 'status', status: 'UNAVAILABLE', afterRows: 100 });
 * ```
 */
export class LocalServer implements AsyncDisposable {
  readonly #native: NativeServer;

  private constructor(server: NativeServer) {
    this.#native = server;
  }

  /** Starts a server; then it accepts connections. */
  static async start(options: LocalServerOptions = {}): Promise<LocalServer> {
    return new LocalServer(await patiently(native.startServer(JSON.stringify(options))));
  }

  /** Where clients find it, for example `http://127.0.0.1:50051`. */
  get uri(): string {
    return asking(() => this.#native.uri());
  }

  /** The port it listens at; the same after a restart. */
  get port(): number {
    return asking(() => this.#native.port());
  }

  /** Valid rows received so far. */
  get rows(): number {
    return asking(() => this.#native.rows());
  }

  /** What it knows and received. */
  state(): ServerState {
    return JSON.parse(asking(() => this.#native.state())) as ServerState;
  }

  /** What arrived for a flow. */
  flow(name: string): FlowTally | undefined {
    return this.state().flows.find((flow) => flow.name === name);
  }

  /** The rows that were kept since the last call. */
  takeRows(): KeptRow[] {
    const rows = JSON.parse(asking(() => this.#native.takeKeptRows())) as (Omit<KeptRow, 'time'> & { time: string | null })[];
    return rows.map((row) => ({ ...row, time: row.time === null ? null : BigInt(row.time) }));
  }

  /** Waits until so many rows were received; an error if they do not come in time. */
  async received(rows: number, wait: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    const deadline = performance.now() + (wait.timeoutMs ?? 30_000);
    while (this.rows < rows) {
      wait.signal?.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`the local server received ${this.rows} of ${rows} rows in time`);
      await sleep(2);
    }
  }

  /** Queues a fault for the ingest streams to come. */
  inject(fault: Fault): void {
    asking(() => this.#native.inject(JSON.stringify(fault)));
  }

  /** Ends all faults: serves well what is silent, slow, frozen or in a blackhole. */
  heal(): void {
    asking(() => this.#native.heal());
  }

  /** Lets nothing pass on any connection until `heal`, as if a cable had been pulled. */
  blackhole(): void {
    asking(() => this.#native.blackhole());
  }

  /** Resets every open connection. */
  resetConnections(): void {
    asking(() => this.#native.resetConnections());
  }

  /** Ends every open ingest stream with a status such as `UNAVAILABLE`. */
  endStreams(status: string): void {
    asking(() => this.#native.endStreams(status));
  }

  /** From now on calls must bear this key; without one everybody is admitted. */
  setApiKey(key?: string): void {
    asking(() => this.#native.setApiKey(key));
  }

  /** Closes the listener and every connection; what it received is kept. */
  async stop(): Promise<void> {
    await patiently(this.#native.stop());
  }

  /** Listens again at the same port. */
  async startAgain(): Promise<void> {
    await patiently(this.#native.startAgain());
  }

  /** Ends the server for good. */
  async close(): Promise<void> {
    await patiently(this.#native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function patiently<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (thrown) {
    throw told(thrown);
  }
}
