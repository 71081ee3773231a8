import assert from 'node:assert/strict';
import { test } from 'node:test';

import { failure, withStream } from './support.mjs';

test('typed arrays of each kind arrive, with gaps where there is no news', async () => {
  await withStream(async (stream, server) => {
    const sent = await stream.sendColumns('all', {
      times: BigInt64Array.of(1n, 2n),
      columns: {
        d: Float64Array.of(1, 2),
        f: Float32Array.of(1, 2),
        i32: Int32Array.of(-1, 2),
        u32: Uint32Array.of(1, 2),
        e: Uint32Array.of(0, 1),
        i64: BigInt64Array.of(-1n, 2n),
        u64: BigUint64Array.of(1n, 2n),
        b: Uint8Array.of(0, 1),
        s: ['a', 'b'],
      },
      present: { d: Uint8Array.of(0, 1) },
    });
    assert.equal(sent, 2);
    await stream.flush();
    const rows = server.takeRows().map((row) => row.values);
    assert.deepEqual(rows[0], ['-', '"a"', '#0', '-', 'false', '1.0000', '-1', '1', '-1', '1', '-']);
    assert.deepEqual(rows[1], ['2.000000', '"b"', '#1', '-', 'true', '2.0000', '2', '2', '2', '2', '-']);
  });
});

test('arrays of the wrong kind or length are refused as a whole', async () => {
  await withStream(async (stream) => {
    const times = new Float64Array(2);
    const bad = [
      [{ d: Float32Array.of(1, 2) }, 'WRONG_TYPE'],
      [{ i64: Float64Array.of(1, 2) }, 'WRONG_TYPE'],
      [{ b: Uint32Array.of(1, 2) }, 'WRONG_TYPE'],
      [{ s: Uint8Array.of(1, 2) }, 'WRONG_TYPE'],
      [{ d: Float64Array.of(1) }, 'INVALID_ARGUMENT'],
      [{ d: Float64Array.of(1, 2, 3) }, 'INVALID_ARGUMENT'],
      [{ s: ['a'] }, 'INVALID_ARGUMENT'],
      [{ nope: ['a', 'b'] }, 'UNKNOWN_CHANNEL'],
    ];
    for (const [columns, code] of bad) {
      assert.equal((await failure(() => stream.sendColumns('all', { times, columns }))).code, code);
      assert.equal((await failure(() => stream.trySendColumns('all', { times, columns }))).code, code);
    }
    const present = { d: Uint8Array.of(1) };
    const short = await failure(() => stream.sendColumns('all', { times, columns: { d: times }, present }));
    assert.equal(short.code, 'INVALID_ARGUMENT');
    assert.equal(stream.watermarks().accepted, 0);
  });
});

test('many rows go in turns, so that the event loop stays free, and all of them arrive once', async () => {
  await withStream(
    async (stream, server) => {
      const rows = 200_000;
      let turns = 0;
      const timer = setInterval(() => (turns += 1), 1);
      const batch = {
        times: new BigInt64Array(rows),
        columns: { seq: BigUint64Array.from({ length: rows }, (_, at) => BigInt(at)), rpm: new Float64Array(rows) },
      };
      assert.equal(await stream.sendColumns('engine', batch), rows);
      clearInterval(timer);
      assert.ok(turns > 0, 'no timer had its turn');
      assert.equal((await stream.finish()).confirmed, rows);
      assert.deepEqual(server.flow('engine').sequence, { first: 0, last: rows - 1, missing: 0, duplicates: 0 });
    },
    {},
    { keepRows: false },
  );
});

test('memory that is shared with other threads, and views into larger memory, are sent as they are', async () => {
  await withStream(async (stream, server) => {
    const shared = new Float64Array(new SharedArrayBuffer(16)).fill(7);
    const view = new Float64Array(Float64Array.of(0, 8, 9).buffer, 8, 2);
    await stream.sendColumns('engine', { times: shared, columns: { rpm: view } });
    await stream.flush();
    assert.deepEqual(
      server.takeRows().map((row) => [row.time, row.values[0]]),
      [
        [7_000_000n, '8.000000'],
        [7_000_000n, '9.000000'],
      ],
    );
  });
});

test('memory that was given away is no column', async () => {
  await withStream(async (stream) => {
    const rpm = Float64Array.of(1, 2);
    structuredClone(rpm.buffer, { transfer: [rpm.buffer] });
    const error = await failure(() => stream.sendColumns('engine', { times: [1, 2], columns: { rpm } }));
    assert.equal(error.code, 'INVALID_ARGUMENT');
  });
});
