/** Many rows in one call: one array a channel. */
import { refused } from './errors.js';
import type { NativeEntries, NativeTimes } from './native.js';
import { millisOf, nanosOf, type Time } from './time.js';
import { encodableText, exactBigInt, exactNumber, exactSmall, Kind, roundableFloat, type FlowShape, type Value } from './value.js';

/**
 * The values of one channel, one a row. Typed arrays are read in place: `Float64Array` for `double`, `Float32Array` for
 * `float`, `Int32Array` and `Uint32Array` for `int32`, `uint32` and `enum`, `BigInt64Array` and `BigUint64Array` for
 * `int64` and `uint64`, `Uint8Array` for `bool` (0 is false). Arrays of values work for each channel, and are converted;
 * `null` in them is "no news".
 */
export type Column =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Uint8Array
  | readonly Value[];

/** Rows of one flow: row `n` is made of the `n`th element of each array. */
export interface ColumnBatch {
  /** The time of each row: nanoseconds as `BigInt64Array`, milliseconds as `Float64Array`, or an array of times. */
  times: BigInt64Array | Float64Array | readonly Time[];
  /** The values by channel. Channels that are not named are sent as "no news". */
  columns: Readonly<Record<string, Column>>;
  /** For channels that have news in some rows only: a byte for each row, 0 where there is none. */
  present?: Readonly<Record<string, Uint8Array>>;
}

/** A batch as the native part takes it. */
export interface PackedBatch {
  times: NativeTimes;
  entries: NativeEntries;
  rows: number;
}

/** Checks a batch and brings it into the form of the native part, without copying typed arrays. */
export function pack(shape: FlowShape, batch: ColumnBatch): PackedBatch {
  const times = own(isTimes(batch.times) ? batch.times : BigInt64Array.from(batch.times, nanosOf));
  if (times instanceof Float64Array) for (const time of times) millisOf(time);
  const entries: NativeEntries = [];
  for (const [name, column] of Object.entries(batch.columns)) {
    const at = shape.at(name);
    const packed = packColumn(shape, at, column);
    const present = batch.present?.[name] ?? packed.present ?? null;
    if (packed.rows !== times.length || (present && present.length !== times.length)) {
      throw refused(
        'INVALID_ARGUMENT',
        `the column of channel '${name}' of flow '${shape.flow}' has ${packed.rows} values for ${times.length} times: ` +
          'give one for each',
      );
    }
    entries.push(at, packed.kind, own(packed.values), packed.offsets ?? null, present && own(present));
  }
  return { times, entries, rows: times.length };
}

function isTimes(times: ColumnBatch['times']): times is BigInt64Array | Float64Array {
  return times instanceof BigInt64Array || times instanceof Float64Array;
}

interface PackedColumn {
  kind: number;
  values: ArrayBufferView;
  rows: number;
  offsets?: Int32Array;
  present?: Uint8Array;
}

function packColumn(shape: FlowShape, at: number, column: Column): PackedColumn {
  const wanted = shape.kinds[at] ?? 0;
  if (Array.isArray(column)) return packValues(shape, at, wanted, column as readonly Value[]);
  if (!ArrayBuffer.isView(column)) throw shape.wrongType(at, column);
  const typed = column as Exclude<Column, readonly Value[]>;
  if (kindsOf(typed).includes(wanted)) return { kind: wanted, values: typed, rows: typed.length };
  throw shape.wrongType(at, column);
}

/** The types of channels that an array is for. */
function kindsOf(column: Exclude<Column, readonly Value[]>): number[] {
  if (column instanceof Float64Array) return [Kind.double];
  if (column instanceof Float32Array) return [Kind.float];
  if (column instanceof Int32Array) return [Kind.int32];
  if (column instanceof Uint32Array) return [Kind.uint32, Kind.enum];
  if (column instanceof BigInt64Array) return [Kind.int64];
  if (column instanceof BigUint64Array) return [Kind.uint64];
  return column instanceof Uint8Array ? [Kind.bool] : [];
}

/** Converts an array of values, each checked. */
function packValues(shape: FlowShape, at: number, kind: number, given: readonly Value[]): PackedColumn {
  const present = Uint8Array.from(given, (value) => (value === null || value === undefined ? 0 : 1));
  const flags = present.includes(0) ? { present } : {};
  const rows = given.length;
  /** The values with something harmless where there is no news. */
  const filled = <T>(none: T, convert: (value: NonNullable<Value>) => T): T[] =>
    given.map((value) => (value === null || value === undefined ? none : convert(value)));
  const number = (value: unknown): number => {
    if (typeof value !== 'number') throw shape.wrongType(at, value);
    return value;
  };
  const wide = (value: unknown): bigint => {
    if (typeof value === 'bigint') return exactBigInt(shape, at, value);
    return BigInt(exactNumber(shape, at, number(value)));
  };
  const flag = (value: unknown): number => {
    if (typeof value !== 'boolean') throw shape.wrongType(at, value);
    return value ? 1 : 0;
  };
  switch (kind) {
    case Kind.double:
      return { kind, rows, values: Float64Array.from(filled(0, number)), ...flags };
    case Kind.float:
      return { kind, rows, values: Float32Array.from(filled(0, (value) => roundableFloat(shape, at, number(value)))), ...flags };
    case Kind.int32:
      return { kind, rows, values: Int32Array.from(filled(0, (value) => exactSmall(shape, at, value))), ...flags };
    case Kind.uint32:
    case Kind.enum:
      return { kind, rows, values: Uint32Array.from(filled(0, (value) => exactSmall(shape, at, value))), ...flags };
    case Kind.int64:
      return { kind, rows, values: BigInt64Array.from(filled(0n, wide)), ...flags };
    case Kind.uint64:
      return { kind, rows, values: BigUint64Array.from(filled(0n, wide)), ...flags };
    case Kind.bool:
      return { kind, rows, values: Uint8Array.from(filled(0, flag)), ...flags };
    case Kind.string: {
      const texts = filled(EMPTY, (value) => Buffer.from(encodableText(shape, at, value)));
      return { kind, rows, ...joined(texts), ...flags };
    }
    default: {
      const bytes = filled(EMPTY, (value) => {
        if (!(value instanceof Uint8Array)) throw shape.wrongType(at, value);
        return value;
      });
      return { kind, rows, ...joined(bytes), ...flags };
    }
  }
}

const EMPTY: Uint8Array = new Uint8Array();

/** All bytes together, and where those of each row begin and of the last one end. */
function joined(pieces: readonly Uint8Array[]): { values: Uint8Array; offsets: Int32Array } {
  const offsets = new Int32Array(pieces.length + 1);
  let end = 0;
  pieces.forEach((piece, at) => {
    end += piece.length;
    offsets[at + 1] = end;
  });
  if (end > 0x7fff_ffff) throw refused('INVALID_ARGUMENT', 'a column has more than 2 GiB of texts: send fewer rows at once');
  return { values: Buffer.concat(pieces), offsets };
}

/** Memory that other threads may change is copied, so that what was checked is what is sent. */
function own<T extends ArrayBufferView>(view: T): T {
  if (!(view.buffer instanceof SharedArrayBuffer)) return view;
  return (view as unknown as { slice(): T }).slice();
}
