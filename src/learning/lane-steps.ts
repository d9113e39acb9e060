/**
 * What a step left lanes in, and what they go on from. Lanes that ended are begun anew at once, whatever the env's autoreset: there is no step whose action is ignored,
 * and the same seeds give the same rows.
 */
import type { VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { flattenInto, rowOf, type Space, type Values } from '../spaces/space.ts';

/** Of lanes whose episode ended with the step, the last observation of it. */
export function lastObservation(env: VectorEnv, { observation, info }: VectorStepResult): Values {
  return env.autoreset === 'sameStep' ? (info.finalObservation as Values) : observation;
}

/** What lanes go on from after a step in which some ended. @param mask - `[lanes]`, 1 where an episode ended. */
export async function nextObservation(env: VectorEnv, { observation }: VectorStepResult, mask: Uint8Array): Promise<Values> {
  return env.autoreset === 'sameStep' ? observation : (await env.reset({ mask })).observation;
}

/** Summed over agents. */
export function rewardOf(reward: Float64Array, lane: number, agents: number): number {
  let sum = 0;
  for (let agent = 0; agent < agents; agent++) sum += reward[lane * agents + agent]!;
  return sum;
}

/** Writes observations of all lanes flat, a row each. @param rows - one a lane. @param all - the same memory, `[lanes, size]`. */
export function flattenLanes(space: Space, observation: Values, rows: readonly Float64Array[], all: Float64Array): void {
  if (ArrayBuffer.isView(observation)) flattenInto(observation, all);
  else rows.forEach((row, lane) => void flattenInto(rowOf(space, observation, lane), row));
}
