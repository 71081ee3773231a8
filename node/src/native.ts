/**
 * The native part: how it is found, and what it offers to the other files.
 *
 * It comes in a package of its own for each platform (`@siftstream/linux-x64-gnu`, …), of which npm installs the one
 * that fits. In the repository it lies in `npm/<platform>/`.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The stream of the native part. Structured answers are JSON. */
export interface NativeStream {
  row(flow: string): NativeRow;
  registersNew(): boolean;
  newRow(flow: string, channels: string): NativeNewRow;
  stageFlows(flows: string): void;
  trySendColumns(flow: string, times: NativeTimes, entries: NativeEntries, from: number, to: number): number;
  sendColumnsNow(flow: string, times: NativeTimes, entries: NativeEntries, from: number, to: number): number;
  sendColumns(
    flow: string,
    times: NativeTimes,
    entries: NativeEntries,
    from: number,
    to: number,
    timeoutMs?: number,
    signal?: NativeSignal,
  ): Promise<number>;
  flush(level: string, timeoutMs: number, signal?: NativeSignal): Promise<void>;
  finish(timeoutMs: number): Promise<string>;
  cancel(reason: string): void;
  checkpoint(): void;
  watermarks(): string;
  metrics(): string;
  trouble(): string | null;
  listen(listener: (event: string | null) => void): void;
  eventsDropped(): number;
  runId(): string | null;
  attachRun(selector: string, signal?: NativeSignal): Promise<void>;
  detachRun(): void;
  addFlows(flows: string, signal?: NativeSignal): Promise<void>;
  setApiKey(key: string): void;
  mark(mark: string): void;
  recover(): string;
}

/** A row of a flow that the stream does not know yet; filled as others are. */
export interface NativeNewRow {
  setText(at: number, text: string): void;
  setBytes(at: number, bytes: Uint8Array): void;
  trySend(cells: Uint8Array): boolean;
  sendNow(cells: Uint8Array): boolean;
  send(cells: Uint8Array, timeoutMs?: number, signal?: NativeSignal): Promise<void>;
}

/** A row whose cells JavaScript fills; see `cells.ts` for their layout. */
export interface NativeRow extends NativeNewRow {
  channels(): string;
}

/** Ends the waits that it was given to. */
export interface NativeSignal {
  fire(): void;
}

/** The local server of the native part. */
export interface NativeServer {
  uri(): string;
  port(): number;
  state(): string;
  rows(): number;
  takeKeptRows(): string;
  inject(fault: string): void;
  heal(): void;
  blackhole(): void;
  resetConnections(): void;
  endStreams(status: string): void;
  setApiKey(key?: string): void;
  stop(): Promise<void>;
  startAgain(): Promise<void>;
  close(): Promise<void>;
}

/** Nanoseconds, or milliseconds. */
export type NativeTimes = BigInt64Array | Float64Array;

/** Five entries a channel: index, number of the type, values, offsets of texts, flags of presence. */
export type NativeEntries = unknown[];

interface Native {
  open(
    options: string,
    timeoutMs: number,
    logLevel?: string,
    listener?: (record: string | null) => void,
  ): Promise<NativeStream>;
  configKeys(): string;
  startServer(options: string): Promise<NativeServer>;
  settleAtExit(ofProcess: boolean): void;
  errorCodes(): string;
  NativeSignal: new () => NativeSignal;
}

/** The platforms that there is a native part for. */
const PLATFORMS = ['linux-x64-gnu', 'linux-arm64-gnu'] as const;

function platform(): string {
  const name = `${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return name;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return `${name}-${report?.header?.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

function load(): Native {
  const require = createRequire(__filename);
  const wanted = platform();
  const given = process.env['SIFTSTREAM_NATIVE'];
  const places = given ? [given] : [`@siftstream/${wanted}`, join(__dirname, '..', 'npm', wanted, 'siftstream.node')];
  const causes: unknown[] = [];
  for (const place of places) {
    try {
      return require(place) as Native;
    } catch (cause) {
      causes.push(cause);
    }
  }
  const why = (PLATFORMS as readonly string[]).includes(wanted)
    ? `its package @siftstream/${wanted} is missing or cannot be loaded: install siftstream again, with optional ` +
      'dependencies, on the machine that it runs on'
    : `there is none for this platform: it is built for ${PLATFORMS.join(', ')}`;
  throw new Error(`siftstream has no native part for ${wanted}: ${why}`, { cause: new AggregateError(causes) });
}

/** The native part. */
export const native: Native = load();
