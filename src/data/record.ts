import type { Policy } from '../core/policy.ts';
import type { VectorEnv } from '../core/vector-env.ts';
import type { TaskEnv } from '../task/task-env.ts';
import type { TransitionRecorder } from './transitions.ts';

export interface RecordOptions {
  /** Of the episode and of the policy's own randomness. */
  readonly seed: number;
  /** Stops here, or when the episode ends. */
  readonly maxSteps: number;
  readonly episode: number;
  readonly onStep?: (step: number, episodeReturn: number) => void;
  /** What stands on the env, of one lane, and steps it: to be recorded as a replay too. Default the env itself. */
  readonly through?: Pick<VectorEnv, 'reset' | 'step'>;
}

/**
 * Runs one episode of a policy in lane 0 of a truth env and keeps every transition.
 * @returns the return, and how many steps it took.
 * @throws PHYSICS_DIVERGED when the episode cannot go on; the transitions before it are kept.
 */
export async function recordEpisode(
  env: TaskEnv,
  policy: Policy,
  recorder: TransitionRecorder,
  options: RecordOptions,
): Promise<{ episodeReturn: number; steps: number }> {
  const active = Uint8Array.of(1);
  const commands = env.task.commands.length;
  const { through } = options;
  policy.reset(options.seed);
  if (through) await through.reset({ seed: options.seed });
  else await env.reset({ mask: active, seeds: Float64Array.of(options.seed) });
  let episodeReturn = 0;
  let steps = 0;
  while (steps < options.maxSteps) {
    const before = env.state.slice(0, env.spec.size);
    const action = await policy.act(env.batch.observation);
    if (through) await through.step(action);
    else await env.step(action, active);
    const problem = env.batch.problems[0];
    if (problem) throw problem;
    recorder.add(before, action, env.commands.subarray(0, commands), env.state.subarray(0, env.spec.size), options.episode);
    for (const reward of env.batch.reward) episodeReturn += reward;
    steps++;
    options.onStep?.(steps, episodeReturn);
    if (env.batch.terminated[0] || env.batch.truncated[0]) break;
  }
  return { episodeReturn, steps };
}
