/** Who the prediction axis is tried on: truth, physics as a model, and broken ones. */
import { TransitionRecorder, type Transitions } from '../../../src/data/transitions.ts';
import {
  type AxisContext,
  type AxisResult,
  breakSubject,
  doubting,
  envSubject,
  judge,
  modelSubject,
  predictedScale,
  type Subject,
  TruthModel,
} from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { rapierEngine } from '../../../src/physics/rapier-engine.ts';
import { allocate, sampleInto, type TypedArray } from '../../../src/spaces/space.ts';
import type { AnyTask } from '../../../src/task/task.ts';

/** Random episodes of a task, not ended where it would end. */
export async function wanderings(id: string, seed: number, episodes: number, steps: number): Promise<Transitions> {
  const env = await registry.truth(id, 1);
  const recorder = new TransitionRecorder(env.task);
  const rng = new Rng(seed);
  const action = allocate(env.actionSpace, 1) as TypedArray;
  for (let episode = 0; episode < episodes; episode++) {
    await env.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(rng.integer(1 << 30)) });
    for (let step = 0; step < steps; step++) {
      sampleInto(env.actionSpace, rng, action);
      const before = env.state.slice();
      await env.step(action, Uint8Array.of(1));
      recorder.add(before, action, env.commands, env.state, episode);
    }
  }
  await env.close();
  return recorder.transitions();
}

/** Truth as an env: says one thing only. */
export const oracleOf = (task: AnyTask): Subject => envSubject('truth', task, (lanes) => registry.truth(task.id, lanes));

/** Physics as a model. */
export const exact = async (task: AnyTask): Promise<Subject> => modelSubject(task, new TruthModel(task, await rapierEngine()));

/** The same with parameters 2 % off. */
export async function nearlyRight(task: AnyTask): Promise<Subject> {
  const changed = (params: AnyTask['params']) => Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value * 1.02]));
  return modelSubject(task, new TruthModel(task, await rapierEngine(), { changed }));
}

/** Physics with noise of a share of each element's scale, which it owns up to. */
export async function noisy(task: AnyTask, data: Transitions, share = 2e-3): Promise<Subject> {
  const noise = predictedScale(task, data).map((sigma) => share * sigma);
  return modelSubject(task, new TruthModel(task, await rapierEngine(), { noise }));
}

/** Physics that errs by such a share and knows it. */
export async function honest(task: AnyTask, data: Transitions, share = 2e-3): Promise<Subject> {
  const deviation = predictedScale(task, data).map((sigma) => share * sigma);
  return modelSubject(task, doubting(new TruthModel(task, await rapierEngine()), deviation));
}

export async function broken(text: string, subject: Subject): Promise<Subject> {
  return breakSubject(text, subject, { task: subject.task, engine: await rapierEngine() });
}

/** Measures a part of the axis on a subject, and closes it. */
export async function measureOn(
  subject: Subject,
  heldOut: Transitions,
  samples: number,
  measure: (context: AxisContext) => Promise<AxisResult>,
): Promise<{ readonly rows: Readonly<Record<string, string>>; readonly result: AxisResult }> {
  const truth = await registry.truth(subject.task.id, 32);
  const engine = await rapierEngine();
  const scale = predictedScale(subject.task, heldOut);
  const context = { truth, subject, engine, heldOut, training: heldOut, scale, samples, rng: new Rng(5), resamples: 400 };
  try {
    const result = await measure(context);
    const rows = result.findings.map(({ test, finding }) => judge(test, finding));
    const lines = rows.map(({ title, horizon, verdict, measured, low, high }) => [
      title.includes('strict') ? `${title} ${horizon}` : title,
      `${verdict} ${measured} [${low}, ${high}]`,
    ]);
    return { rows: Object.fromEntries(lines), result };
  } finally {
    await truth.close();
    await subject.close();
  }
}
