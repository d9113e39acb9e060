import type { WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { allocate, copyValues, rowOf, type TypedArray, type Values } from '../spaces/space.ts';

/** Whole numbers from `low` to `high`, drawn anew for each episode. */
export interface WholeRange {
  readonly low: number;
  readonly high: number;
}

/** Stream of an episode's seed; the task has 0 to 2. */
const stream = 3;
export const longestDelay_steps = 1000;

/**
 * The env below gets each action `steps` control steps later; zeros come first (of a discrete action: choice 0). Says how late in `info.latency_steps`.
 * @param steps - the same for all episodes, or a range to draw from by the episode's seed.
 */
export function delayAction(steps: number | WholeRange): WrapperFactory {
  const { low, high } = typeof steps === 'number' ? { low: steps, high: steps } : steps;
  return ({ id, lanes, actionSpace }) => {
    if (!(Number.isInteger(low) && Number.isInteger(high) && 0 <= low && low <= high && high <= longestDelay_steps))
      throw new GroundtwinError('OPTION_INVALID', {
        who: id,
        option: 'latency_steps',
        value: `${low} to ${high}`,
        allowed: `whole numbers in order, from 0 to ${longestDelay_steps}`,
      });
    const delayed = allocate(actionSpace, lanes);
    const latency_steps = new Int32Array(lanes).fill(low);
    /** Per lane, the actions under way: oldest first. */
    const queues: Values[][] = Array.from({ length: lanes }, () => []);
    const rng = new Rng(0);
    const idle = (): Values => allocate(actionSpace, 1);
    const begin = (lane: number, delay: number): void => {
      latency_steps[lane] = delay;
      queues[lane] = Array.from({ length: delay }, idle);
    };
    return {
      name: `DelayAction(${low},${high})`,
      action(actions, active) {
        for (let lane = 0; lane < lanes; lane++) {
          if (!active[lane]) continue;
          const queue = queues[lane]!;
          const given = rowOf(actionSpace, actions, lane);
          const into = rowOf(actionSpace, delayed, lane);
          const oldest = queue.shift();
          if (!oldest) copyValues(given, into);
          else {
            copyValues(oldest, into);
            copyValues(given, oldest);
            queue.push(oldest);
          }
        }
        return delayed;
      },
      reset(mask, batch, seeds) {
        (batch.info as Record<string, Int32Array>).latency_steps = latency_steps;
        for (let lane = 0; lane < lanes; lane++) {
          if (!mask[lane]) continue;
          rng.seed(seeds[lane]!, stream);
          begin(lane, low + rng.integer(high - low + 1));
        }
      },
      save: (lane) => queues[lane]!.flatMap((row) => leavesOf(row).flatMap((leaf) => [...leaf])),
      load(lane, memory) {
        const size = leavesOf(idle()).reduce((sum, leaf) => sum + leaf.length, 0);
        begin(lane, Math.min(high, Math.floor(memory.length / size)));
        let at = 0;
        for (const row of queues[lane]!) for (const leaf of leavesOf(row)) for (let i = 0; i < leaf.length; i++) leaf[i] = memory[at++]!;
      },
    };
  };
}

function leavesOf(values: Values): TypedArray[] {
  return ArrayBuffer.isView(values) ? [values as TypedArray] : Object.values(values as Record<string, Values>).flatMap(leavesOf);
}
