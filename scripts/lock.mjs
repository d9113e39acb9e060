/**
 * `npm run lock`, after adding or updating a dependency: completes package-lock.json with the packages for other platforms.
 *
 * npm leaves out an optional package whose registry does not offer it at that moment, and `npm ci` then refuses the file everywhere else.
 * The version stands in the parent's optionalDependencies and the platform in the name, which is all that npm needs to pass over it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];
const LIBRARIES = { gnu: 'glibc', glibc: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' };

function platformOf(name) {
  const words = name === 'fsevents' ? ['darwin'] : name.split(/[-/]/);
  const pick = (known) => words.filter((word) => known.includes(word));
  const libraries = words.map((word) => LIBRARIES[word]).filter((library) => library !== undefined);
  return { os: pick(SYSTEMS), cpu: pick(PROCESSORS), libc: libraries };
}

/** Keys in npm's own order, so that npm leaves the entry as it is. */
function entryFor(name, version, parent) {
  const { os, cpu, libc } = platformOf(name);
  if (os.length + cpu.length === 0)
    throw new Error(`${name}@${version}: no platform in the name. Add its entry to package-lock.json by hand.`);
  const entry = { version, cpu, dev: parent.dev, libc, optional: true, os };
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined && value.length !== 0));
}

/** Where Node would find `name` from the package at `path`: there, or in a folder above. */
function isListed(packages, path, name) {
  for (let folder = path; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}

/** Optional packages that a package of the lock file names and the file lacks: path → entry. */
export function missingEntries(packages) {
  const missing = {};
  for (const [path, parent] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      if (!isListed(packages, path, name)) missing[`node_modules/${name}`] = entryFor(name, version, parent);
    }
  }
  return missing;
}

function complete(path) {
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const missing = missingEntries(lock.packages);
  const packages = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`);
  process.stdout.write(`package-lock.json: ${Object.keys(missing).length} packages for other platforms added.\n`);
}

if (process.argv[1]?.endsWith('lock.mjs')) complete(join(root, 'package-lock.json'));
