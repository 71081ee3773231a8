// Figures as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const some = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export const count = (value) => whole.format(value);

/** A value of a channel: about three digits. */
export const measured = (value) => (Math.abs(value) >= 1_000 ? whole.format(value) : some.format(value));

/** A number of bytes and its unit. */
export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const at = Math.min(Math.max(Math.floor(Math.log10(Math.max(value, 1)) / 3), 0), units.length - 1);
  return [some.format(value / 1_000 ** at), units[at]];
}

export const duration = (ms) => (ms >= 1_000 ? `${some.format(ms / 1_000)} s` : `${some.format(ms)} ms`);

export const clock = (at) => new Date(at).toLocaleTimeString('en-GB');
