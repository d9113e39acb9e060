/** Recordings to identify physics from: true parameters, delay and noise are known. */
import type { Policy } from '../../src/core/policy.ts';
import { elementsWithRole, layOut, wrapAngle } from '../../src/core/state-spec.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { episodeSpans, TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { predictedScale } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { AnyTask, Params } from '../../src/task/task.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { delayAction } from '../../src/wrappers/delay-action.ts';

export interface Recording {
  readonly task: AnyTask;
  /** What differs from the task's own. */
  readonly params: Params;
  readonly policy: Policy;
  readonly episodes: number;
  readonly steps: number;
  /** Between what the agent chose and what the actuators get, control steps. */
  readonly delay_steps: number;
  /** Standard deviation of the noise on every measured element, as a share of the element's own. */
  readonly noise: number;
  readonly seed: number;
}

/** Plays a policy on the true physics and records what it chose and what sensors said. */
export async function recordTruth(recording: Recording): Promise<Transitions> {
  const { task, params, policy, episodes, steps, delay_steps, noise, seed } = recording;
  const env = await registry.truth({ ...task, params: { ...task.params, ...params } });
  const through = new SyncVectorEnv(env, { autoreset: 'disabled', entropy: () => 0, wrappers: [delayAction(delay_steps)] });
  const recorder = new TransitionRecorder(task, episodes * steps);
  const rng = new Rng(seed);
  for (let episode = 0; episode < episodes; episode++)
    await recordEpisode(env, policy, recorder, { seed: rng.uint32(), maxSteps: steps, episode, through });
  await through.close();
  return withNoise(task, recorder.transitions(), noise, new Rng(seed, 1));
}

/** Every moment is measured once: the end of a transition and the start of the next are the same row. */
export function withNoise(task: AnyTask, data: Transitions, share: number, rng: Rng): Transitions {
  const spec = layOut(task.state);
  const scale = predictedScale(task, data);
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const isAngle = new Set(spec.entries.filter(({ kind }) => kind === 'angle').map(({ offset }) => offset));
  const measure = (rows: Float64Array, row: number) =>
    predicted.forEach((element, i) => {
      const at = row * spec.size + element;
      const value = rows[at]! + share * scale[i]! * rng.normal();
      rows[at] = isAngle.has(element) ? wrapAngle(value) : value;
    });
  const [state, next] = [data.state.slice(), data.next.slice()];
  for (const { from, end } of episodeSpans(data)) {
    measure(state, from);
    for (let row = from; row < end; row++) {
      measure(next, row);
      if (row + 1 < end) state.set(next.subarray(row * spec.size, (row + 1) * spec.size), (row + 1) * spec.size);
    }
  }
  return { ...data, state, next };
}
