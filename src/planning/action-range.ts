import { GroundtwinError } from '../errors.ts';
import { type Space, sizeOf } from '../spaces/space.ts';

/** Planners search in −1 … 1 over each action's range. */
export interface ActionRange {
  toAction(normalised: number, element: number): number;
  /** The way back; of an integer, the middle of its share of the range. */
  toNormalised(action: number, element: number): number;
}

/** @throws OPTION_INVALID for actions that have names or no bounds. */
export function actionRange(who: string, space: Space): ActionRange {
  if (space.kind === 'dict' || (space.kind === 'box' && !(sizeOf(space) > 0 && [...space.low, ...space.high].every(Number.isFinite))))
    throw new GroundtwinError('OPTION_INVALID', {
      who,
      option: 'env',
      value: space.kind,
      allowed: 'one whose actions are a bounded box or integers',
    });
  if (space.kind === 'box') {
    const { low, high } = space;
    return {
      toAction: (normalised, i) => Math.fround(low[i]! + ((normalised + 1) / 2) * (high[i]! - low[i]!)),
      toNormalised: (action, i) => (high[i]! > low[i]! ? (2 * (action - low[i]!)) / (high[i]! - low[i]!) - 1 : 0),
    };
  }
  const counts = space.kind === 'discrete' ? [space.n] : space.nvec;
  return {
    toAction: (normalised, i) => Math.min(Math.floor(((normalised + 1) / 2) * counts[i]!), counts[i]! - 1),
    toNormalised: (action, i) => (2 * action + 1) / counts[i]! - 1,
  };
}

export function clipNormalised(value: number): number {
  return Math.min(Math.max(value, -1), 1);
}
