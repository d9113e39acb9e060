/** Virtual environments of Python: made from a list of packages when first asked for, used again until the list changes. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const INSTALL_LIMIT_S = 600;
/** Lies in an environment that is whole. */
const MARKER = 'installed.txt';
const isWindows = process.platform === 'win32';

/** There is no Python, or no way to the packages; the message says what to do. */
export class PythonMissing extends Error {
  constructor(message) {
    super(message);
    this.name = 'PythonMissing';
    this.code = 'PYTHON_MISSING';
  }
}

/** One environment for each list of packages. */
export function environmentName(name, requirements) {
  return `${name}-${createHash('sha256').update(requirements).digest('hex').slice(0, 12)}`;
}

/**
 * A Python that has the packages of a requirements file.
 *
 * @param cache - folder of environments.
 * @param oldest - [major, minor].
 * @param log - told before something is installed.
 * @returns its path. Throws PythonMissing.
 */
export function pythonWith({ name, requirements, cache, oldest, log }) {
  const folder = join(cache, environmentName(name, readFileSync(requirements, 'utf8')));
  const python = (of) => (isWindows ? join(of, 'Scripts', 'python.exe') : join(of, 'bin', 'python'));
  // A link to a Python that was removed since does not exist.
  const isWhole = () => existsSync(join(folder, MARKER)) && existsSync(python(folder));
  if (isWhole()) return python(folder);
  const base = basePython(oldest);
  log(`installing ${name} and what it needs for Python, once …`);
  mkdirSync(dirname(folder), { recursive: true });
  // Made under a name of its own and renamed when whole, so that two who install at once do not meet.
  const making = `${folder}.${process.pid}`;
  try {
    runPython(base, ['-m', 'venv', making], `a virtual environment of Python (${name})`);
    const quietly = ['--quiet', '--no-input', '--disable-pip-version-check', '--only-binary=:all:'];
    runPython(python(making), ['-m', 'pip', 'install', ...quietly, '-r', requirements], `packages for Python (${name})`);
    writeFileSync(join(making, MARKER), readFileSync(requirements));
    if (!isWhole()) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(making, folder);
    }
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return python(folder);
}

/** A Python on the PATH with which environments can be made. */
function basePython([major, minor]) {
  const asks = `import sys\ntry:\n import venv, ensurepip\nexcept ImportError:\n sys.exit(3)\nsys.exit(sys.version_info < (${major}, ${minor}))`;
  const named = Array.from({ length: 6 }, (_, newer) => `python${major}.${minor + 5 - newer}`);
  const commands = isWindows ? ['python'] : ['python3', ...named, 'python'];
  const status = (command) => spawnSync(command, ['-c', asks]).status;
  const usable = commands.find((command) => status(command) === 0);
  if (usable) return usable;
  const bare = commands.find((command) => status(command) === 3);
  throw new PythonMissing(
    bare
      ? `${bare} cannot make virtual environments: it lacks venv or ensurepip. On Debian and Ubuntu install python3-venv.`
      : `Python ${major}.${minor} or later with venv (no such Python is on the PATH)`,
  );
}

function runPython(command, args, what) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: INSTALL_LIMIT_S * 1000 });
  if (status !== 0) throw new PythonMissing(`${what}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
}
