/** `npm run wheel [-- --outDir DIR]`: bundles the server and builds the Python wheel around it, the same bytes from the same sources, by default into python/dist. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';
import { pythonIn } from './python-tests.mjs';
import { root, runScript, SetupError, setUp } from './setup.mjs';

/** Files of a zip have a date: the oldest there is. */
const SOURCE_DATE_EPOCH = String(Date.UTC(1980, 0, 1) / 1000);

/** @returns path, size in bytes and sha256 of the wheel. Throws SetupError. */
export async function wheel(outDir = join(root, 'python', 'dist')) {
  const python = pythonIn('build', 'requirements-build.txt');
  await bundle();
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const env = { ...process.env, SOURCE_DATE_EPOCH };
  const { status, error } = spawnSync(python, ['-m', 'hatchling', 'build', '-t', 'wheel', '-d', outDir], {
    cwd: join(root, 'python'),
    env,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new SetupError('BUILD_FAILED', `hatchling did not build the wheel: ${error?.message ?? `status ${status}`}.`);
  const path = join(
    outDir,
    readdirSync(outDir).find((file) => file.endsWith('.whl')),
  );
  const bytes = readFileSync(path);
  return { path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await runScript(async () => {
    setUp();
    const at = process.argv.indexOf('--outDir');
    process.stdout.write(`${JSON.stringify(await wheel(at === -1 ? undefined : resolve(process.argv[at + 1])))}\n`);
  });
