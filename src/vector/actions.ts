import { GroundtwinError } from '../errors.ts';
import { type Box, describeSpace, type Leaf, type Space, sizeOf, type TypedArray, type Values } from '../spaces/space.ts';

/** @param actions - `[lanes, ...]`; arrays of numbers are taken as well as typed arrays. */
export type ActionTaker = (actions: unknown, active: Uint8Array, into: Values) => void;

/**
 * Makes what checks a batch of actions and copies it into `into`; lanes that are not active are left as they are.
 * It throws ACTION_SHAPE, ACTION_NOT_FINITE, ACTION_OUTSIDE_SPACE.
 */
export function actionTaker(env: string, space: Space, lanes: number): ActionTaker {
  if (space.kind !== 'dict') return leafTaker(env, space, lanes);
  const parts = Object.entries(space.spaces).map(([key, part]) => ({ key, take: actionTaker(`${env}.${key}`, part, lanes) }));
  return (actions, active, into) => {
    for (const { key, take } of parts)
      take((actions as Record<string, unknown> | null)?.[key], active, (into as Record<string, Values>)[key]!);
  };
}

function leafTaker(env: string, space: Leaf, lanes: number): ActionTaker {
  const size = sizeOf(space);
  const isWhole = space.kind !== 'box';
  const { low, high } = boundsOf(space);
  const refuse = (lane: number, index: number, value: number): never => {
    const at = lanes === 1 ? { env, index, value } : { env, lane, index, value };
    if (!Number.isFinite(value)) throw new GroundtwinError('ACTION_NOT_FINITE', at);
    throw new GroundtwinError('ACTION_OUTSIDE_SPACE', { ...at, low: low[index]!, high: high[index]!, isWhole });
  };
  return (actions, active, into) => {
    const given = actions as ArrayLike<number>;
    const target = into as TypedArray;
    if (!isNumberArray(actions) || given.length !== lanes * size) refuseShape(env, space, lanes, actions);
    for (let lane = 0; lane < lanes; lane++) {
      if (!active[lane]) continue;
      for (let i = 0; i < size; i++) {
        const value = given[lane * size + i]!;
        // Bounds are finite, and NaN is within none.
        if (!(value >= low[i]! && value <= high[i]!) || (isWhole && !Number.isInteger(value))) refuse(lane, i, value);
        target[lane * size + i] = value;
      }
    }
  };
}

/** Finite also where the space is unbounded. */
interface Bounds {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

function boundsOf(space: Leaf): Bounds {
  switch (space.kind) {
    case 'box':
      return boxBounds(space);
    case 'discrete':
      return { low: Float64Array.of(0), high: Float64Array.of(space.n - 1) };
    case 'multiDiscrete':
      return { low: new Float64Array(space.nvec.length), high: Float64Array.from(space.nvec, (n) => n - 1) };
  }
}

// A limit such as 0.1 rounds outwards in float32: the float32 action at the limit is still inside.
function boxBounds({ low, high, dtype }: Box): Bounds {
  const rounded = dtype === 'float32' ? Math.fround : (value: number) => value;
  return {
    low: Float64Array.from(low, (value) => Math.max(-Number.MAX_VALUE, Math.min(value, rounded(value)))),
    high: Float64Array.from(high, (value) => Math.min(Number.MAX_VALUE, Math.max(value, rounded(value)))),
  };
}

function isNumberArray(value: unknown): value is ArrayLike<number> {
  return (
    (ArrayBuffer.isView(value) && !(value instanceof DataView)) ||
    (Array.isArray(value) && value.every((element) => typeof element === 'number'))
  );
}

function refuseShape(env: string, space: Leaf, lanes: number, actions: unknown): never {
  const length = (actions as { length?: unknown } | null | undefined)?.length;
  const odd = Array.isArray(actions) ? actions.find((element) => typeof element !== 'number') : undefined;
  const got =
    odd !== undefined
      ? `a list with ${odd === null ? 'null' : Array.isArray(odd) ? 'a list' : `a ${typeof odd}`} in it`
      : typeof length === 'number'
        ? `${length} numbers`
        : actions === null
          ? 'null'
          : typeof actions;
  throw new GroundtwinError('ACTION_SHAPE', {
    env,
    expected: `${lanes * sizeOf(space)} numbers (${lanes} × ${describeSpace(space)})`,
    got,
  });
}
