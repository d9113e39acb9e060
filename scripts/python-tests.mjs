/**
 * `npm run test:python [-- <pytest arguments>]`: the tests of python/ in a virtual environment of their own, against the server bundled anew.
 * In `npm test` with ruff and mypy before them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, bundleFolder } from './bundle.mjs';
import { PythonMissing, pythonWith } from './python-env.mjs';
import { MINIMUM_NODE, root, runScript, SetupError, setUp } from './setup.mjs';

const project = join(root, 'python');
const caches = join(root, '.cache', 'python');
/** Of the pinned packages. */
const OLDEST_PYTHON = [3, 11];

/** Python with what the tests need, installed when asked for the first time; throws SetupError. */
export function pythonForTests() {
  return pythonIn('test', 'requirements-test.txt');
}

/** @param requirements - a file of python/. */
export function pythonIn(name, requirements) {
  const log = (line) => process.stderr.write(`${line}\n`);
  try {
    return pythonWith({ name, requirements: join(project, requirements), cache: caches, oldest: OLDEST_PYTHON, log });
  } catch (error) {
    throw error instanceof PythonMissing ? new SetupError(error.code, `The Python tests need what is missing: ${error.message}`) : error;
  }
}

const tool = (python, ...args) => ({ program: python, command: ['-m', ...args], cwd: project });

/** Checks of the sources and of the examples: quick, and quicker when run again. */
export function pythonChecks(python) {
  const sources = [project, join(root, 'examples', 'python')].filter((folder) => existsSync(folder));
  const ruff = ['--config', join(project, 'pyproject.toml'), '--no-cache', '--quiet', ...sources];
  return [
    { name: 'python lint', ...tool(python, 'ruff', 'check', ...ruff) },
    { name: 'python format', ...tool(python, 'ruff', 'format', '--check', ...ruff) },
    { name: 'python types', ...tool(python, 'mypy', '--cache-dir', join(caches, 'mypy'), '--no-error-summary') },
  ];
}

/** The tests. Bundles the server first. @param report - where pytest writes what it counted. */
export async function pythonTests(python, report, args = []) {
  await bundle();
  return {
    name: 'python tests',
    ...tool(python, 'pytest', '-q', '-p', 'no:cacheprovider', `--junitxml=${report}`, ...args),
    env: {
      // For the Pythons that tests start.
      PYTHONPATH: join(project, 'src'),
      PYTHONDONTWRITEBYTECODE: '1',
      GROUNDTWIN_SERVER: join(bundleFolder, 'groundtwin.js'),
      GROUNDTWIN_NODE: process.execPath,
    },
  };
}

/** What pytest counted, from its report in the form of JUnit; errors outside tests count as failures. Undefined when there is no report. */
export function pytestCounts(report) {
  if (!existsSync(report)) return undefined;
  const suite = /<testsuite\b[^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '';
  const [all, failures, errors, skipped] = ['tests', 'failures', 'errors', 'skipped'].map((name) =>
    Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? Number.NaN),
  );
  const counts = { passed: all - failures - errors - skipped, failed: failures + errors, skipped };
  return Object.values(counts).every(Number.isInteger) ? counts : undefined;
}

async function only(args) {
  setUp({ minimum: MINIMUM_NODE.test });
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-pytest-'));
  try {
    const { program, command, cwd, env } = await pythonTests(pythonForTests(), join(folder, 'report.xml'), args);
    process.exitCode = spawnSync(program, command, { cwd, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runScript(() => only(process.argv.slice(2)));
