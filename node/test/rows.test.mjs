import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AbortError, SiftStreamError, Stream, errorCodes } from 'siftstream';
import { LocalServer } from 'siftstream/testing';

import { failure, to, withStream } from './support.mjs';

const row = {
  d: 0.1,
  s: 'höhe ≠ 😀',
  e: 1,
  bf: Uint8Array.of(5),
  b: true,
  f: 0.5,
  i32: -2147483648,
  u32: 4294967295,
  i64: -(2n ** 63n),
  u64: 2n ** 64n - 1n,
  by: Uint8Array.of(0, 255),
};
const arrived = [
  '0.100000',
  '"höhe ≠ 😀"',
  '#1',
  '0x05',
  'true',
  '0.5000',
  '-2147483648',
  '4294967295',
  '-9223372036854775808',
  '18446744073709551615',
  '0x00ff',
];

test('a value of each type arrives as it was sent, by name, by position and as a column', async () => {
  await withStream(async (stream, server) => {
    await stream.send('all', row, { time: 1n });
    stream.trySend('all', row, 2n);
    stream.row('all').setAll(Object.values(row)).trySend(3n);
    const columns = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, [value, null]]));
    await stream.sendColumns('all', { times: [4n, 5n], columns });
    await stream.flush('confirmed');
    const rows = server.takeRows();
    assert.deepEqual(rows.map((row) => row.time), [1n, 2n, 3n, 4n, 5n]);
    for (const row of rows.slice(0, 4)) assert.deepEqual(row.values, arrived);
    assert.deepEqual(rows[4].values, arrived.map(() => '-'));
    assert.deepEqual(server.state().schemaErrors, []);
  });
});

test('integers are exact or refused', async () => {
  await withStream(async (stream, server) => {
    const engine = stream.row('all');
    const exact = [
      ['i64', Number.MAX_SAFE_INTEGER],
      ['i64', -Number.MAX_SAFE_INTEGER],
      ['i64', -1],
      ['u64', Number.MAX_SAFE_INTEGER],
      ['u64', 4294967296],
      ['i32', 2147483647n],
      ['i64', 9223372036854775807n],
    ];
    for (const [name, value] of exact) {
      engine.clear().set(name, value).trySend();
      await stream.sendColumns('all', { times: [0], columns: { [name]: [value] } });
    }
    await stream.flush();
    const values = server.takeRows().map((row) => row.values.find((value) => value !== '-'));
    assert.deepEqual(values, exact.flatMap(([, value]) => [String(value), String(value)]));
    const inexact = [
      ['i64', 2 ** 53],
      ['i64', 0.5],
      ['i64', 2n ** 63n],
      ['u64', -1],
      ['u64', -1n],
      ['u64', 2n ** 64n],
      ['i32', 2147483648],
      ['i32', 1.5],
      ['u32', -1],
      ['u32', Number.NaN],
      ['e', 1.5],
      ['f', 1e39],
      ['s', 'half a pair \ud83d'],
    ];
    for (const [name, value] of inexact) {
      for (const call of [
        () => engine.set(name, value),
        () => stream.trySend('all', { [name]: value }),
        () => stream.sendColumns('all', { times: [0], columns: { [name]: [value] } }),
      ]) {
        const error = await failure(call);
        assert.equal(error.code, 'INVALID_ARGUMENT', `${name} = ${String(value)}: ${error.stack}`);
        assert.match(error.message, new RegExp(`'${name}'`));
      }
    }
    assert.equal(stream.watermarks().accepted, 2 * exact.length);
  });
});

test('a value of the wrong type is refused at the call, and nothing of the row is sent', async () => {
  await withStream(async (stream) => {
    const wrong = { d: 1n, s: 5, e: 'on', bf: 'x', b: 1, f: '1', i32: '1', u32: true, i64: '1', u64: false, by: [1] };
    for (const [name, value] of Object.entries(wrong)) {
      const error = await failure(() => stream.send('all', { d: 1, [name]: value }));
      assert.equal(error.code, 'WRONG_TYPE', name);
      assert.equal(error.number, errorCodes.WRONG_TYPE);
      assert.equal(error.retryable, false);
      assert.equal(error.dataStatus, 'not_accepted');
      assert.ok(error instanceof SiftStreamError && error instanceof Error);
    }
    assert.equal((await failure(() => stream.send('all', { nope: 1 }))).code, 'UNKNOWN_CHANNEL');
    assert.equal((await failure(() => stream.send('nope', {}))).code, 'UNKNOWN_FLOW');
    assert.equal((await failure(() => stream.row('all').setAt(11, 1))).code, 'UNKNOWN_CHANNEL');
    assert.equal((await failure(() => stream.row('all').setAt(-1, null))).code, 'UNKNOWN_CHANNEL');
    assert.equal(stream.watermarks().accepted, 0);
  });
});

test('times are nanoseconds, milliseconds or dates', async () => {
  await withStream(async (stream, server) => {
    const engine = stream.row('engine');
    const before = BigInt(Date.now()) * 1_000_000n;
    for (const time of [7n, -7n, 1.5, 1_700_000_000_000.25, new Date(5), undefined]) engine.trySend(time);
    await stream.sendColumns('engine', { times: Float64Array.of(1.5, -1), columns: {} });
    await stream.sendColumns('engine', { times: [new Date(3), 4n], columns: {} });
    await stream.flush();
    const times = server.takeRows().map((row) => row.time);
    const now = times.splice(5, 1)[0];
    assert.deepEqual(times, [7n, -7n, 1_500_000n, 1_700_000_000_000_250_000n, 5_000_000n, 1_500_000n, -1_000_000n, 3_000_000n, 4n]);
    assert.ok(now >= before);
    for (const time of [Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN), 2n ** 63n, '2024']) {
      assert.equal((await failure(() => engine.trySend(time))).code, 'INVALID_ARGUMENT', String(time));
    }
  });
});

/** A stream whose server takes nothing: soon it is full. */
async function withFullStream(test) {
  await using server = await LocalServer.start({ apiKey: 'key' });
  const stream = await Stream.open(to(server, { ingestionDataChannelCapacity: 100, replayWindowBytes: 1000 }));
  server.blackhole();
  const engine = stream.row('engine');
  let sent = 0;
  // It is full when it stays so for a while: what is under way makes room once more.
  for (let full = 0; full < 20; ) {
    if (engine.setAt(1, sent).trySend()) {
      sent += 1;
      full = 0;
    } else {
      full += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  try {
    await test(stream, server, sent);
  } finally {
    server.heal();
    await stream.finish().catch(() => undefined);
  }
}

test('a full stream says so at once, and waiting sends go on in order when there is room', async () => {
  await withFullStream(async (stream, server, sent) => {
    assert.equal(stream.trySend('engine', { seq: 0 }), false);
    const waiting = Array.from({ length: 50 }, (_, at) => stream.send('engine', { seq: sent + at }));
    const columns = stream.sendColumns('engine', {
      times: new Float64Array(500),
      columns: { seq: BigUint64Array.from({ length: 500 }, (_, at) => BigInt(sent + 50 + at)) },
    });
    server.heal();
    await Promise.all(waiting);
    assert.equal(await columns, 500);
    const report = await stream.finish();
    assert.equal(report.confirmed, sent + 550);
    assert.deepEqual(server.flow('engine').sequence, { first: 0, last: sent + 549, missing: 0, duplicates: 0 });
  });
});

test('a wait for room ends at its time or with its signal, and says what was accepted', async () => {
  await withFullStream(async (stream, server, sent) => {
    const late = await failure(() => stream.send('engine', {}, { timeoutMs: 20 }));
    assert.equal(late.code, 'TIMEOUT');
    assert.equal(late.retryable, true);
    assert.equal(late.dataStatus, 'not_accepted');
    const times = new Float64Array(1000);
    const columns = await failure(() => stream.sendColumns('engine', { times, columns: {} }, { timeoutMs: 20 }));
    assert.deepEqual([columns.code, columns.accepted], ['TIMEOUT', 0]);
    for (const call of [
      (signal) => stream.send('engine', {}, { signal }),
      (signal) => stream.sendColumns('engine', { times, columns: {} }, { signal }),
      (signal) => stream.flush('confirmed', { signal }),
    ]) {
      const abort = new AbortController();
      const reason = new Error('enough');
      setTimeout(() => abort.abort(reason), 20);
      const error = await failure(() => call(abort.signal));
      assert.ok(error instanceof AbortError, error.stack);
      assert.deepEqual([error.name, error.code, error.cause], ['AbortError', 'CANCELLED', reason]);
      assert.equal((await failure(() => call(AbortSignal.abort()))).name, 'AbortError');
    }
    assert.equal(stream.watermarks().accepted, sent);
  });
});

test('a wait behind another wait ends at its own time or with its own signal, and the other goes on', async () => {
  await withFullStream(async (stream, server, sent) => {
    const first = stream.send('engine', { seq: sent });
    const times = new Float64Array(2);
    const columns = { seq: BigUint64Array.of(0n, 0n) };
    const signal = AbortSignal.timeout(20);
    const given = await Promise.all([
      failure(() => stream.send('engine', { seq: 0 }, { timeoutMs: 20 })),
      failure(() => stream.sendColumns('engine', { times, columns }, { timeoutMs: 20 })),
      failure(() => stream.send('engine', { seq: 0 }, { signal })),
      failure(() => stream.sendColumns('engine', { times, columns }, { signal })),
    ]);
    assert.deepEqual(
      given.map((error) => error.code),
      ['TIMEOUT', 'TIMEOUT', 'CANCELLED', 'CANCELLED'],
    );
    server.heal();
    await first;
    const report = await stream.finish();
    assert.equal(report.confirmed, sent + 1);
    assert.deepEqual(server.flow('engine').sequence, { first: 0, last: sent, missing: 0, duplicates: 0 });
  });
});
