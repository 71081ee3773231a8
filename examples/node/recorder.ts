/**
 * Rows to files without a network, and what is safe when. Usage: node recorder.js DIRECTORY
 */
import { Stream } from 'siftstream';

const [directory] = process.argv.slice(2);
if (!directory) throw new Error('usage: recorder DIRECTORY');

await using stream = await Stream.open({
  mode: 'file_backup',
  uri: 'https://grpc-api.siftstack.com',
  apiKey: process.env['SIFT_API_KEY'] ?? 'not-known-yet',
  // With the ID at hand Sift is not asked.
  ingestionConfigId: '11111111-2222-4333-8444-555555555555',
  assetName: 'rig-7',
  clientKey: 'rig-7-v1',
  flows: { engine: { rpm: 'double', cycles: 'uint64' } },
  diskBackupPolicy: { backupsDir: directory },
});

const engine = stream.row('engine');
const [rpm, cycles] = [engine.position('rpm'), engine.position('cycles')];
for (let cycle = 0; cycle < 100_000; cycle += 1) {
  engine.setAt(rpm, 4200 + Math.sin(cycle / 1_000)).setAt(cycles, cycle);
  if (!engine.trySend()) await engine.send();
}
await stream.flush('written');
console.log(`survive a crash of the process: ${stream.watermarks().written}`);
await stream.flush('durable');
console.log(`survive a power failure: ${stream.watermarks().durable}`);
