/** The policies of `truth.learnable`: searched for once, kept with how they were found. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ArsConfig, type ArsPolicyData, type ArsProgress, type ArsResult, trainArs } from '../../agents/index.ts';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { registry } from '../../src/index.ts';
import { type Machine, machine, root } from '../machine.ts';
import { codeHash } from './code-hash.ts';
import { compare, type Returns } from './learnable.ts';
import { searches, searchSeed, uncounted } from './learnable-tasks.ts';

export interface KeptSearch {
  readonly env: string;
  readonly seed: number;
  readonly config: ArsConfig;
  /** Env steps, and CPU seconds they took. */
  readonly steps: number;
  readonly cpu_s: number;
  /** Where the unperturbed policy was validated. */
  readonly curve: readonly Required<ArsProgress>[];
  readonly policy: ArsPolicyData;
  /** Played right after the search. What the row says, it plays anew. */
  readonly evaluation: Returns;
  /** Hash over the code of search and physics at that time. */
  readonly code: string;
  readonly machine: Machine;
}

const kept = join(root, 'bench', 'results', 'learnable');

/** @throws when there is none. */
export function keptSearch(id: string, folder = kept): KeptSearch {
  const path = join(folder, `${id}.json`);
  if (!existsSync(path)) throw new Error(`no kept policy of ${id}; search for it with node --import tsx bench/learnable/main.ts ${id}`);
  return JSON.parse(readFileSync(path, 'utf8')) as KeptSearch;
}

/** Searches for a policy and keeps it. @param config - another than the env's own only in tests. */
export async function search(id: string, log: (line: string) => void, config = configOf(id), folder = kept): Promise<KeptSearch> {
  const curve: Required<ArsProgress>[] = [];
  const before = process.cpuUsage();
  const result = await find(id, config, ({ validation, ...progress }) => {
    if (validation === undefined) return;
    curve.push({ ...progress, candidates: rounded(progress.candidates), validation: rounded(validation) });
    log(`${id}: iteration ${progress.iteration} of ${config.iterations}, ${progress.steps} steps, mean return ${validation.toFixed(1)}`);
  });
  const { user, system } = process.cpuUsage(before);
  const policy = roundedPolicy(result.policy);
  const found: KeptSearch = {
    env: id,
    seed: searchSeed,
    config,
    steps: result.steps,
    cpu_s: Math.round((user + system) / 1e6),
    curve,
    policy,
    evaluation: await compare(id, policy),
    code: codeHash('bench/verify/learnable-search.ts').sha256,
    machine: machine(),
  };
  writeFileAtomically(join(folder, `${id}.json`), `${JSON.stringify(found)}\n`);
  return found;
}

async function find(id: string, config: ArsConfig, onProgress: (progress: ArsProgress) => void): Promise<ArsResult> {
  const env = await registry.makeVector(id, { copy: false });
  try {
    return await trainArs(env, config, searchSeed, { onProgress });
  } finally {
    await env.close();
  }
}

function configOf(id: string): ArsConfig {
  const config = searches[id] ?? uncounted[id];
  if (!config) throw new Error(`no search for ${id}; there is one for ${Object.keys({ ...searches, ...uncounted }).join(', ')}`);
  return config;
}

/** Six digits are far more than a policy's success hangs on, and what is played is what is kept. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function roundedPolicy({ mean, deviation, weights, ...shape }: ArsPolicyData): ArsPolicyData {
  return { ...shape, mean: mean.map(rounded), deviation: deviation.map(rounded), weights: weights.map(rounded) };
}
