/**
 * One flow, one row, confirmed. Usage: node quickstart.js URI API_KEY (a local endpoint: `siftstream serve`).
 */
import { Stream } from 'siftstream';

const [uri, apiKey] = process.argv.slice(2);
if (!uri || !apiKey) throw new Error('usage: quickstart URI API_KEY');

await using stream = await Stream.open({
  uri,
  apiKey,
  insecure: uri.startsWith('http://'),
  assetName: 'rig-7',
  clientKey: 'rig-7-v1',
  flows: { engine: { rpm: { type: 'double', unit: '1/min' }, cycles: 'uint64' } },
});
await stream.send('engine', { rpm: 4200, cycles: 1n });
await stream.flush('confirmed');
console.log(`confirmed: ${stream.watermarks().confirmed} row`);
