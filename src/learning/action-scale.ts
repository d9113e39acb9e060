/** Actions as networks see them: −1 … 1 spans the range of a bounded number; one without bounds is left as it is. */
import type { GraphBuilder, Tensor } from '../onnx/index.ts';
import { type Box, type Space, sizeOf } from '../spaces/space.ts';
import { refuseOption } from './config-checks.ts';

/** @returns the space, whose numbers are all bounded. @throws OPTION_INVALID when it is another. */
export function requireBoundedBox(who: string, space: Space): Box {
  if (space.kind !== 'box' || space.dtype === 'uint8' || !(sizeOf(space) > 0 && [...space.low, ...space.high].every(Number.isFinite)))
    refuseOption(
      who,
      'env',
      space.kind === 'box' ? 'actions without bounds, or bytes' : `actions of kind ${space.kind}`,
      'one whose actions are a bounded box of floats',
    );
  return space;
}

/** Element `i` as the env takes it; what is outside is clipped. */
export function toActionRange(space: Box, i: number, value: number): number {
  const [low, high] = [space.low[i]!, space.high[i]!];
  const scaled = isBounded(space, i) ? low + ((value + 1) / 2) * (high - low) : value;
  return Math.min(Math.max(scaled, low), high);
}

/** As `toActionRange` in a graph, float32 `[N, size]`; who plays the policy clips to what bound an unbounded number has. */
export function scaledAction(builder: GraphBuilder, space: Box, normalised: Tensor): Tensor {
  const row = (value: (i: number) => number) =>
    builder.constant(
      space.low.map((_, i) => value(i)),
      'float32',
      [1, space.low.length],
    );
  const bounds = [row((i) => (isBounded(space, i) ? -1 : -LARGEST)), row((i) => (isBounded(space, i) ? 1 : LARGEST))] as const;
  const half = row((i) => (isBounded(space, i) ? (space.high[i]! - space.low[i]!) / 2 : 1));
  const centre = row((i) => (isBounded(space, i) ? (space.high[i]! + space.low[i]!) / 2 : 0));
  return builder.add(builder.mul(builder.max(builder.min(normalised, bounds[1]), bounds[0]), half), centre);
}

const LARGEST = 3e38;

export function isBounded(space: Box, i: number): boolean {
  return Number.isFinite(space.low[i]!) && Number.isFinite(space.high[i]!);
}
