/** The files of recorded studies. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../../src/data/atomic-file.ts';
import { root } from '../../machine.ts';
import { codeHash } from '../../verify/code-hash.ts';
import type { Study } from './study.ts';

/** Smooth and tethered; with stops; on the ground. */
export const studiedEnvs = [
  'Pendulum-v0',
  'InvertedPendulum-v0',
  'InvertedDoublePendulum-v0',
  'CartPoleSwingUp-v0',
  'Reacher-v0',
  'DmReacherEasy-v0',
  'Hopper-v0',
  'Walker2d-v0',
  'HalfCheetah-v0',
  'Ant-v0',
  'DmWalkerWalk-v0',
  'DmCheetahRun-v0',
] as const;

export const command = 'node --import tsx bench/gap/engines.ts';

export interface Recorded extends Study {
  readonly seconds: number;
  /** Hash of what it depends on. */
  readonly code: string;
}

const parts = ['causes', 'changes', 'compare', 'fall', 'returns', 'starts', 'study'] as const;

/** Of everything that a study of this env comes from, both engines' versions included. */
export function studyHash(env: string): string {
  const { sha256 } = codeHash(...parts.map((part) => `bench/gap/engines/${part}.ts`), `bench/results/references/${env}.onnx`);
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  return createHash('sha256').update(`${sha256}\0${optionalDependencies['@mujoco/mujoco']}`).digest('hex');
}

function fileOf(env: string, folder: string): string {
  return join(folder, `${env}.json`);
}

const resultsFolder = join(root, 'bench', 'results', 'gap-engines');
/** Of the numbers of single starts. */
const DIGITS = 6;

export function keepStudy(recorded: Recorded, folder = resultsFolder): void {
  const text = JSON.stringify(recorded, (_, value: unknown) => {
    if (value instanceof Float64Array) return Array.from(value);
    return typeof value === 'number' ? Number(value.toPrecision(DIGITS)) : value;
  });
  writeFileAtomically(fileOf(recorded.env, folder), `${text}\n`);
}

/** Whatever code it was recorded with; null where there is none. */
export function storedStudy(env: string, folder = resultsFolder): Recorded | null {
  const file = fileOf(env, folder);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Recorded) : null;
}

/** Null where it is missing or stale. @param code - `studyHash(env)`. */
export function keptStudy(env: string, code = studyHash(env), folder = resultsFolder): Recorded | null {
  const stored = storedStudy(env, folder);
  return stored?.code === code ? stored : null;
}

/** @throws when any is missing or stale, with the command that makes them. */
export function allStudies(): Recorded[] {
  const found = studiedEnvs.map((env) => ({ env, kept: keptStudy(env) }));
  const lacking = found.filter(({ kept }) => kept === null);
  if (lacking.length > 0)
    throw new Error(
      `${lacking.length} of ${found.length} studies of engines are missing or stale, the first of them ${lacking[0]!.env}; make them with ${command}`,
    );
  return found.map(({ kept }) => kept!);
}
