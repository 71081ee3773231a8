import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Stream } from 'siftstream';
import { LocalServer } from 'siftstream/testing';

import { failure, scratch, to, withStream } from './support.mjs';

const node = fileURLToPath(new URL('../..', import.meta.url));

test('each key of the configuration is an option, and is documented as one', () => {
  const { native } = createRequire(import.meta.url)(join(node, 'dist', 'native.js'));
  const declared = readFileSync(join(node, 'dist', 'options.d.ts'), 'utf8');
  const camel = (name) => name.replace(/_[a-z0-9]/g, (part) => part[1].toUpperCase());
  const missing = JSON.parse(native.configKeys())
    .flatMap((key) => key.split('.'))
    .filter((part) => !new RegExp(`\\b${camel(part)}\\??:`).test(declared));
  assert.deepEqual(missing, []);
});

test('an unknown option is an error that names the nearest one', async () => {
  await using server = await LocalServer.start({ apiKey: 'key' });
  const error = await failure(() => Stream.open(to(server, { checkpointIntervall: '1s' })));
  assert.equal(error.code, 'INVALID_ARGUMENT');
  assert.match(error.message, /checkpoint_interval/);
  const value = await failure(() => Stream.open(to(server, { checkpointInterval: 'soon' })));
  assert.equal(value.code, 'INVALID_ARGUMENT');
});

test('durations are milliseconds or texts, and sizes bytes or texts', async () => {
  for (const checkpointInterval of [50, '50ms', '0.05s']) {
    await withStream(
      async (stream, server) => {
        await stream.send('engine', {});
        // Nobody asks for it: the interval brings it about.
        while (stream.watermarks().confirmed < 1) await new Promise((resolve) => setTimeout(resolve, 5));
        assert.equal(server.rows, 1);
      },
      { checkpointInterval, maxRowSize: '1MiB', ingestionDataChannelBytes: 2 ** 20 },
    );
  }
});

test('choices come from a file, the environment wins over it, and options win over both', async () => {
  using dir = scratch();
  await using server = await LocalServer.start({ apiKey: 'key' });
  const configFile = join(dir.path, 'stream.toml');
  writeFileSync(configFile, `uri = "${server.uri}"\ninsecure = true\nasset_name = "from-file"\nclient_key = "c"\n`);
  process.env.SIFTSTREAM_API_KEY = 'key';
  try {
    const flows = { engine: { rpm: 'double' } };
    const stream = await Stream.open({ configFile, environment: true, flows });
    await stream.send('engine', { rpm: 1 });
    assert.equal((await stream.finish()).confirmed, 1);
    const error = await failure(() => Stream.open({ configFile, environment: true, flows, apiKey: 'wrong' }));
    assert.equal(error.code, 'AUTH');
  } finally {
    delete process.env.SIFTSTREAM_API_KEY;
  }
});

test('a stream is silent, unless it was opened to log', async () => {
  await using server = await LocalServer.start({ apiKey: 'key' });
  const stream = await Stream.open(to(server, { logLevel: 'debug' }));
  const records = [];
  stream.on('log', (record) => records.push(record));
  await stream.send('engine', {});
  await stream.flush();
  while (!records.some((record) => record.target === 'siftstream::events')) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(records.every((record) => record.at > 1.6e12 && record.message.length > 0));
  assert.doesNotMatch(JSON.stringify(records), /"key"/);
  await stream.finish();
  assert.equal((await failure(() => Stream.open(to(server, { logLevel: 'loud' })))).code, 'INVALID_ARGUMENT');
});
