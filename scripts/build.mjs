/** `npm run build [-- --outDir DIR]`: JavaScript and types of src, envs and agents, by default into a fresh dist/. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const at = process.argv.indexOf('--outDir');
const outDir = at === -1 ? join(root, 'dist') : process.argv[at + 1];
rmSync(outDir, { recursive: true, force: true });
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const result = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', outDir], { stdio: 'inherit' });
process.exitCode = result.status ?? 1;
