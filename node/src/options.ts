/** What can be chosen when a stream is opened. */
import type { LogLevel } from './events.js';
import type { ChannelType } from './value.js';

/** Milliseconds, or a text such as `'250ms'`, `'5s'` or `'1h'`. */
export type Duration = number | string;

/** A number of bytes, or a text such as `'64MiB'`. */
export type Size = number | string;

/** Where rows go: to Sift from memory, to Sift with files until it has confirmed them, or to files only. */
export type Mode = 'live_only' | 'live_with_backups' | 'file_backup';

/** Metadata of an asset or a run. */
export type Metadata = Readonly<Record<string, string | number | boolean>>;

/** A channel of a flow; a text is its type. */
export type ChannelOptions =
  | ChannelType
  | {
      type: ChannelType;
      /** The unit shown beside values. */
      unit?: string;
      /** What the channel measures. */
      description?: string;
      /** Names for the values of an enum. */
      enumTypes?: readonly { name: string; key: number; isSigned?: boolean }[];
      /** Names for the bits of a bit field. */
      bitFieldElements?: readonly { name: string; index: number; bitCount: number }[];
    };

/** The channels of a flow by their names. Their order is that of the values in a row. */
export type FlowOptions = Readonly<Record<string, ChannelOptions>>;

/** Flows by their names. */
export type Flows = Readonly<Record<string, FlowOptions>>;

/** A run: an existing one by its ID, or one that is created or updated by its client key. */
export type RunOptions =
  | { id: string }
  | {
      name: string;
      clientKey: string;
      description?: string;
      tags?: readonly string[];
      metadata?: Metadata;
    };

/** How failures are tried again. */
export interface RetryOptions {
  maxAttempts?: number;
  initialBackoff?: Duration;
  maxBackoff?: Duration;
  backoffMultiplier?: number;
  /** The longest wait that Sift can ask for; after it, it is asked again. */
  maxRetryAfter?: Duration;
}

/**
 * The choices of a stream. They are the keys of siftstream's configuration, in camel case; what is left out keeps its
 * default, and an unknown key is an error.
 */
export interface StreamOptions {
  /** A TOML file with choices, flows and channels. What is chosen here or in the environment wins over it. */
  configFile?: string;
  /** Whether variables such as `SIFTSTREAM_URI` are looked at; what is chosen here wins over them. */
  environment?: boolean;

  /** Makes the stream log what matters so much or more, as `log` events; it is silent by default. */
  logLevel?: LogLevel;

  /** Where rows go; `live_only` by default. */
  mode?: Mode;
  /** Tells streams of one schema apart, on disk and where checkpoints of inputs are kept. */
  streamName?: string;
  /** How many threads the stream runs on. */
  workerThreads?: number;
  /** What the names of the stream's threads begin with, instead of `siftstream`: 1 to 8 visible ASCII characters. */
  threadName?: string;
  /** The numbers of the CPUs that the stream's threads run on, as texts, if not those of the thread that opens it. */
  threadCpus?: string[];
  /** The nice value of the stream's threads, `-20` to `19`, if not that of the thread that opens it. */
  threadNice?: string;
  /** Makes the stream's threads real-time threads (SCHED_FIFO) of this priority, 1 to 99. */
  threadFifoPriority?: number | null;

  /** The address of Sift's gRPC endpoint, such as `https://grpc-api.siftstack.com`. */
  uri?: string;
  /** The API key. */
  apiKey?: string;
  /** A file that holds the API key and nothing else. Writing a new key to it rotates the key while the stream runs. */
  apiKeyFile?: string;
  /** Takes `uri` and `apiKey` from this table of the user's `sift.toml`, or from its top level if it is empty. */
  profile?: string;
  /** Allows `http://`: the key and all data then travel unencrypted. */
  insecure?: boolean;

  /** A PEM file of certificates to trust besides those of the operating system and of Mozilla. */
  extraCaFile?: string;
  /** The same, as the content of such a file. */
  extraCaPem?: string;
  /** A PEM file with the certificate by which this client identifies itself (mutual TLS). */
  clientCertificateFile?: string;
  /** A PEM file with the private key that belongs to it. */
  clientKeyFile?: string;
  /** The certificate, as the content of such a file. */
  clientCertificatePem?: string;
  /** The private key, as the content of such a file. */
  clientKeyPem?: string;
  /** The name that the endpoint's certificate must hold, if it is not the host of `uri`. */
  serverName?: string;
  /** The oldest version of TLS that is spoken. */
  minTlsVersion?: '1.2' | '1.3';
  /** The time for finding and reaching the host. */
  connectTimeout?: Duration;
  /** The time for the TLS handshake, and for that of HTTP/2. */
  handshakeTimeout?: Duration;
  /**
   * The HTTP proxy to connect through, such as `http://user:password@proxy.example:3128`, or `none`. By default the
   * environment says it (`HTTPS_PROXY`, …), but never for this machine itself.
   */
  proxy?: string;
  /** Hosts that are reached without that proxy: names with all below them, addresses, networks, or `*`. */
  noProxy?: readonly string[];
  /** Compresses each row by gzip on its way to Sift, where that makes it shorter; off by default. */
  enableCompressionForIngestion?: boolean;
  /** How often HTTP/2 asks whether the endpoint still lives, also while idle. */
  http2KeepaliveInterval?: Duration;
  /** How long the answer to that may take before the connection is given up. */
  http2KeepaliveTimeout?: Duration;
  /** When TCP asks whether the endpoint still lives. */
  tcpKeepalive?: { idle?: Duration; interval?: Duration; retries?: number };

  /** The time for one attempt of a call other than sending. */
  requestTimeout?: Duration;
  /** The time for all attempts of one such call together. */
  overallTimeout?: Duration;
  /** How such calls are tried again. */
  controlRetryPolicy?: RetryOptions;
  /** The largest answer that is taken. */
  maxDecodingMessageSize?: Size;

  /** The vehicle or rig that the data is about. */
  assetName?: string;
  /** Your own name for the schema: the same key finds the same schema again. */
  clientKey?: string;
  /** The ID under which Sift knows the schema, if you have it: then Sift is not asked. */
  ingestionConfigId?: string;
  /** The flows; more can be added later. */
  flows?: Flows;
  /** Tags to add to the asset. */
  assetTags?: readonly string[];
  /** Metadata to add to the asset. */
  assetMetadata?: Metadata;
  /** The run to attach all rows to. */
  run?: RunOptions;

  /** The largest encoded row. */
  maxRowSize?: Size;
  /** Makes Sift end a stream at a row that does not fit the schema, instead of setting it aside. */
  endStreamOnValidationError?: boolean;
  /**
   * Registers a flow that is not part of the schema when its first row is sent by name: as `stageFlows` was given it, else
   * with the types of that row's values (a number is a double, a bigint an int64).
   */
  autoRegisterFlows?: boolean;
  /** What happens when the channel that senders wait for is full: they wait, or rows are dropped, counted and named. */
  overflowPolicy?: 'block' | 'drop_newest' | 'drop_oldest';
  /** What happens at a row that Sift rejects: the stream stops, or the row is kept in quarantine and skipped. */
  failurePolicy?: 'stop' | 'skip';
  /** The same for the rows of single flows. */
  flowFailurePolicies?: Readonly<Record<string, 'stop' | 'skip'>>;
  /** Where skipped rows are kept. With a disk they are kept in the slot. */
  quarantineDir?: string;

  /** How long a part-filled segment may wait for more rows; 0 sends at once. */
  linger?: Duration;
  /** How many rows may wait to be sent. */
  ingestionDataChannelCapacity?: number;
  /** How much memory rows that wait to be sent may take. */
  ingestionDataChannelBytes?: Size;
  /** How much memory unconfirmed rows of a live-only stream may take. */
  replayWindowBytes?: Size;
  /** How often what was sent is confirmed. */
  checkpointInterval?: Duration;
  /** A checkpoint is made early when so many rows were sent since the last one. */
  checkpointRows?: number;
  /** A checkpoint is made early when so many bytes were sent since the last one. */
  checkpointBytes?: Size;
  /** The file that keeps the checkpoints of a live-only stream's inputs. */
  checkpointFile?: string;
  /** After how long without progress a gRPC stream that has something to do is given up. */
  idleTimeout?: Duration;
  /** How long the answer to a half-closed gRPC stream may take while nothing moves. */
  responseTimeout?: Duration;
  /** Ends the stream at the first failure instead of trying again. */
  noRetry?: boolean;
  /** How failures are tried again. */
  retryPolicy?: RetryOptions;

  /** How rows are kept on disk. */
  diskBackupPolicy?: {
    /** Where files are kept; in the user's data directory by default. */
    backupsDir?: string;
    /** At which size a file is finished and the next one begins. */
    maxBackupFileSize?: Size;
    /** At how many files a checkpoint is made early. */
    maxFileCount?: number;
    /** Whether files stay after everything in them was confirmed. */
    retainBackups?: boolean;
    /** What all files may take together, those of earlier starts included. */
    maxBytes?: Size;
    /** How much of the disk to leave free. */
    minFree?: Size;
    /** What happens when there is no room. */
    whenFull?: 'block' | 'error' | 'drop_oldest' | 'drop_newest';
    /** When written rows are made to survive a power failure. */
    fsync?: Duration | 'never' | 'every_chunk';
  };
  /** How long the start waits for Sift, if it has to ask for an ID, before it goes on without. */
  offlineAfter?: Duration;
  /** How many rows may wait to be written. */
  backupDataChannelCapacity?: number;
  /** How much memory rows that wait to be written may take. */
  backupDataChannelBytes?: Size;
  /** How many rows share a chunk of a file at most. */
  batchSize?: number;
  /** How long a row waits at most for others before it is written. */
  flushInterval?: Duration;
  /** Whether rows that earlier streams of this name left on disk are sent, in the background. */
  recoverOnStart?: boolean;
  /** The most bytes of files that are sent again in a second. */
  reingestionBytesPerSecond?: Size;
}

/** The options as the native part takes them: JSON, with the keys of the configuration. */
export function optionsJson(options: StreamOptions): string {
  const { configFile, environment, logLevel: _, flows, assetMetadata, flowFailurePolicies, run, ...rest } = options;
  return JSON.stringify({
    configFile,
    environment,
    options: Object.fromEntries(keys(rest)),
    flows: flows && flowList(flows),
    assetMetadata,
    flowFailurePolicies,
    run,
  });
}

/** `maxRowSize` is `max_row_size`; `tcpKeepalive: { idle }` is `tcp_keepalive.idle`. */
function* keys(options: object, prefix = ''): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(options)) {
    const key = prefix + name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (value === undefined) continue;
    if (value instanceof Object && !Array.isArray(value)) yield* keys(value, `${key}.`);
    else yield [key, typeof value === 'bigint' ? value.toString() : value];
  }
}

/** A flow as the native part takes it. */
export interface ListedFlow {
  name: string;
  channels: { name: string; type: ChannelType }[];
}

/** Flows as the native part takes them. */
export function flowList(flows: Flows): ListedFlow[] {
  return Object.entries(flows).map(([name, channels]) => ({
    name,
    channels: Object.entries(channels).map(([name, channel]) =>
      typeof channel === 'string' ? { name, type: channel } : { name, ...channel },
    ),
  }));
}
