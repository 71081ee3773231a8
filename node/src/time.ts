/** Times as JavaScript has them. */
import { refused } from './errors.js';

/** Nanoseconds since 1970 as a bigint, milliseconds since 1970 as a number, or a `Date`. */
export type Time = bigint | number | Date;

/** Nanoseconds since 1970, if they fit 64 bits. */
export function nanosOf(time: Time): bigint {
  if (typeof time === 'bigint') return checkedNanos(time);
  const millis = millisOf(time);
  const whole = Math.floor(millis);
  return checkedNanos(BigInt(whole) * 1_000_000n + BigInt(Math.round((millis - whole) * 1e6)));
}

/** Milliseconds since 1970. */
export function millisOf(time: number | Date): number {
  const millis = typeof time === 'number' ? time : time instanceof Date ? time.getTime() : Number.NaN;
  if (!Number.isFinite(millis)) {
    throw refused(
      'INVALID_ARGUMENT',
      `${String(time)} is no time: give nanoseconds as a bigint, milliseconds as a number, or a Date`,
    );
  }
  return millis;
}

/** The same number, if it fits 64 bits. */
export function checkedNanos(nanos: bigint): bigint {
  if (BigInt.asIntN(64, nanos) !== nanos) {
    throw refused('INVALID_ARGUMENT', `${nanos} ns is outside the years 1677 to 2262: give a Date for such times`);
  }
  return nanos;
}
