import type { WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, box, type TypedArray } from '../spaces/space.ts';
import { floatOf, requireBox } from './clip-action.ts';

/** Maps actions from [low, high] linearly onto the bounded box of the env below. */
export function rescaleAction(low = -1, high = 1): WrapperFactory {
  if (!(low < high))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'RescaleAction',
      option: 'low',
      value: String(low),
      allowed: `below high (${high})`,
    });
  return ({ id, lanes, actionSpace }) => {
    const space = requireBox(id, 'RescaleAction', actionSpace);
    if (![...space.low, ...space.high].every(Number.isFinite))
      throw new GroundtwinError('OPTION_INVALID', {
        who: id,
        option: 'wrappers',
        value: 'RescaleAction',
        allowed: 'used where every action has finite bounds',
      });
    const scaled = allocate(space, lanes) as TypedArray;
    const size = space.low.length;
    const share = (value: number) => (value - low) / (high - low);
    return {
      name: 'RescaleAction',
      actionSpace: box({ low, high, shape: space.shape, dtype: floatOf(space) }),
      action(actions) {
        const given = actions as TypedArray;
        for (let i = 0; i < scaled.length; i++) {
          const [bottom, top] = [space.low[i % size]!, space.high[i % size]!];
          // Rounding to float32 may leave the box by one unit in the last place.
          scaled[i] = Math.min(Math.max(bottom + (top - bottom) * share(given[i]!), bottom), top);
        }
        return scaled;
      },
    };
  };
}
