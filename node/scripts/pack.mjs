// Packs what is published: the package itself, and the one of this machine's platform, into build/packed/.
// The native part and dist/ must have been built. The package names its platforms only here, so that a checkout installs
// without asking for packages that are not published yet.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const node = fileURLToPath(new URL('..', import.meta.url));
const packed = join(node, 'build', 'packed');
const staged = join(node, 'build', 'staged');
rmSync(packed, { recursive: true, force: true });
rmSync(staged, { recursive: true, force: true });
mkdirSync(packed, { recursive: true });

const platforms = readdirSync(join(node, 'npm'));
const manifest = JSON.parse(readFileSync(join(node, 'package.json'), 'utf8'));
manifest.optionalDependencies = Object.fromEntries(platforms.map((name) => [`@siftstream/${name}`, manifest.version]));
delete manifest.devDependencies;
delete manifest.scripts;
cpSync(join(node, 'dist'), join(staged, 'dist'), { recursive: true });
cpSync(join(node, 'README.md'), join(staged, 'README.md'));
writeFileSync(join(staged, 'package.json'), JSON.stringify(manifest, null, 2));

const built = platforms.filter((name) => existsSync(join(node, 'npm', name, 'siftstream.node')));
for (const folder of [staged, ...built.map((name) => join(node, 'npm', name))]) {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', packed], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
}
