/**
 * Makes a fresh checkout runnable: checks Node, installs the dependencies when they are missing or differ from package-lock.json.
 * Plain JavaScript on Node's own modules, since it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The library and the CLI run from `run` on; mocha, c8, knip and the parser behind the tidy test want `test`. */
export const MINIMUM_NODE = { run: [20, 11], test: [20, 19] };

/** A set-up step that failed: `code` says which, `message` says the way out. */
export class SetupError extends Error {
  /** @param {'NODE_TOO_OLD' | 'NPM_MISSING' | 'INSTALL_FAILED'} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'SetupError';
    this.code = code;
  }
}

/** Throws NODE_TOO_OLD below `minimum`, given as [major, minor]. */
export function checkNode(minimum, version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return;
  throw new SetupError(
    'NODE_TOO_OLD',
    `Node ${version} is too old: this needs ${minimum.join('.')} or later. Install a current release from https://nodejs.org and run this again.`,
  );
}

const fits = (allowed, value) =>
  allowed === undefined || allowed.includes(value) || allowed.every((name) => name.startsWith('!') && name !== `!${value}`);

/** Whether npm must have installed this entry of the lock file here. Entries for one C library are left out: npm picks among them. */
function isNeeded(entry, platform, arch) {
  if (entry.link || entry.libc || entry.peer) return false;
  if (!entry.optional) return true;
  return (entry.os !== undefined || entry.cpu !== undefined) && fits(entry.os, platform) && fits(entry.cpu, arch);
}

/**
 * Paths of packages that the lock file wants and node_modules lacks or holds in another version.
 *
 * @param lock - package-lock.json, parsed.
 * @param installed - node_modules/.package-lock.json, which npm writes when an install has finished, parsed.
 */
export function stalePackages(lock, installed, platform = process.platform, arch = process.arch) {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && isNeeded(entry, platform, arch) && installed.packages[path]?.version !== entry.version)
    .map(([path]) => path);
}

function whyInstall() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return 'not installed yet';
  const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
  const stale = stalePackages(read(join(root, 'package-lock.json')), read(record));
  return stale.length === 0 ? undefined : `${stale.length} differ from package-lock.json, such as ${stale[0].replace('node_modules/', '')}`;
}

function runNpm(args, environment) {
  const options = { cwd: root, stdio: ['ignore', 2, 2], env: environment };
  // The npm that called us, run by the Node that runs us; else the one on the PATH (a .cmd file on Windows, hence the shell there).
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(cli)) return spawnSync(process.execPath, [cli, ...args], options);
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

function install(why) {
  const started = performance.now();
  process.stderr.write(`Installing dependencies (${why}) …\n`);
  const environment = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  // --include=dev: the sources run through tsx, also where NODE_ENV=production.
  const result = runNpm(['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], environment);
  if (result.error) {
    throw new SetupError(
      'NPM_MISSING',
      `npm could not be started (${result.error.message}). Install Node with its npm, and run this again.`,
    );
  }
  if (result.status !== 0) {
    throw new SetupError(
      'INSTALL_FAILED',
      `npm ci ended with status ${result.status ?? result.signal}. Check the network and the lines above, then run it again.`,
    );
  }
  process.stderr.write(`Dependencies installed in ${((performance.now() - started) / 1000).toFixed(1)} s.\n`);
}

/** Checks Node and installs what is missing; silent and quick (a few ms) when nothing is. */
export function setUp({ minimum = MINIMUM_NODE.run } = {}) {
  checkNode(minimum);
  const why = whyInstall();
  if (why !== undefined) install(why);
}

/** Runs a script's body; a SetupError becomes one line and exit status 4, "something is missing on this machine". */
export async function runScript(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    process.exitCode = 4;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runScript(() => setUp());
