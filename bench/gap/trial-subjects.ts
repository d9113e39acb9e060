/** Who a trial measures. */
import type { PhysicsEngine } from '../../src/core/physics-world.ts';
import { episodesOf } from '../../src/data/episode-transitions.ts';
import { experienceOf } from '../../src/data/experience.ts';
import type { Transitions } from '../../src/data/transitions.ts';
import { Committee } from '../../src/gap/committee.ts';
import { predictedScale } from '../../src/gap/held-out.ts';
import { breakSubject } from '../../src/gap/negative-controls.ts';
import { doubting } from '../../src/gap/prediction/doubting-model.ts';
import { envSubject, modelSubject, type Subject } from '../../src/gap/subject.ts';
import { trainCalibrated } from '../../src/gap/train-calibrated.ts';
import { TruthModel } from '../../src/gap/truth-model.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import { mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import type { AnyTask, Params } from '../../src/task/task.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { fitRecurrent } from '../../src/world-model/fit-recurrent.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { openObservationModel } from '../../src/world-model/observation-folder.ts';
import type { ObservationModel } from '../../src/world-model/observation-model.ts';
import { trainRecurrent } from '../../src/world-model/train-recurrent.ts';
import { logOf } from './trial-logs.ts';
import { truthOf } from './trial-task.ts';

/** Of each element's spread, in a step: what a good model errs by, and the noise that it states. */
const GOOD_ERROR = 1e-3;
/** Of parameters, with signs in turn. */
const OFF = 0.02;
/** Control steps that a model learns from, gradient steps that it learns in. */
const LEARNED = { steps: 10_000, updates: 6000, recurrentUpdates: 2500 } as const;

/** @param logged - of truth: the scale of errors, and what a control pretends to know. @param seed - of the trial. */
export async function subjectOf(task: AnyTask, name: string, logged: Transitions, seed: number): Promise<Subject> {
  const engine = await rapierEngine();
  const deviation = predictedScale(task, logged).map((spread) => GOOD_ERROR * spread);
  if (name === 'truth') return physics(name, task, engine);
  if (name === 'engine:mujoco') return physics(name, task, await mujocoEngine());
  if (name === 'ensemble') return learned(task, seed);
  if (name === 'exact') return modelSubject(task, new TruthModel(task, engine));
  if (name === 'off-by-2-percent') return modelSubject(task, new TruthModel(task, engine, { changed: slightlyOff }));
  if (name === 'doubting') return modelSubject(task, doubting(new TruthModel(task, engine), deviation));
  // Those that know nothing of their doubt must have had something to know.
  const whole =
    name === 'broken:uninformed-doubt'
      ? new Committee([1, -1].map((sign) => new TruthModel(task, engine, { changed: (params) => slightlyOff(params, 5 * sign) })))
      : /confident/.test(name)
        ? doubting(new TruthModel(task, engine), deviation)
        : new TruthModel(task, engine);
  return breakSubject(name, modelSubject(task, whole), { task, engine, logged });
}

function physics(name: string, task: AnyTask, engine: PhysicsEngine): Subject {
  return envSubject(name, task, async (lanes) => truthOf(task, engine, lanes));
}

/** As `groundtwin train-model --accurate` makes one. */
async function learned(task: AnyTask, seed: number): Promise<Subject> {
  const runtime = nodeRuntime();
  const { manifest, predict } = await trainCalibrated(task, runtime, await logOf(task, 2 * seed + 1, LEARNED.steps), {
    name: `${task.id} ensemble`,
    updates: LEARNED.updates,
    seed,
    fit: (job, hooks) => fitEnsemble(runtime, job, hooks),
  });
  return modelSubject(task, await openModel(runtime, manifest.name, manifest, predict, task));
}

/** Of observations. */
export async function recurrentOf(task: AnyTask, seed: number): Promise<ObservationModel> {
  const runtime = nodeRuntime();
  const data = experienceOf(episodesOf(task, await logOf(task, 2 * seed + 1, LEARNED.steps)));
  const { manifest, graphs } = await trainRecurrent(task, data, {
    name: `${task.id} recurrent`,
    updates: LEARNED.recurrentUpdates,
    seed,
    fit: (job, hooks) => fitRecurrent(runtime, job, hooks),
  });
  return openObservationModel(runtime, manifest.name, manifest, graphs);
}

function slightlyOff(params: Params, times = 1): Params {
  return Object.fromEntries(Object.entries(params).map(([name, value], i) => [name, value * (1 + (i % 2 === 0 ? OFF : -OFF) * times)]));
}
