/** The files of recorded trials. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { robotFiles } from '../agents/run-hash.ts';
import { root } from '../machine.ts';
import { codeHash } from '../verify/code-hash.ts';
import { everyTrial, nameOf, type RecordedTrial, type Trial } from './trial.ts';
import { fileOfTask } from './trial-task.ts';

const folder = join(root, 'bench', 'results', 'gap');

const played = ['play-trial', 'trial', 'trial-logs', 'trial-subjects', 'trial-task'] as const;
/** Beside Rapier's, which every hash of code holds. */
const packages = ['onnxruntime-node', '@mujoco/mujoco'] as const;

/** Of everything that a trial's rows on this task come from: code, the policy that its logs are recorded with, versions. */
export function trialHash(env: string): string {
  const task = fileOfTask(env);
  const policy = `bench/results/references/${env}.onnx`;
  const { sha256 } = codeHash(
    ...played.map((part) => `bench/gap/${part}.ts`),
    task,
    ...robotFiles(task),
    ...(existsSync(join(root, policy)) ? [policy] : []),
  );
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'optionalDependencies',
    Record<string, string>
  >;
  const versions = packages.map((name) => dependencies[name] ?? optionalDependencies[name]);
  return sha256Hex(JSON.stringify([sha256, versions]));
}

/** The same, each task's worked out once. */
export function trialHashes(): (env: string) => string {
  const known = new Map<string, string>();
  return (env) => {
    const code = known.get(env) ?? trialHash(env);
    known.set(env, code);
    return code;
  };
}

export function keepTrial(recorded: RecordedTrial): void {
  writeFileAtomically(join(folder, `${nameOf(recorded)}.json`), `${JSON.stringify(recorded)}\n`);
}

/** Null where it is missing or stale. @param code - `trialHash(trial.env)`. */
export function keptTrial(trial: Trial, code: string): RecordedTrial | null {
  const file = join(folder, `${nameOf(trial)}.json`);
  if (!existsSync(file)) return null;
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as RecordedTrial;
  return recorded.code === code ? recorded : null;
}

/** Those of the page too. @throws when any is missing or stale, with the command that plays them. */
export function recordedTrials(asked: readonly Trial[] = everyTrial): RecordedTrial[] {
  const codeOf = trialHashes();
  const found = asked.map((trial) => keptTrial(trial, codeOf(trial.env)));
  const missing = asked.filter((_, i) => found[i] === null);
  if (missing.length > 0)
    throw new Error(
      `${missing.length} of ${asked.length} trials are missing or stale, the first of them ${nameOf(missing[0]!)}; play them with node --import tsx bench/gap/main.ts`,
    );
  return found as RecordedTrial[];
}
