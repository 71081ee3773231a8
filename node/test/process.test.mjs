// How streams and processes end: each in a process of its own, with a time limit that only a hang would reach.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { Stream } from 'siftstream';
import { LocalServer } from 'siftstream/testing';

import { run, scratch, to } from './support.mjs';

/** What the programs begin with; `options(more)` are the choices of a stream to the server that was named. */
const prelude = `
  import { Stream } from 'siftstream';
  const [uri, dir] = process.argv.slice(1);
  const options = (more = {}) => ({
    uri, apiKey: 'key', insecure: true, assetName: 'rig', clientKey: 'rig-v1',
    flows: { engine: { rpm: 'double', seq: 'uint64' } }, ...more,
  });
  const onDisk = { mode: 'live_with_backups', diskBackupPolicy: { backupsDir: dir }, flushInterval: 600_000 };
  const open = (more) => Stream.open(options(more));
`;

/** Runs `test` with a local server and a directory. */
async function withServer(test) {
  using dir = scratch();
  const server = await LocalServer.start({ apiKey: 'key' });
  try {
    await test(server, dir.path);
  } finally {
    await server.close();
  }
}

/** The rows that an earlier process left on disk: they are all sent now. */
async function recovered(server, dir) {
  const flows = { engine: { rpm: 'double', seq: 'uint64' } };
  const disk = { mode: 'live_with_backups', diskBackupPolicy: { backupsDir: dir } };
  const stream = await Stream.open(to(server, { ...disk, flows }));
  const found = await new Promise((resolve) => {
    const timer = setInterval(() => {
      const metrics = stream.metrics();
      if (metrics.rowsRecovered === 0 || metrics.recoveredRowsConfirmed < metrics.rowsRecovered) return;
      clearInterval(timer);
      resolve(metrics.rowsRecovered);
    }, 10);
  });
  await stream.finish();
  return found;
}

test('an idle stream, its listeners, iterators and taps do not keep the process alive', async () => {
  await withServer(async (server, dir) => {
    const ended = await run(
      `${prelude}
      const streams = [await open(), await open(onDisk)];
      for (const stream of streams) {
        stream.on('event', () => undefined);
        void stream.events().next();
        void stream.tap({ flow: 'engine' }).next();
        await stream.send('engine', { seq: 1 });
      }
      globalThis.streams = streams;
      console.log('idle');`,
      { args: [server.uri, dir] },
    );
    assert.deepEqual([ended.code, ended.signal], [0, null], ended.err);
    assert.match(ended.out, /idle/);
  });
});

for (const [how, end] of [
  ['comes to its end', ''],
  ['calls process.exit', 'process.exit(0);'],
  ['dies of an exception', 'setTimeout(() => { throw new Error("deliberate"); });'],
]) {
  test(`rows of a forgotten stream are on disk when the process ${how}`, async () => {
    await withServer(async (server, dir) => {
      const ended = await run(
        `${prelude}
        const stream = await open(onDisk);
        await (await fetch(process.env.TEST_CUT)).text();
        const engine = stream.row('engine');
        for (let seq = 0; seq < 5_000; seq += 1) if (!engine.setAt(1, seq).trySend()) throw new Error('full');
        ${end}`,
        { args: [server.uri, dir], env: { TEST_CUT: await cutter(server) } },
      );
      assert.equal(ended.signal, null, ended.err);
      assert.equal(ended.code, how.startsWith('dies') ? 1 : 0, ended.err);
      await server.startAgain();
      assert.equal(await recovered(server, dir), 5_000);
      assert.deepEqual(server.flow('engine').sequence, { first: 0, last: 4_999, missing: 0, duplicates: 0 });
    });
  });
}

/** An address that stops the server when it is asked for. */
async function cutter(server) {
  const cutting = createServer(async (request, response) => {
    await server.stop();
    response.end('cut', () => cutting.close());
  });
  await new Promise((resolve) => cutting.listen(0, '127.0.0.1', resolve));
  cutting.unref();
  return `http://127.0.0.1:${cutting.address().port}/`;
}

test('a stream that is collected leaves, warns, and its rows are on disk', async () => {
  await withServer(async (server, dir) => {
    const ended = await run(
      `${prelude}
      process.on('warning', (warning) => console.log(warning.code));
      await (await fetch(process.env.TEST_CUT)).text();
      async function forget() {
        const stream = await open({ ...onDisk, ingestionConfigId: '00000000-0000-4000-8000-000000000000' });
        stream.on('event', () => undefined);
        const engine = stream.row('engine');
        for (let seq = 0; seq < 1_000; seq += 1) engine.setAt(1, seq).trySend();
      }
      await forget();
      for (let round = 0; round < 50; round += 1) {
        globalThis.gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      // The slot is free again: the same process can have it.
      const again = await open({ ...onDisk, ingestionConfigId: '00000000-0000-4000-8000-000000000000' });
      const deadline = Date.now() + 10_000;
      while (again.metrics().rowsRecovered < 1_000 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
      console.log('recovered', again.metrics().rowsRecovered);
      again.cancel('enough');`,
      { args: [server.uri, dir], flags: ['--expose-gc'], env: { TEST_CUT: await cutter(server) } },
    );
    assert.equal(ended.code, 0, ended.err);
    assert.match(ended.out, /SIFTSTREAM_NOT_FINISHED/);
    assert.match(ended.out, /recovered 1000/);
  });
});

test('under a collector that runs all the time, rows, columns, promises and events stay whole', async () => {
  await withServer(async (server) => {
    const ended = await run(
      `${prelude}
      const stream = await open();
      let events = 0;
      stream.on('event', () => (events += 1));
      const collecting = setInterval(globalThis.gc, 1);
      for (let round = 0; round < 20; round += 1) {
        const rows = Array.from({ length: 50 }, (_, at) => stream.send('engine', { seq: round * 150 + at }));
        const columns = stream.sendColumns('engine', {
          times: new Float64Array(100),
          columns: { seq: BigUint64Array.from({ length: 100 }, (_, at) => BigInt(round * 150 + 50 + at)) },
        });
        const flushed = stream.flush();
        globalThis.gc();
        await Promise.all([...rows, columns, flushed]);
      }
      clearInterval(collecting);
      console.log(JSON.stringify(await stream.finish()), events > 0);`,
      { args: [server.uri], flags: ['--expose-gc'] },
    );
    assert.equal(ended.code, 0, ended.err);
    assert.match(ended.out, /"confirmed":3000.* true/);
    assert.deepEqual(server.flow('engine').sequence, { first: 0, last: 2_999, missing: 0, duplicates: 0 });
  });
});

test('workers have streams of their own, and lose nothing on disk when they end or are ended', async () => {
  await withServer(async (server, dir) => {
    const ended = await run(
      `import { Worker } from 'node:worker_threads';
      const [uri, dir] = process.argv.slice(1);
      const program = (at) => \`
        import { Stream } from 'siftstream';
        import { parentPort } from 'node:worker_threads';
        const stream = await Stream.open({
          uri: '\${uri}', apiKey: 'key', insecure: true, assetName: 'rig', clientKey: 'rig-v1', streamName: 'worker-\${at}',
          ingestionConfigId: '00000000-0000-4000-8000-000000000000',
          mode: 'file_backup', diskBackupPolicy: { backupsDir: '\${dir}' }, flushInterval: 600000,
          flows: { engine: { rpm: 'double', seq: 'uint64' } },
        });
        stream.on('event', () => undefined);
        const engine = stream.row('engine');
        for (let seq = 0; seq < 1000; seq += 1) engine.setAt(1, seq).trySend();
        parentPort.postMessage('sent');
        if (\${at} % 2) setInterval(() => undefined, 1000);
      \`;
      await Promise.all(Array.from({ length: 4 }, (_, at) => new Promise((resolve, reject) => {
        const worker = new Worker(program(at), { eval: true });
        worker.on('message', () => { if (at % 2) worker.terminate(); });
        worker.on('error', reject);
        worker.on('exit', resolve);
      })));
      console.log('workers ended');`,
      { args: [server.uri, dir] },
    );
    assert.deepEqual([ended.code, ended.signal], [0, null], ended.err);
    assert.match(ended.out, /workers ended/);
    assert.equal(rowsIn(dir), 4_000);
  });
});

/** Counts the rows in the backup files below a directory by the flow's name, which each row carries once. */
function rowsIn(dir) {
  let rows = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.pbfs')) continue;
    const bytes = readFileSync(join(entry.parentPath ?? entry.path, entry.name));
    for (let at = bytes.indexOf('engine'); at >= 0; at = bytes.indexOf('engine', at + 1)) rows += 1;
  }
  return rows;
}

test('a process with waits that never end is ended by process.exit', async () => {
  await withServer(async (server) => {
    const ended = await run(
      `${prelude}
      const stream = await open();
      await (await fetch(process.env.TEST_CUT)).text();
      await stream.send('engine', {});
      void stream.flush('confirmed', { timeoutMs: 3_600_000 }).catch(() => undefined);
      void stream.finish({ timeoutMs: 3_600_000 }).catch(() => undefined);
      setTimeout(() => process.exit(7), 50);`,
      { args: [server.uri], env: { TEST_CUT: await cutter(server) } },
    );
    assert.equal(ended.code, 7, ended.err);
    await server.startAgain();
  });
});
