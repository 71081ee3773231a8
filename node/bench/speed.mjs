// How fast Node sends, beside Rust: rows of 10 channels (a uint64 and nine doubles) to a local server that only counts,
// in a process of its own (`siftstream serve --count-only`). Needs a release build: make bench-node.
// Usage: node bench/speed.mjs [--rows N] [--rounds N] [--command PATH]
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Stream } from 'siftstream';

const command = fileURLToPath(new URL('../../target/release/siftstream', import.meta.url));
const { values: given } = parseArgs({
  options: {
    rows: { type: 'string', default: '3000000' },
    rounds: { type: 'string', default: '3' },
    command: { type: 'string', default: command },
  },
});
const [rows, rounds] = [Number(given.rows), Number(given.rounds)];

const server = spawn(given.command, ['serve', '--port', '0', '--api-key', 'key', '--count-only'], { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = await once(createInterface({ input: server.stdout }), 'line');
const { uri } = JSON.parse(line);

const doubles = Array.from({ length: 9 }, (_, at) => [`d${at}`, 'double']);
const flows = { bench: Object.fromEntries([['seq', 'uint64'], ...doubles]) };
/** After how many rows other work of the event loop has its turn, as it has in a program that does something else too. */
const ROWS_A_TURN = 1_000;
/** How often the delay of the event loop is looked at. An idle loop shows just this, so it is no delay. */
const LOOK_MS = 1;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs `send`, until all rows are confirmed. */
async function measure(send) {
  const stream = await Stream.open({ uri, apiKey: 'key', insecure: true, assetName: 'bench', clientKey: 'bench', flows });
  const delay = monitorEventLoopDelay({ resolution: LOOK_MS });
  await turn();
  delay.enable();
  const began = performance.now();
  await send(stream);
  const accepted = performance.now() - began;
  delay.disable();
  await stream.flush('confirmed', { timeoutMs: 120_000 });
  const confirmed = performance.now() - began;
  const report = await stream.finish();
  if (report.confirmed !== rows) throw new Error(`${report.confirmed} of ${rows} rows were confirmed`);
  return { accepted: Math.round((rows / accepted) * 1_000), confirmed: Math.round((rows / confirmed) * 1_000), p99Ms: delay.percentile(99) / 1e6 - LOOK_MS };
}

/** Row by row: all ten channels are set anew. Full means: let the event loop turn. */
async function trySend(stream) {
  const row = stream.row('bench');
  for (let seq = 0; seq < rows; ) {
    row.setAt(0, seq);
    for (let at = 1; at < 10; at += 1) row.setAt(at, seq + at / 10);
    if (row.trySend()) seq += 1;
    else await turn();
    if (seq % ROWS_A_TURN === 0) await turn();
  }
}

/** Batches of 20,000 rows, as an acquisition would hand them over. */
async function sendColumns(stream) {
  const size = 20_000;
  const times = new BigInt64Array(size).fill(BigInt(Date.now()) * 1_000_000n);
  const columns = Object.fromEntries(doubles.map(([name], at) => [name, Float64Array.from({ length: size }, (_, row) => row + at / 10)]));
  // Made beforehand: to make them is not what is measured.
  columns.seq = BigUint64Array.from({ length: size }, (_, row) => BigInt(row));
  for (let sent = 0; sent < rows; ) {
    const now = Math.min(size, rows - sent);
    const part = (array) => (now === size ? array : array.subarray(0, now));
    const batch = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, part(column)]));
    await stream.sendColumns('bench', { times: part(times), columns: batch });
    sent += now;
  }
}

/** The same rows from Rust. */
function rust(more) {
  const args = ['bench', '--uri', uri, '--api-key', 'key', '--messages', String(rows), '--insecure', '--json', ...more];
  const told = JSON.parse(execFileSync(given.command, args, { encoding: 'utf8' }));
  return { accepted: Math.round(told.messages / told.send_seconds), confirmed: Math.round(told.rows_per_s) };
}

const show = (name, result) => console.log(name.padEnd(22), Object.entries(result).map(([key, value]) => `${key} ${value.toLocaleString('en')}`).join('   '));
try {
  for (let round = 1; round <= rounds; round += 1) {
    console.log(`round ${round}`);
    show('  Node trySend', await measure(trySend));
    show('  Node sendColumns', await measure(sendColumns));
    show('  Rust rows', rust([]));
    show('  Rust columns', rust(['--columns', '1024']));
  }
} finally {
  server.kill();
}
