// Compiles the tests, because Node 20 does not know `using`, and runs them.
// Usage: node scripts/test.mjs [FILE…]
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const node = fileURLToPath(new URL('..', import.meta.url));
const run = (...command) => spawnSync(process.execPath, command, { cwd: node, stdio: 'inherit' }).status ?? 1;

rmSync(join(node, 'build'), { recursive: true, force: true });
const compiled = run(join(node, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.test.json');
if (compiled !== 0) process.exit(compiled);
const built = join(node, 'build', 'test');
const wanted = process.argv.slice(2).map((file) => basename(file));
const files = readdirSync(built).filter((file) => file.endsWith('.test.mjs') && (!wanted.length || wanted.includes(file)));
process.exit(run('--test', '--test-reporter=spec', ...files.map((file) => join(built, file))));
