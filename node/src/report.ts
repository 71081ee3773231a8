/** What a stream tells about its rows. Counts are exact up to 2^53. */

/** Message IDs: from the first one to the one before the second. */
export type IdRange = readonly [from: number, to: number];

/**
 * What became of each row, each once, at the furthest state it reached:
 * `accepted + recovered = confirmed + onDisk + inMemory + dropped + rejected`.
 */
export interface Report {
  /** Rows that calls to send took. */
  accepted: number;
  /** Rows taken over from earlier streams of the same name. */
  recovered: number;
  /** Rows that Sift has confirmed. */
  confirmed: number;
  /** Rows kept on disk, to be sent later. */
  onDisk: number;
  /** Rows that were only in memory, sent or not, and are not confirmed. */
  inMemory: number;
  /** Rows given up by a choice of the user. */
  dropped: number;
  /** Rows that Sift refused. */
  rejected: number;
  /** Message IDs that are not confirmed. */
  unconfirmed: IdRange[];
}

/**
 * How many rows, from the first one on, are at each level or beyond without a gap; `null` for a level that the mode
 * does not have.
 */
export interface Watermarks {
  /** Accepted by a call to send. */
  accepted: number;
  /** Survive a crash of the process. */
  written: number | null;
  /** Survive a power failure. */
  durable: number | null;
  /** Confirmed by Sift. */
  confirmed: number | null;
}

/** The counters of a stream at one moment. Each is exact; together they are not one instant. */
export interface Metrics {
  /** Rows accepted from callers. */
  rowsAccepted: number;
  /** Bytes of these rows as they are sent. */
  bytesAccepted: number;
  /** Rows given to gRPC streams; a row that is sent again counts again. */
  rowsSent: number;
  /** Bytes given to gRPC streams. */
  bytesSent: number;
  /** Rows that Sift has confirmed. */
  rowsConfirmed: number;
  /** Bytes that confirmed gRPC streams of the live path carried. */
  bytesConfirmed: number;
  /** Rows given up by a choice of the user. */
  rowsDropped: number;
  /** Rows that survive a crash of the process, from the first without a gap. */
  rowsWritten: number;
  /** Rows that survive a power failure, from the first without a gap. */
  rowsDurable: number;
  /** Backup files created by this stream. */
  backupFiles: number;
  /** Bytes of all backup files, those of earlier streams included. */
  backupBytes: number;
  /** How often the disk failed. */
  diskErrors: number;
  /** The disk fails at this moment: rows wait in memory. */
  diskDegraded: boolean;
  /** Unconfirmed rows of earlier streams that were found on disk. */
  rowsRecovered: number;
  /** Those of them that Sift has confirmed since. */
  recoveredRowsConfirmed: number;
  /** Rows of this stream that were confirmed after they were read back from disk. */
  rowsReingested: number;
  /** Backup files of earlier streams that are yet to be sent again. */
  filesToReingest: number;
  /** gRPC streams opened to send rows again from the disk. */
  reingestionStreamsOpened: number;
  /** Re-ingestion's gRPC streams that ended with a confirmation. */
  reingestionCheckpoints: number;
  /** Re-ingestion's gRPC streams that ended without one. */
  reingestionCheckpointsFailed: number;
  /** Rows that are yet to be read back from disk and sent, at this moment. */
  rowsOwed: number;
  /** Rows that wait to be sent. */
  ingestionChannelRows: number;
  /** Memory held by them. */
  ingestionChannelBytes: number;
  /** Memory held by rows that were sent and are not confirmed, for sending them again. */
  replayWindowBytes: number;
  /** Rows that wait to be written. */
  backupChannelRows: number;
  /** Memory held by them. */
  backupChannelBytes: number;
  /** gRPC streams opened. */
  streamsOpened: number;
  /** gRPC streams that ended with a confirmation. */
  checkpoints: number;
  /** gRPC streams that ended without one. */
  checkpointsFailed: number;
  /** Checkpoints made because their interval had passed. */
  checkpointsByTimer: number;
  /** Checkpoints that a caller asked for: by a flush, a finish or `checkpoint`. */
  checkpointsByRequest: number;
  /** The time of all confirmed gRPC streams, from the first row to the confirmation, in milliseconds. */
  checkpointTimeMs: number;
  /** Half-closed gRPC streams whose answer is awaited. */
  checkpointsAwaited: number;
  /** Answers OK that came too early to be a confirmation. */
  earlyOks: number;
  /** Waits before another attempt. */
  retries: number;
  /** The wait that goes on now, in milliseconds; 0 if there is none. */
  currentBackoffMs: number;
  /** How often a gRPC stream ended with each status code, by number. */
  statuses: number[];
}
