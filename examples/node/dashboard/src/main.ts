/**
 * A dashboard in one process: it streams this machine's telemetry to a local Sift endpoint, keeps on disk what is not
 * confirmed, and shows live what becomes of each row. Its buttons cut the endpoint off and heal it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Stream } from 'siftstream';
import { LocalServer } from 'siftstream/testing';

import { Feed } from './feed.js';
import { flows, Telemetry } from './telemetry.js';
import { serve } from './web.js';

const { values: given } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    host: { type: 'string', default: '127.0.0.1' },
    rate: { type: 'string', default: '50' },
  },
});

const assetName = 'this-machine';
const backupsDir = await mkdtemp(join(tmpdir(), 'siftstream-dashboard-'));
const sift = await LocalServer.start({ apiKey: 'demo-key' });
const stream = await Stream.open({
  mode: 'live_with_backups',
  uri: sift.uri,
  apiKey: 'demo-key',
  insecure: true,
  assetName,
  clientKey: 'dashboard-v1',
  flows,
  checkpointInterval: '2s',
  retryPolicy: { maxBackoff: '1s' },
  diskBackupPolicy: { backupsDir },
});

const telemetry = new Telemetry(stream, Number(given.rate));
const feed = new Feed(stream, Object.keys(flows), () => sift.rows);
const web = serve({ asset: assetName, uri: sift.uri, flows }, feed, {
  '/cut': async () => {
    feed.isCut = true;
    await sift.stop();
  },
  '/heal': async () => {
    await sift.startAgain();
    feed.isCut = false;
  },
});
web.listen(Number(given.port), given.host, () => {
  const address = web.address();
  const port = typeof address === 'object' && address ? address.port : given.port;
  console.log(`http://${given.host}:${port}/   (Ctrl-C ends it)`);
});

let isEnding = false;
async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  telemetry.stop();
  feed.stop();
  web.close();
  web.closeAllConnections();
  const report = await stream.finish({ timeoutMs: 5_000 }).catch((error: unknown) => error);
  console.log(report);
  await sift.close();
  await rm(backupsDir, { recursive: true, force: true });
}
process.on('SIGINT', end);
process.on('SIGTERM', end);
