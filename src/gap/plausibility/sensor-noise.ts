/** What a good sensor errs by: the unit that P6 counts in. */
import type { Kind, StateEntry } from '../../core/state-spec.ts';
import { SENSOR_NOISE_SHARE } from '../pair-rollouts.ts';
import { median } from '../statistics.ts';

/** What each kind of velocity is the change of. */
const MEASURED_BY: Partial<Record<Kind, Kind>> = { velocity: 'length', angularVelocity: 'angle' };

/**
 * Of a position what an encoder of 14 bits resolves, `SENSOR_NOISE_SHARE` of its spread. Of a velocity what two such readings a control step apart tell of it, √2 times as much over the step, since
 * that is how a mechanism's velocities are known; where no position of its kind is predicted, as of a position.
 *
 * @param entries - the predicted ones. @param scale - float64 `[P]`, standard deviations. @returns float64 `[P]`, standard deviations in the unit of each element.
 */
export function sensorNoise(entries: readonly StateEntry[], scale: Float64Array, controlDt_s: number): Float64Array {
  const kinds = entries.flatMap((entry) => new Array<Kind>(entry.size).fill(entry.kind));
  const ofKind = (kind: Kind) => Float64Array.from(scale.filter((_, i) => kinds[i] === kind));
  return scale.map((unit, i) => {
    const measured = MEASURED_BY[kinds[i]!];
    const positions = measured ? ofKind(measured) : [];
    const known = positions.length > 0 ? (Math.SQRT2 * median(positions)) / controlDt_s : 0;
    return SENSOR_NOISE_SHARE * Math.max(unit, known);
  });
}
