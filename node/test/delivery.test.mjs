import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Stream } from 'siftstream';
import { LocalServer } from 'siftstream/testing';

import { failure, flows, scratch, to, withStream } from './support.mjs';

test('rows survive resets and errors of the server, and each is confirmed', async () => {
  await withStream(
    async (stream, server) => {
      server.inject({ effect: 'status', status: 'UNAVAILABLE', afterRows: 100 });
      server.inject({ effect: 'reset', afterRows: 50 });
      const engine = stream.row('engine');
      for (let seq = 0; seq < 2_000; seq += 1) await engine.setAt(1, seq).send();
      const report = await stream.finish();
      assert.deepEqual([report.accepted, report.confirmed, report.unconfirmed], [2_000, 2_000, []]);
      assert.equal(server.flow('engine').sequence.missing, 0);
      assert.equal(server.flow('engine').sequence.last, 1_999);
    },
    {},
    { keepRows: false },
  );
});

test('what a stream with backups could not send is on disk, and the next stream sends it', async () => {
  using dir = scratch();
  await using server = await LocalServer.start({ apiKey: 'key' });
  const options = to(server, { mode: 'live_with_backups', diskBackupPolicy: { backupsDir: dir.path } });
  const first = await Stream.open(options);
  await server.stop();
  for (let seq = 0; seq < 500; seq += 1) await first.send('engine', { seq });
  await first.flush('durable');
  assert.equal(first.watermarks().durable, 500);
  const report = await first.finish({ timeoutMs: 300 });
  assert.deepEqual([report.accepted, report.onDisk, report.confirmed], [500, 500, 0]);

  await server.startAgain();
  const second = await Stream.open(options);
  await server.received(500);
  while (second.metrics().recoveredRowsConfirmed < 500) await sleep(10);
  const after = await second.finish();
  assert.deepEqual([after.recovered, after.confirmed, after.onDisk], [500, 500, 0]);
  assert.equal(server.flow('engine').sequence.missing, 0);
});

test('a file backup needs no network', async () => {
  using dir = scratch();
  const stream = await Stream.open({
    mode: 'file_backup',
    uri: 'https://127.0.0.1:1',
    apiKey: 'key',
    assetName: 'rig',
    clientKey: 'rig-v1',
    ingestionConfigId: '00000000-0000-4000-8000-000000000000',
    diskBackupPolicy: { backupsDir: dir.path },
    flows,
  });
  await stream.sendColumns('engine', { times: new Float64Array(10_000), columns: {} });
  await stream.flush('durable');
  assert.deepEqual(stream.watermarks(), { accepted: 10_000, written: 10_000, durable: 10_000, confirmed: null });
  assert.equal((await failure(() => stream.flush('confirmed'))).code, 'NOT_CONFIGURED');
  assert.equal((await stream.finish()).onDisk, 10_000);
});

test('a finish that cannot deliver says what became of each row, and a second one is harmless', async () => {
  await using server = await LocalServer.start({ apiKey: 'key' });
  const stream = await Stream.open(to(server));
  server.blackhole();
  await stream.send('engine', {});
  const error = await failure(() => stream.finish({ timeoutMs: 100 }));
  assert.deepEqual([error.report.accepted, error.report.inMemory, error.report.unconfirmed], [1, 1, [[0, 1]]]);
  await stream.finish({ timeoutMs: 100 }).catch(() => undefined);
  assert.equal((await failure(() => stream.send('engine', {}))).code, 'CLOSED');
});

test('a stream that is cancelled tells those who wait', async () => {
  await using server = await LocalServer.start({ apiKey: 'key' });
  const stream = await Stream.open(to(server));
  server.blackhole();
  await stream.send('engine', {});
  const flushed = failure(() => stream.flush());
  stream.cancel('the test is over');
  const error = await flushed;
  assert.equal(error.code, 'CANCELLED');
  assert.match(error.message, /the test is over/);
});

test('rows belong to the run that is attached when they are sent', async () => {
  await withStream(async (stream, server) => {
    await stream.send('engine', {});
    await stream.attachRun({ name: 'Burn 1', clientKey: 'burn-1', tags: ['hot'] });
    await stream.send('engine', {});
    assert.deepEqual(server.state().runs.map((run) => [run.id, run.name]), [[stream.runId, 'Burn 1']]);
    const { runId } = stream;
    stream.detachRun();
    assert.equal(stream.runId, undefined);
    await stream.send('engine', {});
    await stream.flush();
    assert.deepEqual(server.takeRows().map((row) => row.runId), ['', runId, '']);
  });
});

test('flows can be added while the stream runs', async () => {
  await withStream(async (stream, server) => {
    await stream.addFlows({ late: { x: 'double' } });
    await stream.send('late', { x: 1 });
    await stream.flush();
    assert.equal(server.flow('late').rows, 1);
    const error = await failure(() => stream.addFlows({ late: { x: 'string' } }));
    assert.equal(error.code, 'SCHEMA_MISMATCH');
  });
});

test('inputs resume where their rows are safe', async () => {
  using dir = scratch();
  await using server = await LocalServer.start({ apiKey: 'key' });
  const options = to(server, { mode: 'live_with_backups', diskBackupPolicy: { backupsDir: dir.path } });
  const first = await Stream.open(options);
  assert.equal(first.recover().resume, null);
  await first.send('engine', {});
  first.mark({ offsets: { serial: 2n ** 60n }, state: { filter: Uint8Array.of(1, 255) }, metadata: { by: 'me' } });
  await first.flush('durable');
  await first.finish();
  const second = await Stream.open(options);
  const { resume } = second.recover();
  assert.deepEqual(
    [resume.offsets, resume.state, resume.metadata, resume.rowCount],
    [{ serial: 2n ** 60n }, { filter: Uint8Array.of(1, 255) }, { by: 'me' }, 1],
  );
  assert.equal((await failure(() => second.mark({ offsets: { serial: -1 } }))).code, 'INVALID_ARGUMENT');
  await second.finish();
});

test('opening fails with a reason, and can be aborted', async () => {
  await using server = await LocalServer.start({ apiKey: 'key' });
  assert.equal((await failure(() => Stream.open(to(server, { insecure: false })))).code, 'INVALID_ARGUMENT');
  assert.equal((await failure(() => Stream.open(to(server, { flows: { f: { x: 'dubble' } } })))).code, 'INVALID_ARGUMENT');
  const wrongKey = await failure(() => Stream.open(to(server, { apiKey: 'other' })));
  assert.equal(wrongKey.code, 'AUTH');
  assert.doesNotMatch(wrongKey.stack, /other/);
  server.blackhole();
  assert.equal((await failure(() => Stream.open(to(server), { timeoutMs: 50 }))).code, 'TIMEOUT');
  const error = await failure(() => Stream.open(to(server), { signal: AbortSignal.timeout(50) }));
  assert.equal(error.name, 'AbortError');
  assert.equal(error.cause.name, 'TimeoutError');
});
