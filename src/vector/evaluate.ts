import type { Policy } from '../core/policy.ts';
import type { VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { cloneValues, type Values } from '../spaces/space.ts';

/** How one episode a lane ended. */
export interface EpisodeReturns {
  /** float64 `[lanes]`, sum of rewards until the first end, over all agents. */
  readonly returns: Float64Array;
  /** int32 `[lanes]`, steps until then. */
  readonly lengths: Int32Array;
}

/** One episode a lane, from given seeds. */
export interface Evaluation extends EpisodeReturns {
  /** Every batch of observations, the first from reset: `steps + 1` entries. Rows of a lane past its end are meaningless. */
  readonly observations: readonly Values[];
  readonly actions: readonly Values[];
}

interface PlayOptions {
  /** One a lane, or the first of a row; null = go on from where the lane is. */
  readonly seed: number | readonly (number | null)[];
  readonly policySeed: number;
  readonly maxSteps: number;
}

export interface EvaluateOptions extends PlayOptions {
  readonly onStep?: (step: number) => void;
}

/** Looks on: at what `reset` showed, then at every step. */
export interface Onlooker {
  onReset?(observation: Values): void;
  /** @param actions - not used again by anyone. */
  onStep?(step: number, actions: Values, observation: Values): void | Promise<void>;
}

/** Runs a policy for one episode in every lane of any env, local or remote, and keeps what it saw and did. */
export async function evaluate(env: VectorEnv, policy: Policy, options: EvaluateOptions): Promise<Evaluation> {
  const observations: Values[] = [];
  const actions: Values[] = [];
  const ends = await playEpisodes(env, policy, options, {
    onReset: (observation) => void observations.push(cloneValues(observation)),
    onStep: (step, chosen, observation) => {
      observations.push(cloneValues(observation));
      actions.push(chosen);
      options.onStep?.(step);
    },
  });
  return { ...ends, observations, actions };
}

/** Runs a policy for one episode in every lane; lanes that have ended are played on until all have, or until the steps are used up. */
export async function playEpisodes(env: VectorEnv, policy: Policy, options: PlayOptions, onlooker: Onlooker = {}): Promise<EpisodeReturns> {
  policy.reset(options.policySeed);
  let { observation } = await env.reset({ seed: options.seed });
  const returns = new Float64Array(env.lanes);
  const lengths = new Int32Array(env.lanes);
  const running = new Uint8Array(env.lanes).fill(1);
  onlooker.onReset?.(observation);
  for (let step = 0; step < options.maxSteps && running.includes(1); step++) {
    const chosen = cloneValues(await policy.act(observation));
    const result = await env.step(chosen);
    count(env, result.reward, running, returns, lengths);
    observation = result.observation;
    const ended = endedLanes(result);
    for (let lane = 0; lane < env.lanes; lane++) if (ended[lane]) running[lane] = 0;
    await onlooker.onStep?.(step + 1, chosen, observation);
    if (env.autoreset === 'disabled' && ended.includes(1) && running.includes(1))
      observation = (await env.reset({ mask: ended })).observation;
  }
  return { returns, lengths };
}

function endedLanes({ terminated, truncated }: VectorStepResult): Uint8Array {
  return terminated.map((flag, lane) => flag | truncated[lane]!);
}

function count(env: VectorEnv, reward: Float64Array, running: Uint8Array, returns: Float64Array, lengths: Int32Array): void {
  for (let lane = 0; lane < env.lanes; lane++) {
    if (!running[lane]) continue;
    lengths[lane] = lengths[lane]! + 1;
    for (let agent = 0; agent < env.agents; agent++) returns[lane] = returns[lane]! + reward[lane * env.agents + agent]!;
  }
}
