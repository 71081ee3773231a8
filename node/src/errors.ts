/** Errors with a stable code, and what became of the data. */
import { native, type NativeSignal } from './native.js';
import type { Report } from './report.js';

/** What kind of error it is: the names are the same in every language, and are never reused. */
export type ErrorCode =
  | 'FULL'
  | 'TIMEOUT'
  | 'CLOSED'
  | 'NOT_CONFIGURED'
  | 'WORKER_DIED'
  | 'CANCELLED'
  | 'FORKED'
  | 'ROW_TOO_LARGE'
  | 'DISK_FULL'
  | 'AUTH'
  | 'REJECTED'
  | 'INVALID_ARGUMENT'
  | 'UNKNOWN_FLOW'
  | 'UNKNOWN_CHANNEL'
  | 'WRONG_TYPE'
  | 'SCHEMA_MISMATCH'
  | 'UNAVAILABLE'
  | 'UNIMPLEMENTED'
  | 'IO'
  | 'CORRUPT'
  | 'TLS'
  | 'NOT_FOUND'
  | 'BUSY'
  | 'UNCONFIRMED'
  | 'DROPPED'
  | 'INTERNAL';

/** What became of the data that a failed call was about. */
export type DataStatus = 'not_accepted' | 'in_memory' | 'on_disk' | 'unknown' | 'confirmed';

/** What is known of an error. */
export interface ErrorDetails {
  code: ErrorCode;
  number: number;
  message: string;
  retryable: boolean;
  dataStatus: DataStatus;
  report?: Report | null;
  accepted?: number | null;
}

/** An error of siftstream. */
export class SiftStreamError extends Error {
  override name = 'SiftStreamError';
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** The same as a number, as C has it. */
  readonly number: number;
  /** Whether the same call can succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** What became of the data that the failed call was about. */
  readonly dataStatus: DataStatus;
  /** What became of each row, if the call was `finish`. */
  readonly report?: Report;
  /** How many rows were accepted, if the call was about many. */
  readonly accepted?: number;

  constructor(details: ErrorDetails, options?: ErrorOptions) {
    super(details.message, options);
    this.code = details.code;
    this.number = details.number;
    this.retryable = details.retryable;
    this.dataStatus = details.dataStatus;
    if (details.report) this.report = details.report;
    if (typeof details.accepted === 'number') this.accepted = details.accepted;
  }
}

/** A wait that its `AbortSignal` ended; `cause` is the signal's reason. */
export class AbortError extends SiftStreamError {
  override name = 'AbortError';
}

/** Name and number of each code. */
export const errorCodes: Readonly<Record<ErrorCode, number>> = Object.freeze(JSON.parse(native.errorCodes()));

/** An error that is found before the native part is asked. Nothing was accepted. */
export function refused(code: ErrorCode, message: string): SiftStreamError {
  return new SiftStreamError({
    code,
    number: errorCodes[code],
    message,
    retryable: false,
    dataStatus: 'not_accepted',
  });
}

const MARK = 'siftstream:';

/** The public form of what the native part throws. */
export function told(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !thrown.message.startsWith(MARK)) return thrown;
  return new SiftStreamError(JSON.parse(thrown.message.slice(MARK.length)) as ErrorDetails);
}

/** Calls the native part. */
export function asking<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw told(thrown);
  }
}

/** Waits for the native part, or until the signal is aborted, which ends the wait there. */
export async function waiting<T>(
  signal: AbortSignal | undefined,
  start: (signal?: NativeSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw aborted(signal);
  const fuse = signal && new native.NativeSignal();
  const onAbort = () => fuse?.fire();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await start(fuse);
  } catch (thrown) {
    const error = told(thrown);
    const byUs = signal?.aborted && error instanceof SiftStreamError && error.code === 'CANCELLED';
    throw byUs ? aborted(signal, error) : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Waits for something that goes on even if the signal is aborted. */
export async function watching<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(aborted(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = () => signal.removeEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(settled);
    if (signal.aborted) onAbort();
  });
}

function aborted(signal: AbortSignal, of?: SiftStreamError): AbortError {
  const details: ErrorDetails = {
    code: 'CANCELLED',
    number: errorCodes.CANCELLED,
    message: 'the wait was aborted by its signal',
    retryable: false,
    dataStatus: of?.dataStatus ?? 'not_accepted',
    accepted: of?.accepted ?? null,
  };
  return new AbortError(details, { cause: signal.reason });
}
