/** What happened to a stream. */
import type { ErrorDetails } from './errors.js';
import type { IdRange } from './report.js';

/** The kinds of events; the names are the same in every language. */
export const eventNames = [
  'connected',
  'disconnected',
  'checkpoint',
  'checkpoint_failed',
  'disk_degraded',
  'disk_recovered',
  'quarantined',
  'rejected',
  'gave_up',
  'flow_registered',
  'recovered',
  'caught_up',
  'dropped',
] as const;

/** The name of a kind of event. */
export type StreamEventName = (typeof eventNames)[number];

/** Something that happened to a stream. What is not about its kind is not there. */
export interface StreamEvent {
  /** Its place among all events of the stream; a gap means that events were dropped because nobody read them. */
  number: number;
  /** When it happened, in milliseconds since 1970. */
  at: number;
  /** What kind it is. */
  name: StreamEventName;
  /** What happened, in one line. */
  text: string;
  /** How many rows it is about. */
  rows?: number;
  /** Their message IDs, where these are known. */
  ranges?: IdRange[];
  /** How many of them belong to each flow. */
  flows?: Record<string, number>;
  /** The number of the backup file it is about. */
  file?: number;
  /** The error behind it. */
  error?: ErrorDetails;
  /** After which wait it is tried again. */
  retryInMs?: number;
  /** From opening the gRPC stream to its confirmation. */
  durationMs?: number;
  /** How many bytes were put aside. */
  bytes?: number;
  /** The flow that was registered. */
  flow?: string;
  /** What made rows drop. */
  cause?: string;
}

/** How much a log record matters. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** One line of the log. */
export interface LogRecord {
  /** When it was logged, in milliseconds since 1970. */
  at: number;
  level: LogLevel;
  /** Which part of siftstream says it, such as `siftstream::ingestion`. */
  target: string;
  message: string;
}

/** The events of a `Stream` as an `EventEmitter`: each under its name, and each as `event`. */
export type StreamEvents = { [name in StreamEventName]: [event: StreamEvent] } & {
  event: [event: StreamEvent];
  /** The stream logged something; it does so only if it was opened with a `logLevel`. */
  log: [record: LogRecord];
  /** The stream is finished: no more events come. */
  end: [];
};
