/** Measures plausibility of subjects made from truth, on few starts. */
import { TransitionRecorder, type Transitions } from '../../../src/data/transitions.ts';
import {
  type AxisResult,
  breakSubject,
  envSubject,
  type Finding,
  type GapTest,
  meets,
  modelSubject,
  plausibilityWith,
  predictedScale,
  type Subject,
  TruthModel,
} from '../../../src/gap/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { rapierEngine } from '../../../src/physics/rapier-engine.ts';
import { PhysicsDynamics } from '../../../src/task/physics-dynamics.ts';
import type { AnyTask } from '../../../src/task/task.ts';
import { TaskEnv } from '../../../src/task/task-env.ts';

export const truthOf = async (task: AnyTask, lanes: number) => new TaskEnv(task, new PhysicsDynamics(task, await rapierEngine()), lanes);

/** Episodes under random actions held 3 steps. @param place - writes where an episode begins into a row that `initial` drew. */
export async function episodes(
  task: AnyTask,
  count: number,
  steps: number,
  place: (row: Float64Array, rng: Rng) => void,
): Promise<Transitions> {
  const env = await truthOf(task, 1);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(2);
  const space = task.actionSpace;
  if (space.kind !== 'box') throw new Error('only box actions are drawn here');
  for (let episode = 0; episode < count; episode++) {
    env.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(episode) });
    const row = env.state.slice();
    place(row, rng);
    await env.setState(0, row, 0);
    const action = new Float32Array(space.low.length);
    for (let step = 0; step < steps; step++) {
      if (step % 3 === 0) action.set(Array.from(space.low, (low, i) => rng.uniform(low, space.high[i]!)));
      const before = env.state.slice();
      await env.step(action, Uint8Array.of(1));
      recorder.add(before, action, env.commands, env.state, episode);
    }
  }
  await env.close();
  return recorder.transitions();
}

export interface Rows {
  /** Verdict, then value or reason, of the first row of that id whose title has the word. */
  of(id: string, word?: string): string;
  readonly figures: AxisResult['figures'];
}

/** @param name - `oracle`: truth as an env; `truth`: truth as a model; `noisy`: with noise of 2e-3 of each scale; or `broken:…` of truth as a model. */
export async function measure(
  task: AnyTask,
  heldOut: Transitions,
  name: string,
  settings: { starts: number; horizon: number },
): Promise<Rows> {
  const engine = await rapierEngine();
  const truth = await truthOf(task, 4);
  const scale = predictedScale(task, heldOut);
  const noise = scale.map((unit) => 2e-3 * unit);
  const asModel = () => modelSubject(task, new TruthModel(task, engine, name === 'noisy' ? { noise } : {}));
  const subject: Subject =
    name === 'oracle'
      ? envSubject(name, task, (lanes) => truthOf(task, lanes))
      : name.startsWith('broken:')
        ? breakSubject(name, asModel(), { task, engine })
        : asModel();
  const samples = name === 'noisy' ? 4 : 1;
  const axis = plausibilityWith({ ...settings, copies: 4 });
  const context = { truth, subject, engine, heldOut, training: heldOut, scale, samples, rng: new Rng(7), resamples: 200 };
  const result = await axis.measure(context).finally(async () => {
    await subject.close();
    await truth.close();
  });
  return {
    of: (id, word = '') => {
      const { test, finding } = result.findings.find((each) => each.test.id === id && each.test.title.includes(word))!;
      return told(test, finding);
    },
    figures: result.figures,
  };
}

/** As the report judges: only the whole interval passes, only the value fails. */
function told({ bound }: GapTest, finding: Finding): string {
  if (finding.kind === 'absent') return `${finding.verdict} ${finding.reason}`;
  const { measured: value } = finding.interval;
  const verdict = meets(bound, finding.interval)
    ? 'PASS'
    : meets(bound, { measured: value, low: value, high: value })
      ? 'INCONCLUSIVE'
      : 'FAIL';
  return `${verdict} ${value}`;
}
