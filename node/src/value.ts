/** Values, and what a channel takes. */
import { refused, type SiftStreamError } from './errors.js';

/**
 * A value for a channel: a number for `double`, `float`, `int32`, `uint32` and `enum`; a bigint, or a whole number that
 * is exact, for `int64` and `uint64`; text for `string`, bytes for `bit_field` and `bytes`. `null` is "no news".
 */
export type Value = number | bigint | boolean | string | Uint8Array | null | undefined;

/** The types of channels. */
export type ChannelType =
  | 'double'
  | 'string'
  | 'enum'
  | 'bit_field'
  | 'bool'
  | 'float'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bytes';

/** The same as numbers: Sift's own. */
export const Kind = {
  double: 1,
  string: 2,
  enum: 3,
  bit_field: 4,
  bool: 5,
  float: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  bytes: 11,
} as const satisfies Record<ChannelType, number>;

const NAMES = Object.fromEntries(Object.entries(Kind).map(([name, kind]) => [kind, name])) as Record<number, ChannelType>;

/** The type that a value tells by itself; 0 if it tells none. */
export function kindOf(value: Value): number {
  switch (typeof value) {
    case 'number':
      return Kind.double;
    case 'bigint':
      return Kind.int64;
    case 'boolean':
      return Kind.bool;
    case 'string':
      return Kind.string;
    default:
      return value instanceof Uint8Array ? Kind.bytes : 0;
  }
}

/** A channel of a flow, as a stream knows it. */
export interface Channel {
  readonly name: string;
  readonly type: ChannelType;
}

/** The channels of a flow, found by name and by position. */
export class FlowShape {
  readonly names: readonly string[];
  readonly kinds: Uint8Array;
  readonly #positions: ReadonlyMap<string, number>;

  constructor(
    readonly flow: string,
    channels: readonly (readonly [name: string, kind: number])[],
  ) {
    this.names = channels.map(([name]) => name);
    this.kinds = Uint8Array.from(channels, ([, kind]) => kind);
    this.#positions = new Map(this.names.map((name, at) => [name, at]));
  }

  get channels(): Channel[] {
    return this.names.map((name, at) => ({ name, type: this.type(at) }));
  }

  /** The position of a channel. */
  at(name: string): number {
    const at = this.#positions.get(name);
    if (at === undefined) {
      throw refused('UNKNOWN_CHANNEL', `flow '${this.flow}' has no channel '${name}': use one of ${this.names.join(', ')}`);
    }
    return at;
  }

  /** The type of the channel at a position. */
  type(at: number): ChannelType {
    return NAMES[this.kinds[at] ?? 0] ?? 'bytes';
  }

  /** The error for a value that is not of the channel's type. */
  wrongType(at: number, value: unknown): SiftStreamError {
    const given = value instanceof Object ? (value.constructor?.name ?? 'an object') : typeof value;
    return refused(
      'WRONG_TYPE',
      `channel '${this.names[at]}' of flow '${this.flow}' is of type ${this.type(at)}, not ${given}: ` +
        "give a value of the channel's type",
    );
  }

  /** The error for a number that the channel cannot hold exactly. */
  inexact(at: number, value: unknown): SiftStreamError {
    const advice = this.kinds[at] === Kind.int64 || this.kinds[at] === Kind.uint64 ? 'give a bigint within its range' : 'give a whole number within its range';
    return refused(
      'INVALID_ARGUMENT',
      `channel '${this.names[at]}' of flow '${this.flow}' is of type ${this.type(at)} and cannot hold ` +
        `${String(value)} exactly: ${advice}`,
    );
  }
}

const LEAST_SIGNED = -(2n ** 63n);
const MOST_SIGNED = 2n ** 63n - 1n;
const MOST_UNSIGNED = 2n ** 64n - 1n;

/** The bigint, if the channel can hold it. */
export function exactBigInt(shape: FlowShape, at: number, value: bigint): bigint {
  const isUnsigned = shape.kinds[at] === Kind.uint64;
  if (value < (isUnsigned ? 0n : LEAST_SIGNED) || value > (isUnsigned ? MOST_UNSIGNED : MOST_SIGNED)) {
    throw shape.inexact(at, value);
  }
  return value;
}

/** The whole number, if it is exact and the channel of 64 bits can hold it. */
export function exactNumber(shape: FlowShape, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || (value < 0 && shape.kinds[at] === Kind.uint64)) throw shape.inexact(at, value);
  return value;
}

/** The number, if it is whole and within the range of the channel of at most 32 bits. */
export function exactSmall(shape: FlowShape, at: number, value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number') throw shape.wrongType(at, value);
  const [least, most] = shape.kinds[at] === Kind.int32 ? [-0x8000_0000, 0x7fff_ffff] : [0, 0xffff_ffff];
  if (!Number.isInteger(number) || number < least || number > most) throw shape.inexact(at, value);
  return number;
}

const MAX_FLOAT = 3.4028235677973366e38;

/** The number, if the channel of 32-bit floats can hold it: rounded, but not as infinity. */
export function roundableFloat(shape: FlowShape, at: number, value: number): number {
  if (Number.isFinite(value) && Math.abs(value) >= MAX_FLOAT) throw shape.inexact(at, value);
  return value;
}

/** The text, if UTF-8 can hold it. */
export function encodableText(shape: FlowShape, at: number, value: unknown): string {
  if (typeof value !== 'string') throw shape.wrongType(at, value);
  if (!value.isWellFormed()) throw shape.inexact(at, 'a text with half a surrogate pair');
  return value;
}
