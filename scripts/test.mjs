/**
 * `npm test`: types, lint, unused code, the tests under coverage, the coverage ratchet; lint, types and tests of python/.
 * The last line is `N passed, N failed, N skipped`: a stage counts as one test beside mocha's and pytest's own.
 * `npm test -- <mocha arguments>` runs only mocha's tests, and only those.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pytestCounts, pythonChecks, pythonForTests, pythonTests } from './python-tests.mjs';
import { MINIMUM_NODE, root, runScript, SetupError, setUp } from './setup.mjs';

const STAGE_LIMIT_MS = 30 * 60 * 1000;

const bin = (...path) => [join(root, 'node_modules', ...path)];
const COVERAGE = bin('c8', 'bin', 'c8.js');
/**
 * Without require(esm) mocha imports what it runs, as the commands that tests start do. If it requires it, tsx makes CommonJS of the sources: other bytes under the same name, and where
 * coverage of both is merged it comes out far too low.
 */
const MOCHA = [
  '--no-experimental-require-module',
  '--import',
  'tsx',
  ...bin('mocha', 'bin', 'mocha.js'),
  '--reporter',
  join(root, 'scripts', 'mocha-reporter.cjs'),
];

const checks = [
  { name: 'types', command: bin('typescript', 'bin', 'tsc') },
  {
    name: 'lint',
    command: [
      ...bin('@biomejs', 'biome', 'bin', 'biome'),
      'ci',
      '--diagnostic-level=warn',
      `--colors=${process.stdout.isTTY ? 'force' : 'off'}`,
    ],
  },
  { name: 'unused code', command: [...bin('knip', 'bin', 'knip.js'), '--no-config-hints'] },
];

/** All tests, and the ratchet on what they cover. It is written under `folder`, of this run alone, so that two runs do not mix. */
async function coveredStages(folder) {
  const { typeOnlyFiles } = await import('./type-only.mjs');
  const config = JSON.parse(readFileSync(join(root, '.c8rc.json'), 'utf8'));
  const exclude = [...config.exclude, ...typeOnlyFiles(['src', 'envs', 'agents'])].flatMap((path) => ['--exclude', path]);
  const options = ['--temp-directory', folder, ...exclude];
  return {
    tests: { name: 'tests', command: [...COVERAGE, ...options, '--reporter', 'none', process.execPath, ...MOCHA, '--forbid-only'] },
    ratchet: {
      name: 'coverage',
      command: [...COVERAGE, 'report', ...options, '--reporter', 'text-summary', '--reporter', 'json-summary', '--check-coverage'],
    },
  };
}

/** Runs one stage with its output shown as it comes. */
function run({ name, program = process.execPath, command, cwd = root, env = {} }) {
  process.stdout.write(`\n── ${name}\n`);
  const started = performance.now();
  const options = { cwd, stdio: 'inherit', env: { ...process.env, ...env }, timeout: STAGE_LIMIT_MS };
  const { status, signal, error } = spawnSync(program, command, options);
  const passed = status === 0;
  const reason = passed ? 'passed' : `FAILED (${error?.message ?? signal ?? `status ${status}`})`;
  process.stdout.write(`── ${name}: ${reason} in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  return passed;
}

const asCounts = (passed) => ({ passed: Number(passed), failed: Number(!passed), skipped: 0 });

/** Runs tests and takes what they counted; a run that broke off or failed outside any test counts as one failure more. */
function runCounted(stage, readCounts) {
  const passed = run(stage);
  const counts = readCounts() ?? asCounts(false);
  return !passed && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** Mocha's reporter leaves its counts in a file. */
function runTests(stage, folder) {
  const file = join(folder, 'counts.json');
  const read = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined);
  return runCounted({ ...stage, env: { GROUNDTWIN_TEST_COUNTS: file } }, read);
}

/** A machine without Python, or without a way to the packages, has failed one test, and is told what it lacks. */
async function runPython(folder) {
  try {
    const python = pythonForTests();
    const checked = pythonChecks(python).map((stage) => asCounts(run(stage)));
    const report = join(folder, 'pytest.xml');
    return [...checked, runCounted(await pythonTests(python, report), () => pytestCounts(report))];
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stdout.write(`\n── python: FAILED (${error.code}: ${error.message})\n`);
    return [asCounts(false)];
  }
}

/** The mocha command for a part: with files named, the ones that .mocharc.json lists must not be added to them. */
function part(args) {
  const { spec, ...settings } = JSON.parse(readFileSync(join(root, '.mocharc.json'), 'utf8'));
  const namesFiles = args.some((arg) => !arg.startsWith('-') && /\.[cm]?[jt]s$|[*/]/.test(arg));
  const flags = Object.entries(settings).flatMap(([key, value]) => (value === false ? [] : [`--${key}`, String(value)]));
  return { name: 'tests', command: [...MOCHA, '--no-config', ...flags, ...(namesFiles ? [] : spec), ...args] };
}

/** Says so when coverage has outgrown its ratchet by more than two points. */
function suggestRaise() {
  const { total } = JSON.parse(readFileSync(join(root, 'coverage', 'coverage-summary.json'), 'utf8'));
  const thresholds = JSON.parse(readFileSync(join(root, '.c8rc.json'), 'utf8'));
  for (const kind of ['lines', 'branches', 'functions'].filter((kind) => total[kind].pct > thresholds[kind] + 2)) {
    process.stdout.write(
      `Coverage of ${kind} is ${total[kind].pct} %, the ratchet in .c8rc.json stands at ${thresholds[kind]}: raise it.\n`,
    );
  }
}

async function runAll(folder) {
  const { tests, ratchet } = await coveredStages(join(folder, 'coverage'));
  const results = checks.map((stage) => asCounts(run(stage)));
  results.push(runTests(tests, folder));
  const covered = run(ratchet);
  if (covered) suggestRaise();
  return [...results, asCounts(covered), ...(await runPython(folder))];
}

await runScript(async () => {
  setUp({ minimum: MINIMUM_NODE.test });
  const args = process.argv.slice(2);
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-test-'));
  try {
    const results = args.length > 0 ? [runTests(part(args), folder)] : await runAll(folder);
    const sum = (kind) => results.reduce((total, counts) => total + counts[kind], 0);
    process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`);
    process.exitCode = sum('failed') === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
