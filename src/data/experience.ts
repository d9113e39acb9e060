/** What an agent went through, as it saw it: nothing of the state behind. What models of observations learn from. */
import { sha256Hex } from '../math/hash.ts';
import { flatSizeOf, flattenInto, rowOf } from '../spaces/space.ts';
import type { EpisodeSet } from './episode.ts';

/** Float32, row-major, one row an observation; rows of an episode follow each other in time, and episodes each other. */
export interface Experience {
  readonly count: number;
  /** `[count, O]`, flat. */
  readonly observation: Float32Array;
  /** `[count, A]`, flat: what was done before this was seen; zeros at the start of an episode. */
  readonly previousAction: Float32Array;
  /** `[count]`: what came with this observation, over all agents; 0 at the start of an episode. */
  readonly reward: Float32Array;
  /** `[count]`: 0 where the task ended with this observation, else 1. A time limit ends nothing. */
  readonly continues: Float32Array;
  /** `[count]`: 1 where an episode starts, else 0. */
  readonly first: Float32Array;
}

/** Episodes as the flat table that is trained on; what of them is state is left out. */
export function experienceOf({ spec, episodes }: EpisodeSet): Experience {
  const { observationSpace, actionSpace, agents } = spec;
  const [seen, done] = [flatSizeOf(observationSpace), flatSizeOf(actionSpace)];
  const count = episodes.reduce((sum, { steps }) => sum + steps + 1, 0);
  const floats = (width: number) => new Float32Array(count * width);
  const experience = {
    count,
    observation: floats(seen),
    previousAction: floats(done),
    reward: floats(1),
    continues: floats(1).fill(1),
    first: floats(1),
  };
  const [seenRow, doneRow] = [new Float64Array(seen), new Float64Array(done)];
  let at = 0;
  for (const { steps, observation, action, reward, terminated } of episodes) {
    experience.first[at] = 1;
    for (let step = 0; step <= steps; step++, at++) {
      flattenInto(rowOf(observationSpace, observation, step), seenRow);
      experience.observation.set(seenRow, at * seen);
      if (step === 0) continue;
      flattenInto(rowOf(actionSpace, action, step - 1), doneRow);
      experience.previousAction.set(doneRow, at * done);
      experience.reward[at] = reward.subarray((step - 1) * agents, step * agents).reduce((sum, part) => sum + part, 0);
      experience.continues[at] = 1 - terminated[step - 1]!;
    }
  }
  return experience;
}

/** Steps taken, not rows seen. */
export function stepsOf({ count, first }: Experience): number {
  return count - first.reduce((sum, flag) => sum + flag, 0);
}

/** sha256 over everything that training sees. */
export function experienceHash(data: Experience): string {
  return sha256Hex(
    JSON.stringify(
      [data.observation, data.previousAction, data.reward, data.continues, data.first].map((part) =>
        sha256Hex(new Uint8Array(part.buffer, part.byteOffset, part.byteLength)),
      ),
    ),
  );
}
