import type { InfoColumns } from '../core/backend.ts';
import type { WrapperFactory } from '../core/wrapper.ts';

/** Seconds, from any fixed origin. */
export type Clock_s = () => number;

/**
 * Adds `info.episode`: `return` float64 `[lanes, agents]`, `length` int32 `[lanes]`, `elapsed_s` float64 `[lanes]` of the running episode, and `done` uint8 `[lanes]`,
 * 1 where the episode ended on this step and the figures are final.
 */
export function recordEpisodeStatistics(clock_s: Clock_s): WrapperFactory {
  return ({ lanes, agents }) => {
    const columns = {
      return: new Float64Array(lanes * agents),
      length: new Int32Array(lanes),
      elapsed_s: new Float64Array(lanes),
      done: new Uint8Array(lanes),
    };
    const started_s = new Float64Array(lanes);
    return {
      name: 'RecordEpisodeStatistics',
      reset(mask, batch) {
        (batch.info as Record<string, InfoColumns>).episode = columns;
        for (let lane = 0; lane < lanes; lane++) {
          if (!mask[lane]) continue;
          columns.return.fill(0, lane * agents, (lane + 1) * agents);
          columns.length[lane] = 0;
          columns.done[lane] = 0;
          started_s[lane] = clock_s();
        }
      },
      step(batch, active) {
        for (let lane = 0; lane < lanes; lane++) {
          if (!active[lane]) continue;
          for (let slot = lane * agents; slot < (lane + 1) * agents; slot++)
            columns.return[slot] = columns.return[slot]! + batch.reward[slot]!;
          columns.length[lane] = columns.length[lane]! + 1;
          columns.elapsed_s[lane] = clock_s() - started_s[lane]!;
          columns.done[lane] = batch.terminated[lane]! | batch.truncated[lane]!;
        }
      },
      save: (lane) => [columns.length[lane]!, ...columns.return.subarray(lane * agents, (lane + 1) * agents)],
      load(lane, memory) {
        columns.length[lane] = memory[0] ?? 0;
        columns.return.set(memory.slice(1, 1 + agents), lane * agents);
        columns.done[lane] = 0;
      },
    };
  };
}
