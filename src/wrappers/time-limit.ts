import type { WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';

/** Truncates an episode after `steps` steps, unless it terminated on the same step. */
export function timeLimit(steps: number): WrapperFactory {
  if (!Number.isInteger(steps) || steps < 1)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'TimeLimit',
      option: 'steps',
      value: String(steps),
      allowed: 'an integer of at least 1',
    });
  return ({ lanes }) => {
    const elapsed = new Int32Array(lanes);
    return {
      name: 'TimeLimit',
      reset(mask) {
        for (let lane = 0; lane < lanes; lane++) if (mask[lane]) elapsed[lane] = 0;
      },
      step(batch, active) {
        for (let lane = 0; lane < lanes; lane++) {
          if (!active[lane]) continue;
          elapsed[lane] = elapsed[lane]! + 1;
          if (elapsed[lane]! >= steps && !batch.terminated[lane]) batch.truncated[lane] = 1;
        }
      },
      save: (lane) => [elapsed[lane]!],
      load(lane, memory) {
        elapsed[lane] = memory[0] ?? 0;
      },
    };
  };
}
