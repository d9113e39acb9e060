/** What somebody meets who installs the wheel: its size, what it needs, how soon the first observation is there. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { writeModel } from '../../src/world-model/model-folder.ts';
import { root } from '../machine.ts';
import { untrainedModel } from '../untrained-model.ts';
import { Absent, type Context, type Measured, type Row } from './row.ts';

const starts = 9;
/** Tools that a Python program may call; Node is not among them. */
const systemTools = ['env', 'sh', 'uname', 'ldconfig', 'gcc'];

interface Built {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface Installed {
  readonly first_s: number;
  readonly observation: readonly number[];
  readonly dreamed: readonly number[] | null;
}

const builtWheel = (context: Context) =>
  context.once<Built>('python.wheel', async () =>
    JSON.parse(run(process.execPath, [join(root, 'scripts', 'wheel.mjs'), '--outDir', join(context.folder, 'wheel')], {})),
  );

/** @returns standard output. @throws what it said last. */
function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): string {
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 600_000, env });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.slice(0, 4).join(' ')} ended with ${status}: ${error?.message ?? stderr.slice(-1500)}`);
}

/** A virtual environment with the wheel, and with Node from the package registry. */
const environmentWith = (context: Context, extra: '' | '[node]') =>
  context.once(`python.environment${extra}`, async () => {
    const { path } = await builtWheel(context);
    const folder = join(context.folder, `environment${extra ? '-node' : ''}`);
    try {
      run('python3', ['-m', 'venv', folder], {});
    } catch (error) {
      throw new Absent(`python3 with venv (${(error as Error).message})`);
    }
    const python = join(folder, 'bin', 'python');
    context.log(`installing the wheel${extra} into an empty environment …`);
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `groundtwin${extra} @ file://${path}`], {});
    return python;
  });

function modelFolder(context: Context): Promise<string> {
  return context.once('python.installed-model', async () => {
    const folder = join(context.folder, 'dream');
    const { manifest, predict } = untrainedModel(registry.task('CartPoleSwingUp-v0'), { members: 2, hidden: [16] });
    writeModel(folder, manifest, predict);
    return folder;
  });
}

const script = fileURLToPath(new URL('../peers/python_installed.py', import.meta.url));

async function secondsToFirstObservation(context: Context): Promise<Measured> {
  const python = await environmentWith(context, '');
  const times = Array.from({ length: starts }, () => (JSON.parse(run(python, [script], {})) as Installed).first_s);
  return { measured: median(Float64Array.from(times)), raw: { each_s: times, worst_s: Math.max(...times) } };
}

async function megabytes(context: Context): Promise<Measured> {
  const { bytes, sha256 } = await builtWheel(context);
  return { measured: bytes / 1e6, raw: { bytes, sha256 } };
}

/** No Node to be found: neither on the PATH nor named; no groundtwin folders of this user either. */
async function worksBare(context: Context): Promise<Measured> {
  const python = await environmentWith(context, '[node]');
  const bin = join(context.folder, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const tool of systemTools) {
    const at = ['/usr/bin', '/bin', '/sbin'].map((folder) => join(folder, tool)).find(existsSync);
    if (at && !existsSync(join(bin, tool))) symlinkSync(at, join(bin, tool));
  }
  const home = join(context.folder, 'home');
  mkdirSync(home, { recursive: true });
  const environment = {
    PATH: bin,
    HOME: home,
    XDG_DATA_HOME: '',
    XDG_CACHE_HOME: '',
    GROUNDTWIN_NODE: '',
    GROUNDTWIN_SERVER: '',
    PYTHONPATH: '',
  };
  const nodeOnPath = existsSync(join(bin, 'node'));
  const played = JSON.parse(run(python, [script, await modelFolder(context)], environment)) as Installed;
  const doctor = JSON.parse(run(python, ['-m', 'groundtwin', 'doctor', '--json'], environment)) as { fine?: boolean };
  const listed = run(python, ['-m', 'groundtwin', 'list', '--json'], environment).includes('CartPole-v0');
  const works = !nodeOnPath && played.observation.length === 4 && played.dreamed !== null && doctor.fine === true && listed;
  return { measured: Number(works), raw: { played, doctor, listed, nodeOnPath } };
}

export const pythonInstallRows: readonly Row[] = [
  {
    id: 'python.start_s',
    what: 'seconds from gymnasium.make to the first observation, median of nine fresh processes with the wheel',
    operator: '<=',
    goal: 1.5,
    unit: 's',
    budget_s: 180,
    measure: secondsToFirstObservation,
  },
  {
    id: 'python.wheel_mb',
    what: 'size of the wheel, its server included',
    operator: '<=',
    goal: 12,
    unit: 'MB',
    budget_s: 120,
    measure: megabytes,
  },
  {
    id: 'python.bare_install',
    what: 'whether groundtwin[node] plays, dreams and runs its command line in an empty environment with no Node on the PATH',
    operator: '=',
    goal: 1,
    unit: '',
    budget_s: 240,
    measure: worksBare,
  },
];
