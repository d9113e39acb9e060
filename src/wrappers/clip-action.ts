import type { WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, type Box, box, type Space, type TypedArray } from '../spaces/space.ts';

/** Accepts any finite action and clips it into the box of the env below. */
export function clipAction(): WrapperFactory {
  return ({ id, lanes, actionSpace }) => {
    const space = requireBox(id, 'ClipAction', actionSpace);
    const clipped = allocate(space, lanes) as TypedArray;
    const size = space.low.length;
    return {
      name: 'ClipAction',
      actionSpace: box({ low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, shape: space.shape, dtype: floatOf(space) }),
      action(actions) {
        const given = actions as TypedArray;
        for (let i = 0; i < clipped.length; i++) clipped[i] = Math.min(Math.max(given[i]!, space.low[i % size]!), space.high[i % size]!);
        return clipped;
      },
    };
  };
}

/** @throws OPTION_INVALID when a wrapper for continuous actions meets another space. */
export function requireBox(env: string, wrapper: string, space: Space): Box {
  if (space.kind === 'box') return space;
  throw new GroundtwinError('OPTION_INVALID', {
    who: env,
    option: 'wrappers',
    value: wrapper,
    allowed: `used on a box of actions; this env's are ${space.kind}`,
  });
}

/** Bytes cannot leave their box, nor stand for fractions: seen from outside they are floats. */
export function floatOf(space: Box): Box['dtype'] {
  return space.dtype === 'uint8' ? 'float32' : space.dtype;
}
