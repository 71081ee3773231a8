/**
 * A row as bytes that the native part reads in one call.
 *
 * ```text
 * 0        8        16                     16+8n            16+9n
 * | time   | kind   | 8 bytes a channel …  | 1 byte a channel |
 *   of row   of time  value                  is there a value?
 * ```
 *
 * Texts and bytes do not fit a cell: they are handed over by calls, and only their presence is in the cells.
 */
import { checkedNanos, millisOf, type Time } from './time.js';
import {
  encodableText,
  exactBigInt,
  exactNumber,
  exactSmall,
  Kind,
  roundableFloat,
  type FlowShape,
  type Value,
} from './value.js';
import type { NativeNewRow } from './native.js';

const HEAD = 16;
const NANOS = 1;
const MILLIS = 2;

/** The cells of one row. */
export class Cells {
  readonly bytes: Uint8Array;
  readonly #shape: FlowShape;
  readonly #row: NativeNewRow;
  readonly #kinds: Uint8Array;
  readonly #present: Uint8Array;
  readonly #doubles: Float64Array;
  readonly #signed: BigInt64Array;
  readonly #unsigned: BigUint64Array;
  readonly #int32s: Int32Array;
  readonly #uint32s: Uint32Array;
  readonly #texts: (string | Uint8Array)[] = [];
  readonly #nanos: BigInt64Array;
  readonly #millis: Float64Array;

  constructor(shape: FlowShape, row: NativeNewRow) {
    const count = shape.names.length;
    const memory = new ArrayBuffer(HEAD + 9 * count);
    this.#shape = shape;
    this.#row = row;
    this.#kinds = shape.kinds;
    this.bytes = new Uint8Array(memory);
    this.#nanos = new BigInt64Array(memory, 0, 1);
    this.#millis = new Float64Array(memory, 0, 1);
    this.#doubles = new Float64Array(memory, HEAD, count);
    this.#signed = new BigInt64Array(memory, HEAD, count);
    this.#unsigned = new BigUint64Array(memory, HEAD, count);
    this.#int32s = new Int32Array(memory, HEAD, 2 * count);
    this.#uint32s = new Uint32Array(memory, HEAD, 2 * count);
    this.#present = new Uint8Array(memory, HEAD + 8 * count, count);
  }

  /** The time of the row; without one, the time of the send. */
  setTime(time: Time | undefined): void {
    if (time === undefined) {
      this.bytes[8] = 0;
    } else if (typeof time === 'bigint') {
      this.#nanos[0] = checkedNanos(time);
      this.bytes[8] = NANOS;
    } else {
      this.#millis[0] = millisOf(time);
      this.bytes[8] = MILLIS;
    }
  }

  /** No channel has news. */
  clear(): void {
    this.#present.fill(0);
  }

  /** Sets the channel at a position; an error leaves the row as it was. */
  set(at: number, value: Value): void {
    if (value === null || value === undefined) {
      this.#present[this.#checked(at)] = 0;
      return;
    }
    switch (this.#kinds[at]) {
      case Kind.double:
        if (typeof value !== 'number') throw this.#shape.wrongType(at, value);
        this.#doubles[at] = value;
        break;
      case Kind.float:
        if (typeof value !== 'number') throw this.#shape.wrongType(at, value);
        this.#doubles[at] = roundableFloat(this.#shape, at, value);
        break;
      case Kind.int32:
        this.#int32s[2 * at] = exactSmall(this.#shape, at, value);
        break;
      case Kind.uint32:
      case Kind.enum:
        this.#uint32s[2 * at] = exactSmall(this.#shape, at, value);
        break;
      case Kind.int64:
        if (typeof value === 'bigint') this.#signed[at] = exactBigInt(this.#shape, at, value);
        else this.#setWide(at, value);
        break;
      case Kind.uint64:
        if (typeof value === 'bigint') this.#unsigned[at] = exactBigInt(this.#shape, at, value);
        else this.#setWide(at, value);
        break;
      case Kind.bool:
        if (typeof value !== 'boolean') throw this.#shape.wrongType(at, value);
        this.bytes[HEAD + 8 * at] = value ? 1 : 0;
        break;
      case Kind.string:
        this.#row.setText(at, encodableText(this.#shape, at, value));
        this.#texts[at] = value as string;
        break;
      case undefined:
        this.#checked(at);
        break;
      default:
        if (!(value instanceof Uint8Array)) throw this.#shape.wrongType(at, value);
        this.#row.setBytes(at, value);
        this.#texts[at] = value;
    }
    this.#present[at] = 1;
  }

  /** What the row holds, for those who look on. */
  get(at: number): Value {
    if (!this.#present[at]) return null;
    switch (this.#kinds[at]) {
      case Kind.double:
      case Kind.float:
        return this.#doubles[at] ?? null;
      case Kind.int32:
        return this.#int32s[2 * at] ?? null;
      case Kind.uint32:
      case Kind.enum:
        return this.#uint32s[2 * at] ?? null;
      case Kind.int64:
        return this.#signed[at] ?? null;
      case Kind.uint64:
        return this.#unsigned[at] ?? null;
      case Kind.bool:
        return this.bytes[HEAD + 8 * at] === 1;
      default:
        return this.#texts[at];
    }
  }

  /** A number of 64 bits, written as its halves: no bigint is made. */
  #setWide(at: number, value: Value): void {
    if (typeof value !== 'number') throw this.#shape.wrongType(at, value);
    const number = exactNumber(this.#shape, at, value);
    this.#uint32s[2 * at] = number;
    this.#int32s[2 * at + 1] = Math.floor(number / 0x1_0000_0000);
  }

  #checked(at: number): number {
    if (!Number.isInteger(at) || at < 0 || at >= this.#kinds.length) this.#shape.at(String(at));
    return at;
  }
}
