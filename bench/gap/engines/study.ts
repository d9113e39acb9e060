/** The gap between the engines on one env, and the search for what it comes from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onnxPolicy } from '../../../agents/onnx/policy.ts';
import { envs } from '../../../envs/index.ts';
import { type Interval, resamplePlan } from '../../../src/gap/bootstrap.ts';
import { type HeldOut, stepsOfPlan } from '../../../src/gap/held-out.ts';
import { randomPolicy } from '../../../src/learning/random-policy.ts';
import { Rng } from '../../../src/math/rng.ts';
import { nodeRuntime } from '../../../src/onnx/node-runtime.ts';
import { mujocoEngine } from '../../../src/physics/mujoco-engine.ts';
import { rapierEngine } from '../../../src/physics/rapier-engine.ts';
import type { Box } from '../../../src/spaces/space.ts';
import { PhysicsDynamics } from '../../../src/task/physics-dynamics.ts';
import type { AnyTask } from '../../../src/task/task.ts';
import { TaskEnv } from '../../../src/task/task-env.ts';
import { root } from '../../machine.ts';
import { areExclusive, type Cause, causeOf, causes, hasContacts } from './causes.ts';
import { apartAt, EnginePair, type Engines, type ErrorAt, effectR2, errorsOf, horizons, validShare } from './compare.ts';
import { type Apart, type Fall, fallOf } from './fall.ts';
import { type ReturnGap, returnGap } from './returns.ts';
import { partlyRandom, recordStarts, type Starts } from './starts.ts';

export interface StudySize {
  /** On which causes are looked for, and on which the one that was found is tested. */
  readonly searched: number;
  readonly tested: number;
  /** Episodes of each policy. */
  readonly episodes: number;
}

/** Where nothing touches anything a start costs little, and few of them meet a stop. */
const fullSizes: Readonly<Record<'tethered' | 'grounded', StudySize>> = {
  tethered: { searched: 128, tested: 160, episodes: 16 },
  grounded: { searched: 48, tested: 96, episodes: 16 },
};

/** The step ahead, in control steps, at which a cause has to explain the gap: the same for all envs. */
export const JUDGED_STEP = 10;
/** Of the starts of the search, and of the test: starts that nothing here was made or chosen on. */
const SEEDS = { searched: 1, tested: 20 } as const;
/** The fewest causes are named that bring so much of what the best bring. */
const NEARLY = 0.9;

export interface Tried extends Fall {
  /** Ids, taken away together. */
  readonly causes: readonly string[];
}

export interface LeftIn extends Fall {
  /** Id of the cause that stays while the other named ones go. */
  readonly cause: string;
}

export interface GapLeft {
  readonly error: readonly ErrorAt[];
  /** Of one step of other actions. */
  readonly effectR2: Interval;
}

export interface Study {
  readonly env: string;
  readonly size: StudySize;
  /** On the starts of the test. */
  readonly gap: GapLeft & { readonly validShare: Interval };
  readonly returns: readonly ReturnGap[];
  /** On the starts of the search, at `JUDGED_STEP`. */
  readonly tried: readonly Tried[];
  /** The fewest that bring nearly as much as any, of the nameable. */
  readonly named: readonly string[];
  /** On the starts of the test: each named cause left in while the others go; nothing where there is one. */
  readonly leftIn: readonly LeftIn[];
  /** Without the named causes, up to `JUDGED_STEP`. */
  readonly gapLeft: GapLeft;
  /** Every start of the test at `JUDGED_STEP`, with and without the causes. */
  readonly whole: Apart;
  readonly removed: Apart;
}

/** Looks for the causes on some starts and tests them on others. @param asked - default: many starts where nothing touches anything. @throws as `taskOf`; ENGINE_MISSING. */
export async function studyOf(id: string, log: (line: string) => void, asked?: StudySize): Promise<Study> {
  const task = taskOf(id);
  const size = asked ?? fullSizes[hasContacts(task.scene(task.params)) ? 'grounded' : 'tethered'];
  const engines = { rapier: await rapierEngine(), mujoco: await mujocoEngine() };
  const searchStarts = await startsFor(task, engines, size.searched, JUDGED_STEP, SEEDS.searched);
  const { tried, named } = await searchCauses(task, new EnginePair(task, engines, searchStarts.scale), searchStarts.plan, log);
  const testStarts = await startsFor(task, engines, size.tested, horizons.at(-1)!, SEEDS.tested);
  return {
    env: id,
    size,
    returns: await returnsFor(task, engines, size.episodes),
    tried,
    named,
    ...(await testCauses(task, new EnginePair(task, engines, testStarts.scale), testStarts.plan, named)),
  };
}

/** @throws for an env that there is none of, or that has no settings for MuJoCo. */
function taskOf(id: string): AnyTask {
  const task = envs.find((one) => one.id === id);
  if (!task?.engines.mujoco) throw new Error(`${id} is no env that MuJoCo plays`);
  return task;
}

const removalsOf = (task: AnyTask, ids: readonly string[]) => ids.map((one) => causeOf(one).removed(task));

async function testCauses(task: AnyTask, pair: EnginePair, plan: HeldOut, named: readonly string[]) {
  const resamples = resamplePlan(plan.starts, new Rng(3));
  const short = stepsOfPlan(plan, 0, JUDGED_STEP);
  const whole = await pair.differ(plan);
  const without = (ids: readonly string[]) => pair.differ(short, removalsOf(task, ids));
  const effect = (ids: readonly string[]) => effectR2(pair, plan, removalsOf(task, ids), resamples, new Rng(4));
  const removed = await without(named);
  const before = apartAt(whole, JUDGED_STEP);
  const leftIn: LeftIn[] = [];
  for (const cause of named.length > 1 ? named : []) {
    const others = apartAt(await without(named.filter((one) => one !== cause)), JUDGED_STEP);
    leftIn.push({ cause, ...fallOf(before, others, resamples) });
  }
  return {
    gap: {
      error: errorsOf(whole, resamples),
      validShare: await validShare(pair, plan, whole, resamples, new Rng(4)),
      effectR2: await effect([]),
    },
    gapLeft: { error: errorsOf(removed, resamples), effectR2: await effect(named) },
    leftIn,
    whole: before,
    removed: apartAt(removed, JUDGED_STEP),
  };
}

/** Every cause alone, and nameable ones in all groups. */
async function searchCauses(task: AnyTask, pair: EnginePair, plan: HeldOut, log: (line: string) => void) {
  const scene = task.scene(task.params);
  const present = causes.filter((cause) => cause.applies(scene));
  const resamples = resamplePlan(plan.starts, new Rng(3));
  const whole = apartAt(await pair.differ(plan), plan.horizon);
  const tried: Tried[] = [];
  const attempt = async (group: readonly Cause[]) => {
    const ids = group.map(({ id }) => id);
    const fall = fallOf(whole, apartAt(await pair.differ(plan, removalsOf(task, ids)), plan.horizon), resamples);
    tried.push({ causes: ids, ...fall });
    log(
      `${task.id} without ${ids.join(', ')}: E falls by ${fall.error.measured.toFixed(2)}, over motion ${fall.perMotion.measured.toFixed(2)}`,
    );
  };
  const nameable = present.filter((cause) => cause.isNameable(scene));
  for (const cause of present) if (!nameable.includes(cause)) await attempt([cause]);
  const alone = tried.length;
  for (let count = 1; count <= nameable.length; count++)
    for (const group of groupsOf(nameable, count)) if (!areExclusive(group.map(({ id }) => id))) await attempt(group);
  return { tried, named: namedOf(tried.slice(alone)) };
}

/** What a group brings, by the worse of the two falls. */
const worthOf = ({ error, perMotion }: Tried) => Math.min(error.measured, perMotion.measured);

/** @param tried - one group at least. @returns ids of the fewest causes that bring nearly as much as any; of equally many those that bring most. */
export function namedOf(tried: readonly Tried[]): readonly string[] {
  const most = Math.max(...tried.map(worthOf));
  const near = tried.filter((one) => worthOf(one) >= Math.min(most, NEARLY * most));
  return [...near].sort((a, b) => a.causes.length - b.causes.length || worthOf(b) - worthOf(a))[0]!.causes;
}

/** All choices of so many, each in the order of the list. */
export function groupsOf<T>(list: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return list.flatMap((first, i) => groupsOf(list.slice(i + 1), count - 1).map((rest) => [first, ...rest]));
}

function openEnv(task: AnyTask, engines: Engines, engine: keyof Engines, lanes: number): TaskEnv {
  return new TaskEnv(task, new PhysicsDynamics(task, engines[engine]), lanes);
}

function referenceFor(env: TaskEnv) {
  const file = join(root, 'bench', 'results', 'references', `${env.task.id}.onnx`);
  return onnxPolicy(nodeRuntime(), readFileSync(file), env, 'reference');
}

async function startsFor(task: AnyTask, engines: Engines, count: number, horizon: number, seed: number): Promise<Starts> {
  const env = openEnv(task, engines, 'rapier', 1);
  const reference = await referenceFor(env);
  try {
    return await recordStarts(env, partlyRandom(task.actionSpace as Box, reference, new Rng(seed)), count, horizon, seed);
  } finally {
    await reference.close();
    await env.close();
  }
}

async function returnsFor(task: AnyTask, engines: Engines, episodes: number): Promise<ReturnGap[]> {
  const [rapier, mujoco] = [openEnv(task, engines, 'rapier', episodes), openEnv(task, engines, 'mujoco', episodes)];
  const reference = await referenceFor(rapier);
  const plan = resamplePlan(episodes, new Rng(5));
  try {
    return [
      await returnGap(rapier, mujoco, reference, plan),
      await returnGap(rapier, mujoco, randomPolicy(task.actionSpace, episodes), plan),
    ];
  } finally {
    await reference.close();
    await rapier.close();
    await mujoco.close();
  }
}
