import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Stream } from 'siftstream';
import { LocalServer } from 'siftstream/testing';

import { patiently, to, withStream } from './support.mjs';

test('events come to iterators and listeners, numbered, and end with the stream', async () => {
  await using server = await LocalServer.start({ apiKey: 'key' });
  const stream = await Stream.open(to(server));
  const heard = [];
  stream.on('event', (event) => heard.push(event));
  const checkpoint = once(stream, 'checkpoint');
  const read = Array.fromAsync ? Array.fromAsync(stream.events()) : collect(stream.events());
  await stream.send('engine', {});
  await stream.flush();
  const [event] = await patiently(checkpoint);
  assert.equal(event.rows, 1);
  assert.deepEqual(event.ranges, [[0, 1]]);
  assert.deepEqual(event.flows, { engine: 1 });
  assert.ok(event.durationMs >= 0 && event.at > 1.6e12);
  await stream.finish();
  const all = await patiently(read);
  assert.deepEqual(all.map((event) => event.number), all.map((_, at) => at));
  assert.deepEqual(all.map((event) => event.name), heard.map((event) => event.name));
  assert.ok(all.some((event) => event.name === 'connected'));
  assert.deepEqual(await collect(stream.events()), []);
});

async function collect(events) {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
}

test('a signal ends the iteration of events', async () => {
  await withStream(async (stream) => {
    const abort = new AbortController();
    const read = collect(stream.events({ signal: abort.signal }));
    abort.abort();
    await patiently(read);
    assert.deepEqual(await collect(stream.events({ signal: AbortSignal.abort() })), []);
  });
});

test('a disconnect says why, and when it is tried again', async () => {
  await withStream(async (stream, server) => {
    const gone = once(stream, 'disconnected');
    await stream.send('engine', {});
    await server.stop();
    const [event] = await patiently(gone);
    assert.equal(typeof event.retryInMs, 'number');
    assert.equal(typeof event.error.code, 'string');
    await server.startAgain();
  });
});

test('a tap shows a sample of what is sent, bounded in rate and in memory', async () => {
  await withStream(async (stream) => {
    const all = stream.tap({ flow: 'all', hz: 1e6 });
    await stream.send('all', { d: 1, s: 'x', u64: 5n });
    await stream.sendColumns('all', { times: [1, 2], columns: { d: Float64Array.of(3, 4) } });
    const [first, second] = [(await all.next()).value, (await all.next()).value];
    assert.deepEqual([first.flow, first.values.d, first.values.s, first.values.u64, first.values.b], ['all', 1, 'x', 5n, null]);
    assert.deepEqual(second.values, { d: 4 });

    const slow = stream.tap({ flow: 'engine', hz: 1 });
    const engine = stream.row('engine');
    for (let seq = 0; seq < 1_000; seq += 1) engine.setAt(1, seq).trySend();
    assert.equal((await slow.next()).value.values.seq, 0n);
    for (let seq = 0; seq < 2_000; seq += 1) await stream.send('all', {});
    assert.ok(all.dropped > 0, 'nobody read, so the oldest go');
    await all.return();
    const rest = collect(slow);
    await stream.finish();
    assert.ok((await patiently(rest)).length <= 3);
  });
});

test('each metric is documented, and each documented one is there', async () => {
  const declared = readFileSync(fileURLToPath(new URL('../../dist/report.d.ts', import.meta.url)), 'utf8');
  const names = declared.slice(declared.indexOf('interface Metrics')).matchAll(/^ {4}(\w+):/gm);
  await withStream(async (stream) => {
    assert.deepEqual(Object.keys(stream.metrics()).sort(), Array.from(names, ([, name]) => name).sort());
  });
});

test('metrics and watermarks count', async () => {
  await withStream(async (stream) => {
    for (let seq = 0; seq < 10; seq += 1) await stream.send('engine', { seq });
    stream.checkpoint();
    await stream.flush();
    const metrics = stream.metrics();
    assert.deepEqual([metrics.rowsAccepted, metrics.rowsConfirmed, metrics.statuses.length], [10, 10, 17]);
    assert.ok(metrics.checkpoints >= 1 && metrics.bytesSent > 0);
    assert.deepEqual(stream.watermarks(), { accepted: 10, written: null, durable: null, confirmed: 10 });
  });
});
