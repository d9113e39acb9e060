import type { Policy } from '../core/policy.ts';
import type { VectorEnv } from '../core/vector-env.ts';
import { cloneValues, type Values } from '../spaces/space.ts';

/** One episode a lane, from given seeds. */
export interface Evaluation {
  /** float64 `[lanes]`, sum of rewards until the first end, over all agents. */
  readonly returns: Float64Array;
  /** int32 `[lanes]`, steps until then. */
  readonly lengths: Int32Array;
  /** Every batch of observations, the first from reset: `steps + 1` entries. Rows of a lane past its end are meaningless. */
  readonly observations: readonly Values[];
  readonly actions: readonly Values[];
}

export interface EvaluateOptions {
  /** One a lane, or the first of a row. */
  readonly seed: number | readonly number[];
  readonly policySeed: number;
  readonly maxSteps: number;
  readonly onStep?: (step: number) => void;
}

/** Runs a policy for one episode in every lane of any env, local or remote. */
export async function evaluate(env: VectorEnv, policy: Policy, options: EvaluateOptions): Promise<Evaluation> {
  policy.reset(options.policySeed);
  let { observation } = await env.reset({ seed: options.seed });
  const returns = new Float64Array(env.lanes);
  const lengths = new Int32Array(env.lanes);
  const running = new Uint8Array(env.lanes).fill(1);
  const observations: Values[] = [cloneValues(observation)];
  const actions: Values[] = [];
  for (let step = 0; step < options.maxSteps && running.includes(1); step++) {
    const chosen = cloneValues(await policy.act(observation));
    const result = await env.step(chosen);
    count(env, result.reward, running, returns, lengths);
    for (let lane = 0; lane < env.lanes; lane++) if (result.terminated[lane] || result.truncated[lane]) running[lane] = 0;
    observation = result.observation;
    observations.push(cloneValues(observation));
    actions.push(chosen);
    options.onStep?.(step + 1);
  }
  return { returns, lengths, observations, actions };
}

function count(env: VectorEnv, reward: Float64Array, running: Uint8Array, returns: Float64Array, lengths: Int32Array): void {
  for (let lane = 0; lane < env.lanes; lane++) {
    if (!running[lane]) continue;
    lengths[lane] = lengths[lane]! + 1;
    for (let agent = 0; agent < env.agents; agent++) returns[lane] = returns[lane]! + reward[lane * env.agents + agent]!;
  }
}
