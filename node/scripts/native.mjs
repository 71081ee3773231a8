// Builds the native part for this machine and puts it where the loader looks: npm/<platform>/siftstream.node.
// Usage: node scripts/native.mjs [--profile NAME]   (release by default)
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const at = process.argv.indexOf('--profile');
const profile = at > 0 ? process.argv[at + 1] : 'release';

execFileSync('cargo', ['build', '--locked', '--profile', profile, '-p', 'siftstream-node'], {
  cwd: root,
  stdio: 'inherit',
});

const libc = process.platform === 'linux' ? (process.report.getReport().header.glibcVersionRuntime ? '-gnu' : '-musl') : '';
const platform = `${process.platform}-${process.arch}${libc}`;
const built = { linux: 'libsiftstream_node.so', darwin: 'libsiftstream_node.dylib', win32: 'siftstream_node.dll' };
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const folder = join(root, 'node', 'npm', platform);
mkdirSync(folder, { recursive: true });
// A process that has the old one loaded keeps it.
const fresh = join(folder, 'siftstream.node.new');
copyFileSync(join(target, profile === 'dev' ? 'debug' : profile, built[process.platform]), fresh);
renameSync(fresh, join(folder, 'siftstream.node'));
console.log(`built ${join(folder, 'siftstream.node')}`);
