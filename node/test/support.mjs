// What the tests share: a schema with a channel of each type, streams to a local server, and child processes.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Stream } from 'siftstream';
import { LocalServer } from 'siftstream/testing';

/** A flow with a channel of each type. */
export const everything = {
  d: 'double',
  s: 'string',
  e: { type: 'enum', enumTypes: [{ name: 'off', key: 0 }, { name: 'on', key: 1 }] },
  bf: { type: 'bit_field', bitFieldElements: [{ name: 'low', index: 0, bitCount: 8 }] },
  b: 'bool',
  f: 'float',
  i32: 'int32',
  u32: 'uint32',
  i64: 'int64',
  u64: 'uint64',
  by: 'bytes',
};

export const flows = { all: everything, engine: { rpm: 'double', seq: 'uint64' } };

/** The choices of a stream to a local server. */
export function to(server, more = {}) {
  return { uri: server.uri, apiKey: 'key', insecure: true, assetName: 'rig', clientKey: 'rig-v1', flows, ...more };
}

/** Runs `test` with a local server and a stream to it. */
export async function withStream(test, more = {}, serving = {}) {
  await using server = await LocalServer.start({ apiKey: 'key', keepRows: true, ...serving });
  const stream = await Stream.open(to(server, more));
  try {
    await test(stream, server);
  } finally {
    await stream.finish().catch(() => undefined);
  }
}

/** A directory for one test. */
export function scratch() {
  const path = mkdtempSync(join(tmpdir(), 'siftstream-node-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const here = fileURLToPath(new URL(".", import.meta.url));

/**
 * Runs a program in a process of its own and returns how it ended. One that does not end in time is killed, and its
 * `code` is null.
 */
export function run(program, { args = [], flags = [], timeoutMs = 30_000, env = {}, onLine = () => undefined } = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(process.execPath, [...flags, '--input-type=module', '--eval', program, '--', ...args], {
      cwd: here,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err, line] = ['', '', ''];
    child.stdout.on('data', (data) => {
      out += data;
      const lines = (line + data).split('\n');
      line = lines.pop();
      for (const whole of lines) onLine(whole, child);
    });
    child.stderr.on('data', (data) => (err += data));
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, out, err, ms: performance.now() - began });
    });
  });
}

/** The error that a call throws or rejects with. */
export async function failure(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('the call did not fail');
}

/** Waits for something that by itself does not keep the process alive, such as an event. */
export async function patiently(promise) {
  const timer = setInterval(() => undefined, 1_000);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
