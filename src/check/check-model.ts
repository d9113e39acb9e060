import type { Ranges } from '../core/range.ts';
import type { EngineName } from '../core/scene-spec.ts';
import { recordEpisode } from '../data/record.ts';
import { TransitionRecorder, type Transitions } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import type { GuardOptions } from '../onnx/index.ts';
import { allocate, sampleInto } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import type { TaskEnv } from '../task/task-env.ts';
import type { ModelSource } from '../world-model/model-folder.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { type CheckResult, chosenFrom, fewestSteps, mostSteps, runChecks } from './check-env.ts';
import { modelChecks } from './model-checks.ts';

/** A registry, as far as the checks ask it. */
export interface ModelRegistry {
  task(id: string | AnyTask): AnyTask;
  truth(id: string | AnyTask, lanes?: number, engine?: EngineName, randomize?: Ranges): Promise<TaskEnv>;
  loadModel(id: string | AnyTask, source: ModelSource, guard?: GuardOptions): Promise<WorldModel>;
}

export interface ModelCheckOptions extends GuardOptions {
  /** Of random play on physics, whose states the model is asked about, 10 to 10,000. Default 240. */
  readonly steps?: number;
  /** Of that play. Default 1. */
  readonly seed?: number;
  /** Drawn for each episode of that play: what a conditioned task is about. Default none. */
  readonly randomize?: Ranges;
  /** Only these checks, by name; that it loads goes before any. */
  readonly only?: readonly string[];
  /** Seconds that go by; without it every check takes 0. */
  readonly clock_s?: () => number;
}

export interface ModelReport {
  readonly env: string;
  /** As the manifest calls it; null where it was refused. */
  readonly model: string | null;
  readonly holds: boolean;
  readonly checks: readonly CheckResult[];
}

/** What the checks of a model that was loaded work with. */
export interface ModelBench {
  readonly task: AnyTask;
  readonly model: WorldModel;
  /** What really happened under random actions. */
  readonly plays: Transitions;
  readonly seed: number;
}

/** An action is held: jitter moves little. */
const heldSteps = 3;
const episodeSteps = 60;

/**
 * Holds a model to the contract (docs/model-contract.md), on states that the task really reaches. Nothing is thrown for a broken model: it fails by check,
 * and where it cannot be loaded, the one check `loads` says why.
 * @throws OPTION_INVALID, ENV_UNKNOWN.
 */
export async function checkModel(
  registry: ModelRegistry,
  id: string | AnyTask,
  source: ModelSource | WorldModel,
  options: ModelCheckOptions = {},
): Promise<ModelReport> {
  const { steps = 240, seed = 1, randomize, only, clock_s, ...guard } = options;
  if (!Number.isInteger(steps) || steps < fewestSteps || steps > mostSteps) {
    const allowed = `an integer from ${fewestSteps} to ${mostSteps}`;
    throw new GroundtwinError('OPTION_INVALID', { who: 'checkModel', option: 'steps', value: String(steps), allowed });
  }
  const chosen = chosenFrom(modelChecks, only, 'checkModel');
  const task = registry.task(id);
  let model: WorldModel | undefined;
  const load = async () => {
    model = typeof source !== 'string' && 'predict' in source ? source : await registry.loadModel(task, source, guard);
    return undefined;
  };
  const loads = { name: 'loads', what: 'has a manifest and a graph that the contract allows, and runs on starts of the task', run: load };
  const loaded = await runChecks([loads], undefined, clock_s);
  if (!model) return { env: task.id, model: null, holds: false, checks: loaded };
  try {
    const bench = { task, model, plays: await playsOf(registry, task, steps, seed, randomize), seed };
    const checks = [...loaded, ...(await runChecks(chosen, bench, clock_s))];
    return { env: task.id, model: model.manifest.name, holds: checks.every(({ holds }) => holds), checks };
  } finally {
    if (model !== source) await model.close();
  }
}

async function playsOf(registry: ModelRegistry, task: AnyTask, steps: number, seed: number, randomize?: Ranges): Promise<Transitions> {
  const env = await registry.truth(task, 1, 'rapier', randomize);
  const recorder = new TransitionRecorder(task, steps);
  const rng = new Rng(seed, 17);
  const action = allocate(task.actionSpace, 1);
  let played = 0;
  const policy = {
    name: 'random',
    reset() {},
    act: () => {
      if (played++ % heldSteps === 0) sampleInto(task.actionSpace, rng, action);
      return action;
    },
  };
  try {
    for (let episode = 0; recorder.transitions().count < steps; episode++) {
      const maxSteps = Math.min(episodeSteps, steps - recorder.transitions().count);
      await recordEpisode(env, policy, recorder, { seed: seed + episode, maxSteps, episode });
    }
  } finally {
    await env.close();
  }
  return recorder.transitions();
}
