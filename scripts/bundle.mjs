/**
 * `npm run bundle [-- --outDir DIR]`: the command line with its server and workers as a few JavaScript files that need Node and nothing else,
 * by default into python/build/server, from where the wheel takes it. `node groundtwin.js serve` starts it.
 *
 * Inside: Rapier, ONNX Runtime as WebAssembly, the robots of assets/, the licences. Outside, used where they are installed: the native ONNX Runtime and MuJoCo.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, runScript, setUp } from './setup.mjs';

export const bundleFolder = join(root, 'python', 'build', 'server');

/** Roots that run in processes of their own lie beside the rest under these names, see src/roots.ts. */
const entryPoints = {
  groundtwin: 'scripts/bundle-entry.mjs',
  worker: 'src/worker.ts',
  'env-worker': 'src/env-worker.ts',
  'model-worker': 'src/model-worker.ts',
  'gap-worker': 'src/gap-worker.ts',
};
/** Native code, or large and rarely wanted: `python -m groundtwin setup` installs them beside. */
const optional = ['onnxruntime-node', '@mujoco/mujoco'];
/** Looked for by ONNX Runtime beside the file that holds its code. */
const WASM = ['ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.mjs'];

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Writes the bundle into a fresh folder. */
export async function bundle(outDir = bundleFolder) {
  const { build } = await import('esbuild');
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: outDir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.11',
    // Names stay, for whoever reads a stack.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    metafile: true,
    external: optional,
    logLevel: 'warning',
    // Packages in CommonJS ask for Node's modules by `require`.
    banner: { js: "import{createRequire as $require}from'node:module';const require=$require(import.meta.url);" },
  });
  copyData(outDir);
  writeFileSync(join(outDir, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`);
  writeFileSync(join(outDir, 'THIRD-PARTY-LICENSES.txt'), licences(packagesIn(metafile)));
}

function copyData(outDir) {
  const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/wasm'));
  for (const file of WASM) cpSync(join(dist, file), join(outDir, file));
  cpSync(join(root, 'assets'), join(outDir, 'assets'), { recursive: true });
  cpSync(join(root, 'LICENSE'), join(outDir, 'LICENSE'));
}

/** What the code reads of its package: the versions that results depend on, and that its files are modules. */
function manifest() {
  const { name, version, license, type, engines, dependencies, optionalDependencies } = readJson(join(root, 'package.json'));
  const pinned = Object.entries({ ...dependencies, ...optionalDependencies });
  const isOptional = ([one]) => optional.includes(one);
  return {
    name,
    version,
    license,
    type,
    private: true,
    engines,
    dependencies: Object.fromEntries(pinned.filter((entry) => !isOptional(entry))),
    optionalDependencies: Object.fromEntries(pinned.filter(isOptional)),
  };
}

/** Folders of the packages whose code is inside, in the order of their names. */
function packagesIn({ inputs }) {
  const folders = Object.keys(inputs).flatMap((path) => /^(?:.*node_modules\/)(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

function licences(folders) {
  return folders
    .map((folder) => {
      const path = resolve(root, folder);
      const { name, version, license } = readJson(join(path, 'package.json'));
      const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? '' : `\n\n${readFileSync(join(path, file), 'utf8').trim()}`;
      return `${name} ${version} (${license})${text}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await runScript(async () => {
    setUp();
    const at = process.argv.indexOf('--outDir');
    await bundle(at === -1 ? bundleFolder : resolve(process.argv[at + 1]));
  });
