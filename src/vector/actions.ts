import { GroundtwinError } from '../errors.ts';
import { type Box, describeSpace, type Leaf, type Space, sizeOf, type TypedArray, type Values } from '../spaces/space.ts';

/**
 * Checks a batch of actions and copies it into `into`.
 * @param actions - `[lanes, ...]`; arrays of numbers are taken as well as typed arrays.
 * @throws ACTION_SHAPE, ACTION_NOT_FINITE, ACTION_OUTSIDE_SPACE.
 */
export function takeActions(env: string, space: Space, lanes: number, actions: unknown, active: Uint8Array, into: Values): void {
  if (space.kind === 'dict') {
    for (const [key, part] of Object.entries(space.spaces))
      takeActions(
        `${env}.${key}`,
        part,
        lanes,
        (actions as Record<string, unknown> | null)?.[key],
        active,
        (into as Record<string, Values>)[key]!,
      );
    return;
  }
  const size = sizeOf(space);
  const given = actions as ArrayLike<number>;
  if (!isNumberArray(actions) || given.length !== lanes * size) refuseShape(env, space, lanes, actions);
  const target = into as TypedArray;
  const { low, high } = boundsOf(space);
  const isWhole = space.kind !== 'box';
  for (let lane = 0; lane < lanes; lane++) {
    if (!active[lane]) continue;
    for (let i = 0; i < size; i++) {
      const value = given[lane * size + i]!;
      if (!Number.isFinite(value)) throw new GroundtwinError('ACTION_NOT_FINITE', { env, index: i, value });
      if (value < low[i]! || value > high[i]! || (isWhole && !Number.isInteger(value)))
        throw new GroundtwinError('ACTION_OUTSIDE_SPACE', { env, index: i, value, low: low[i]!, high: high[i]! });
      target[lane * size + i] = value;
    }
  }
}

interface Bounds {
  readonly low: ArrayLike<number>;
  readonly high: ArrayLike<number>;
}

/** Worked out once a space: this runs for every element of every step. */
const knownBounds = new WeakMap<Leaf, Bounds>();

function boundsOf(space: Leaf): Bounds {
  const known = knownBounds.get(space);
  if (known) return known;
  const bounds = makeBounds(space);
  knownBounds.set(space, bounds);
  return bounds;
}

function makeBounds(space: Leaf): Bounds {
  switch (space.kind) {
    case 'box':
      return space.dtype === 'float32' ? float32Bounds(space) : space;
    case 'discrete':
      return { low: [0], high: [space.n - 1] };
    case 'multiDiscrete':
      return { low: space.nvec.map(() => 0), high: space.nvec.map((n) => n - 1) };
  }
}

// A limit such as 0.1 rounds outwards in float32: the float32 action at the limit is still inside.
function float32Bounds({ low, high }: Box): Bounds {
  return { low: low.map((value) => Math.min(value, Math.fround(value))), high: high.map((value) => Math.max(value, Math.fround(value))) };
}

function isNumberArray(value: unknown): value is ArrayLike<number> {
  return (
    (ArrayBuffer.isView(value) && !(value instanceof DataView)) ||
    (Array.isArray(value) && value.every((element) => typeof element === 'number'))
  );
}

function refuseShape(env: string, space: Leaf, lanes: number, actions: unknown): never {
  const length = (actions as { length?: unknown } | null | undefined)?.length;
  const got = typeof length === 'number' ? `${length} numbers` : actions === null ? 'null' : typeof actions;
  throw new GroundtwinError('ACTION_SHAPE', {
    env,
    expected: `${lanes * sizeOf(space)} numbers (${lanes} × ${describeSpace(space)})`,
    got,
  });
}
