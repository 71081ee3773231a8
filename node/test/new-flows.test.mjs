import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Stream } from 'siftstream';

import { failure, scratch, to, withStream } from './support.mjs';

const registering = { autoRegisterFlows: true };
const valves = {
  main: { type: 'enum', enumTypes: [{ name: 'shut', key: 0 }, { name: 'open', key: 7 }] },
  flow: { type: 'float', unit: 'kg/s' },
  step: 'int32',
  bits: { type: 'bit_field', bitFieldElements: [{ name: 'fuel', index: 0, bitCount: 1 }] },
  note: 'string',
};

const flowNamed = (server, name) => server.state().flows.find((flow) => flow.name === name);

test('the first row registers its flow, with the types that its values tell', async () => {
  await withStream(async (stream, server) => {
    const tank = { level: 0.5, refills: 3n, hot: true, note: 'é', raw: Uint8Array.of(1) };
    for (let step = 0; step < 100; step += 1) await stream.send('tank', { ...tank, refills: BigInt(step) }, { time: BigInt(step) });
    assert.equal(stream.trySend('tank', { level: 7 }), true);
    assert.deepEqual(stream.row('tank').channels.map(({ type }) => type), ['double', 'int64', 'bool', 'string', 'bytes']);
    await stream.flush('confirmed');
    const rows = server.takeRows();
    assert.equal(rows.length, 101);
    assert.deepEqual([rows[2].time, rows[2].values], [2n, ['0.500000', '2', 'true', '"é"', '0x01']]);
    assert.deepEqual(server.state().schemaErrors, []);
  }, registering);
});

test('a staged flow gives what a row does not tell', async () => {
  await withStream(async (stream, server) => {
    stream.stageFlows({ valves });
    assert.equal((await failure(() => stream.send('valves', { mian: 7 }))).code, 'UNKNOWN_CHANNEL');
    assert.equal((await failure(() => stream.send('valves', { step: 1.5 }))).code, 'INVALID_ARGUMENT');
    assert.equal(flowNamed(server, 'valves'), undefined);
    await stream.send('valves', { note: 'first', step: -1, main: 7, bits: Uint8Array.of(1) });
    await stream.send('valves', { flow: 0.5 });
    await stream.flush('confirmed');
    assert.deepEqual(server.takeRows().map((row) => row.values), [
      ['#7', '-', '-1', '0x01', '"first"'],
      ['-', '0.5000', '-', '-', '-'],
    ]);
    // Units and names included it is the flow that Sift has.
    await (await Stream.open(to(server, { flows: { valves } }))).finish();
  }, registering);
});

test('without the option the flow is unknown', async () => {
  await withStream(async (stream) => {
    assert.equal((await failure(() => stream.send('tank', { level: 1 }))).code, 'UNKNOWN_FLOW');
    assert.equal((await failure(() => stream.stageFlows({ valves }))).code, 'NOT_CONFIGURED');
  });
});

test('a row that tells no types registers nothing', async () => {
  await withStream(async (stream, server) => {
    const refused = await failure(() => stream.send('tank', { level: 1, hot: null }));
    assert.deepEqual([refused.code, refused.dataStatus], ['UNKNOWN_FLOW', 'not_accepted']);
    assert.match(refused.message, /'tank'.*'hot'/);
    assert.equal((await failure(() => stream.send('tank', { level: [1] }))).code, 'WRONG_TYPE');
    assert.equal(flowNamed(server, 'tank'), undefined);
    await stream.send('tank', { level: 1 });
  }, registering);
});

test('a clash shows the difference and accepts nothing', async () => {
  await withStream(async (stream, server) => {
    const rival = await Stream.open(to(server, { streamName: 'rival' }));
    await rival.addFlows({ tank: { level: 'string' } });
    await rival.finish();
    const refused = await failure(() => stream.send('tank', { level: 1 }));
    assert.equal(refused.code, 'SCHEMA_MISMATCH');
    assert.match(refused.message, /level/);
    assert.equal(stream.watermarks().accepted, 0);
    await stream.send('other', { level: 1 });
  }, registering);
});

test('trySend never waits, and sends that meet a new flow keep their order', async () => {
  await withStream(async (stream, server) => {
    assert.equal(stream.trySend('tank', { step: 0n }), false);
    // So many that the flow is registered while they are sent.
    const numbers = Array.from({ length: 5000 }, (_, step) => step);
    await Promise.all(numbers.map((step) => stream.send('tank', { step: BigInt(step) })));
    await stream.flush('confirmed');
    const steps = server.takeRows().map((row) => Number(row.values[0]));
    assert.deepEqual(steps, numbers);
  }, registering);
});

test('a wait for the registration ends by its signal and by its timeout', async () => {
  await using place = { ...scratch(), async [Symbol.asyncDispose]() { place[Symbol.dispose](); } };
  const onDisk = { mode: 'live_with_backups', diskBackupPolicy: { backupsDir: place.path } };
  await withStream(async (stream, server) => {
    await server.stop();
    const late = await failure(() => stream.send('tank', { level: 1 }, { timeoutMs: 50 }));
    assert.equal(late.code, 'TIMEOUT');
    const controller = new AbortController();
    const sending = failure(() => stream.send('tank', { level: 1 }, { signal: controller.signal }));
    controller.abort();
    assert.equal((await sending).name, 'AbortError');
    // With a disk rows go on without a network.
    await stream.send('tank', { level: 2 });
    assert.equal(stream.watermarks().accepted, 1);
    await server.startAgain();
    await stream.flush('confirmed', { timeoutMs: 60_000 });
    assert.equal(flowNamed(server, 'tank').rows, 1);
  }, { ...registering, ...onDisk });
});
