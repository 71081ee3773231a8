// What is published: what `npm pack` makes is installed in an empty directory, without a compiler, and used there.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as imported from 'siftstream';
import * as testing from 'siftstream/testing';

import { run, scratch } from './support.mjs';

const node = fileURLToPath(new URL('../..', import.meta.url));
const examples = join(node, '..', 'examples', 'node');
const tsc = join(node, 'node_modules', 'typescript', 'bin', 'tsc');

test('import and require give the same classes, under the same names', () => {
  const require = createRequire(import.meta.url);
  for (const [name, module] of [['siftstream', imported], ['siftstream/testing', testing]]) {
    const required = require(name);
    assert.deepEqual(Object.keys(module).filter((key) => key !== 'default').sort(), Object.keys(required).sort());
    for (const key of Object.keys(required)) assert.equal(module[key], required[key], key);
  }
});

const installed = scratch();
after(() => installed[Symbol.dispose]());
let isInstalled = false;

/** A directory in which what `npm pack` makes is installed. */
function install() {
  if (isInstalled) return installed;
  isInstalled = true;
  execFileSync(process.execPath, [join(node, 'scripts', 'pack.mjs')], { stdio: 'ignore' });
  const packed = join(node, 'build', 'packed');
  const files = readdirSync(packed).map((file) => join(packed, file));
  assert.equal(files.length, 2, files.join());
  writeFileSync(join(installed.path, 'package.json'), '{"private": true}');
  const npm = ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...files];
  execFileSync('npm', npm, { cwd: installed.path, stdio: 'pipe' });
  return installed;
}

test('what is packed installs without a compiler and runs, as an ES module and as CommonJS', async () => {
  const dir = install();
  const program = `
    const server = await LocalServer.start({ apiKey: 'key' });
    const stream = await Stream.open({ uri: server.uri, apiKey: 'key', insecure: true, assetName: 'a', clientKey: 'c', flows: { f: { x: 'double' } } });
    await stream.send('f', { x: 1 });
    console.log((await stream.finish()).confirmed);`;
  writeFileSync(
    join(dir.path, 'a.mjs'),
    `import { Stream } from 'siftstream'; import { LocalServer } from 'siftstream/testing'; ${program}`,
  );
  writeFileSync(
    join(dir.path, 'b.cjs'),
    `const { Stream } = require('siftstream'); const { LocalServer } = require('siftstream/testing'); (async () => { ${program} })();`,
  );
  for (const file of ['a.mjs', 'b.cjs']) {
    const ran = spawnSync(process.execPath, [file], { cwd: dir.path, env: { PATH: dirname(process.execPath) }, encoding: 'utf8' });
    assert.deepEqual([ran.status, ran.stdout], [0, '1\n'], ran.stderr);
  }
  const shipped = readdirSync(join(dir.path, 'node_modules', 'siftstream')).sort();
  assert.deepEqual(shipped, ['README.md', 'dist', 'package.json']);
});

test('the examples pass the strictest checks of types, against what is packed, and run', async () => {
  const dir = install();
  mkdirSync(join(dir.path, 'src'));
  for (const file of ['quickstart.ts', 'recorder.ts']) cpSync(join(examples, file), join(dir.path, 'src', file.replace('.ts', '.mts')));
  symlinkSync(join(node, 'node_modules', '@types'), join(dir.path, 'node_modules', '@types'));
  const flags = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--types', 'node'];
  const target = ['--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--module', 'nodenext', '--outDir', 'out'];
  const sources = ['src/quickstart.mts', 'src/recorder.mts'];
  const checked = spawnSync(process.execPath, [tsc, ...flags, ...target, ...sources], { cwd: dir.path, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stdout);
  const recorded = spawnSync(process.execPath, ['out/recorder.mjs', 'recorded'], { cwd: dir.path, encoding: 'utf8' });
  assert.match(recorded.stdout, /power failure: 100000/, recorded.stderr);
  const server = await testing.LocalServer.start({ apiKey: 'key' });
  const quick = await new Promise((resolve) => {
    const child = spawn(process.execPath, ['out/quickstart.mjs', server.uri, 'key'], { cwd: dir.path });
    let out = '';
    child.stdout.on('data', (data) => (out += data));
    child.on('close', () => resolve(out));
  });
  assert.equal(quick, 'confirmed: 1 row\n');
  await server.close();
});

test('an unsupported platform is told which ones there are', async () => {
  const ended = await run(
    `Object.defineProperty(process, 'platform', { value: 'plan9' });
     await import('siftstream').catch((error) => console.log(error.message));`,
  );
  assert.match(ended.out, /no native part for plan9-.*it is built for linux-x64-gnu, linux-arm64-gnu/);
});

test('a native part that cannot be loaded is told with its cause', async () => {
  const program = `await import('siftstream').catch((error) => console.log(error.message, error.cause.errors[0].message));`;
  const ended = await run(program, { env: { SIFTSTREAM_NATIVE: '/nowhere/siftstream.node' } });
  assert.match(ended.out, /@siftstream\/linux-.* is missing or cannot be loaded.*\/nowhere\/siftstream\.node/s);
});

test('the lists of packages name no addresses to download from', () => {
  for (const folder of [node, join(examples, 'dashboard')]) {
    assert.doesNotMatch(readFileSync(join(folder, 'package-lock.json'), 'utf8'), /"resolved": "https?:/);
  }
});
