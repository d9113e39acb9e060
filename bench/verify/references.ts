/** Reference agents: trained once by `groundtwin train`, kept as graphs with what they returned, played anew by `agents.references`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onnxPolicy } from '../../agents/index.ts';
import { main } from '../../src/cli/main.ts';
import { commandLine } from '../../src/cli/run-description.ts';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { bootstrapInterval, type Interval, mean } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { type Machine, machine, root } from '../machine.ts';
import { type CodeHash, codeHash } from './code-hash.ts';
import { type ReferencePlan, referencePlans } from './references-plan.ts';

export interface KeptReference {
  readonly env: string;
  readonly plan: ReferencePlan;
  /** That trains it. */
  readonly command: string;
  /** Env steps it was trained for. */
  readonly steps: number;
  /** How it went, thinned out. */
  readonly curve: readonly { readonly steps: number; readonly return: number }[];
  /** Of the graph beside this file. */
  readonly policy_sha256: string;
  readonly evaluation: {
    /** Of the first start; the others follow. No training and no choice of settings has played any of them. */
    readonly firstSeed: number;
    readonly returns: readonly number[];
  };
  /** Of the training. */
  readonly code: CodeHash;
  readonly machine: Machine;
}

export const referenceStarts = 100;
/** Of the first of those starts. Agents and settings were compared on others, from 1,000,000 on, so none was chosen for what it does here. */
export const referenceSeed = 2_000_000;
const mostPoints = 40;
const defaultFolder = join(root, 'bench', 'results', 'references');
const trainer = 'src/cli/agents.ts';

export function policyFile(id: string, folder = defaultFolder): string {
  return join(folder, `${id}.onnx`);
}

/** @returns nothing where there is none. @throws when its graph is missing, or another. */
export function keptReference(id: string, folder = defaultFolder): { kept: KeptReference; policy: Uint8Array } | undefined {
  const path = join(folder, `${id}.json`);
  if (!existsSync(path)) return undefined;
  const kept = JSON.parse(readFileSync(path, 'utf8')) as KeptReference;
  const policy = readFileSync(policyFile(id, folder));
  if (sha256Hex(policy) !== kept.policy_sha256) throw new Error(`${id}.onnx is not the graph that ${id}.json speaks of`);
  return { kept, policy };
}

/** The options of `groundtwin train`, by their names in code. */
function trainOptions(id: string, { agent, steps, seed, lanes, set }: ReferencePlan, out: string) {
  return { agent, env: id, steps, seed, lanes, ...(set.length > 0 ? { set } : {}), out };
}

/** Trains a reference agent, or goes on training it, in a run folder, and keeps it. */
export async function recordReference(
  id: string,
  { plan = referencePlans[id]!, folder = defaultFolder, runs = join(root, 'runs', 'references') } = {},
): Promise<KeptReference> {
  const run = join(runs, id);
  const { set = [], ...named } = trainOptions(id, plan, run);
  const argv = Object.entries(named).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const exitCode = await main(['train', ...argv, ...(set.length > 0 ? ['--set', ...set] : []), '--json']);
  if (exitCode !== 0) throw new Error(`training the reference of ${id} ended with ${exitCode}`);
  const policy = readFileSync(join(run, 'policy.onnx'));
  const kept: KeptReference = {
    env: id,
    plan,
    command: commandLine('train', trainOptions(id, plan, `runs/references/${id}`)),
    ...curveOf(join(run, 'metrics.jsonl')),
    policy_sha256: sha256Hex(policy),
    evaluation: await evaluateReference(id, policy),
    code: codeHash(trainer),
    machine: machine(),
  };
  writeFileAtomically(policyFile(id, folder), policy);
  write(kept, folder);
  return kept;
}

/** Plays a kept agent again, and keeps what it returns now. */
export async function updateReference(id: string, folder = defaultFolder): Promise<KeptReference> {
  const found = keptReference(id, folder);
  if (!found) throw new Error(`there is no reference of ${id} to play`);
  const kept: KeptReference = { ...found.kept, evaluation: await evaluateReference(id, found.policy) };
  write(kept, folder);
  return kept;
}

function write(kept: KeptReference, folder: string): void {
  writeFileAtomically(join(folder, `${kept.env}.json`), `${JSON.stringify(kept)}\n`);
}

async function evaluateReference(id: string, policy: Uint8Array): Promise<KeptReference['evaluation']> {
  return { firstSeed: referenceSeed, returns: await playReference(id, policy) };
}

/** One episode from each fresh start, in physics. */
export async function playReference(id: string, policy: Uint8Array, starts = referenceStarts): Promise<number[]> {
  const env = await registry.makeVector(id, { lanes: starts, copy: false });
  const player = await onnxPolicy(nodeRuntime(), policy, env, id);
  try {
    const { returns } = await evaluate(env, player, { seed: referenceSeed, policySeed: 1, maxSteps: registry.task(id).horizon });
    return [...returns];
  } finally {
    await player.close();
    await env.close();
  }
}

/** As `groundtwin eval` gives it. */
export function intervalOf(returns: readonly number[]): Interval {
  return bootstrapInterval(returns, mean, new Rng(0));
}

function curveOf(path: string): Pick<KeptReference, 'steps' | 'curve'> {
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { steps: number; return?: number | null; validation?: number });
  const known = lines.flatMap(({ steps, return: played, validation }) => {
    const value = validation ?? played;
    return typeof value === 'number' ? [{ steps, return: Number(value.toPrecision(5)) }] : [];
  });
  const few = Math.ceil(known.length / mostPoints);
  return { steps: lines.at(-1)!.steps, curve: known.filter((_, i) => (known.length - 1 - i) % few === 0) };
}
