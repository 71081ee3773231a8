/** Streams telemetry to Sift and never loses a row without saying so. */
export type { Column, ColumnBatch } from './columns.js';
export { AbortError, SiftStreamError, errorCodes, type DataStatus, type ErrorCode, type ErrorDetails } from './errors.js';
export { eventNames, type LogLevel, type LogRecord, type StreamEvent, type StreamEventName, type StreamEvents } from './events.js';
export type {
  ChannelOptions,
  Duration,
  FlowOptions,
  Flows,
  Metadata,
  Mode,
  RetryOptions,
  RunOptions,
  Size,
  StreamOptions,
} from './options.js';
export type { IdRange, Metrics, Report, Watermarks } from './report.js';
export type { CheckpointState, Mark, Recovery } from './resume.js';
export { Row, type SendOptions } from './row.js';
export { Stream, type Level, type WaitOptions } from './stream.js';
export type { Sample } from './tap.js';
export type { Time } from './time.js';
export type { Channel, ChannelType, Value } from './value.js';
