import type { Rng } from '../../math/rng.ts';
import type { HeldOut } from '../held-out.ts';

/**
 * Plans longer than any episode: each start takes the actions that followed it, then those that followed starts drawn at random, until there are enough.
 * Nobody recorded what follows, so `following` is empty: truth has to play it.
 * @param steps - wanted, at least 1.
 */
export function longPlan(heldOut: HeldOut, steps: number, rng: Rng): HeldOut {
  const { starts, horizon } = heldOut;
  const pieces = Math.ceil(steps / horizon);
  const from = Int32Array.from({ length: starts * pieces }, (_, i) => (i % pieces === 0 ? i / pieces : rng.integer(starts)));
  const chain = (values: Float64Array) => {
    const width = values.length / starts / horizon;
    const out = new Float64Array(starts * steps * width);
    from.forEach((other, i) => {
      const [start, first] = [Math.floor(i / pieces), (i % pieces) * horizon];
      const taken = Math.min(horizon, steps - first) * width;
      out.set(values.subarray(other * horizon * width, other * horizon * width + taken), (start * steps + first) * width);
    });
    return out;
  };
  return { ...heldOut, horizon: steps, action: chain(heldOut.action), command: chain(heldOut.command), following: new Float64Array(0) };
}
