/** Where inputs resume after a restart. */
import { nanosOf, type Time } from './time.js';

/** What is noted about the rows sent so far; all parts come into force together. */
export interface Mark {
  /** The next offset to read from each source. */
  offsets?: Readonly<Record<string, bigint | number>>;
  /** State of your own, by name. */
  state?: Readonly<Record<string, Uint8Array>>;
  /** Anything else worth noting. */
  metadata?: Readonly<Record<string, string>>;
  /** The latest event time, if you know it better than the times of the rows say. */
  eventTime?: Time;
}

/** The state of the inputs at one moment. */
export interface CheckpointState {
  /** The stream and the level that it belongs to. */
  stream: string;
  /** Its number; a later one replaces an earlier one. */
  sequence: number;
  /** When it was made, in milliseconds since 1970. */
  createdAt: number;
  /** The latest event time seen, in nanoseconds since 1970. */
  eventTimeWatermark: bigint | null;
  /** How many rows had been handed over. */
  rowCount: number;
  /** The next offset to read from each source. */
  offsets: Record<string, bigint>;
  /** Your own state, by name. */
  state: Record<string, Uint8Array>;
  /** Anything else that was noted. */
  metadata: Record<string, string>;
}

/** The newest stored checkpoints of a stream. */
export interface Recovery {
  /** The rows before it are on disk or confirmed: the stream sends the rest by itself. `null` without a disk. */
  durable: CheckpointState | null;
  /** Sift has the rows before it. */
  confirmed: CheckpointState | null;
  /** The one to resume from without losing a row: the durable one; without a disk, the confirmed one. */
  resume: CheckpointState | null;
}

/** A mark as the native part takes it. */
export function writeMark(mark: Mark): string {
  return JSON.stringify({
    offsets: mapped(mark.offsets, String),
    state: mapped(mark.state, (bytes) => [...bytes]),
    metadata: mark.metadata,
    eventTime: mark.eventTime === undefined ? undefined : nanosOf(mark.eventTime).toString(),
  });
}

interface ToldState extends Omit<CheckpointState, 'eventTimeWatermark' | 'offsets' | 'state'> {
  eventTimeWatermark: string | null;
  offsets: Record<string, string>;
  state: Record<string, number[]>;
}

/** What the native part says is stored. */
export function readRecovery(json: string): Recovery {
  const told = JSON.parse(json) as { durable: ToldState | null; confirmed: ToldState | null };
  const read = (state: ToldState | null): CheckpointState | null =>
    state && {
      ...state,
      eventTimeWatermark: state.eventTimeWatermark === null ? null : BigInt(state.eventTimeWatermark),
      offsets: mapped(state.offsets, BigInt) ?? {},
      state: mapped(state.state, (bytes) => Uint8Array.from(bytes)) ?? {},
    };
  const [durable, confirmed] = [read(told.durable), read(told.confirmed)];
  return { durable, confirmed, resume: durable ?? confirmed };
}

function mapped<A, B>(entries: Readonly<Record<string, A>> | undefined, change: (value: A) => B): Record<string, B> | undefined {
  return entries && Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, change(value)]));
}
