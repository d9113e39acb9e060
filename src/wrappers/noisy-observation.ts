import type { Range } from '../core/range.ts';
import type { WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { allocate, box, type TypedArray } from '../spaces/space.ts';

/** Streams of an episode's seed; the task has 0 to 2, delays 3. */
const streams = { deviation: 4, noise: 5 } as const;
/** Elements of a saved generator. */
const rngSize = 6;

/**
 * Adds independent Gaussian noise to every element of a box observation, in its own unit. Says how much in `info.sensorNoise`.
 * @param deviation - the same for all episodes, or a range to draw from by the episode's seed.
 */
export function noisyObservation(deviation: number | Range): WrapperFactory {
  const { low, high } = typeof deviation === 'number' ? { low: deviation, high: deviation } : deviation;
  return ({ id, lanes, observationSpace }) => {
    const refuse = (option: string, value: string, allowed: string): never => {
      throw new GroundtwinError('OPTION_INVALID', { who: id, option, value, allowed });
    };
    if (!(Number.isFinite(low) && Number.isFinite(high) && 0 <= low && low <= high))
      refuse('sensorNoise', `${low} to ${high}`, 'finite numbers in order, from 0 on');
    if (observationSpace.kind !== 'box' || observationSpace.dtype === 'uint8')
      return refuse('sensorNoise', `${low} to ${high}`, 'used on a box of real numbers; this env observes something else');
    const size = observationSpace.low.length;
    const noisy = allocate(observationSpace, lanes) as TypedArray;
    /** What is added, drawn once a step. */
    const noise = new Float64Array(lanes * size);
    const sensorNoise = new Float64Array(lanes);
    const rngs = Array.from({ length: lanes }, () => new Rng(0));
    const draw = (lane: number): void => {
      rngs[lane]!.normals(noise, lane * size, size);
      for (let i = lane * size; i < (lane + 1) * size; i++) noise[i]! *= sensorNoise[lane]!;
    };
    return {
      name: `NoisyObservation(${low},${high})`,
      // Noise leaves any bounds.
      observationSpace: box({
        low: observationSpace.low.map(() => Number.NEGATIVE_INFINITY),
        high: observationSpace.high.map(() => Number.POSITIVE_INFINITY),
        shape: observationSpace.shape,
        dtype: observationSpace.dtype,
        ...(observationSpace.names && { names: observationSpace.names }),
      }),
      reset(mask, batch, seeds) {
        (batch.info as Record<string, Float64Array>).sensorNoise = sensorNoise;
        for (let lane = 0; lane < lanes; lane++) {
          if (!mask[lane]) continue;
          rngs[lane]!.seed(seeds[lane]!, streams.deviation);
          sensorNoise[lane] = rngs[lane]!.uniform(low, high);
          rngs[lane]!.seed(seeds[lane]!, streams.noise);
          draw(lane);
        }
      },
      step(_batch, active) {
        for (let lane = 0; lane < lanes; lane++) if (active[lane]) draw(lane);
      },
      observation(observation) {
        const seen = observation as TypedArray;
        for (let i = 0; i < noisy.length; i++) noisy[i] = seen[i]! + noise[i]!;
        return noisy;
      },
      save: (lane) => [sensorNoise[lane]!, ...rngs[lane]!.save(), ...noise.subarray(lane * size, (lane + 1) * size)],
      load(lane, memory) {
        sensorNoise[lane] = memory[0]!;
        rngs[lane]!.load(memory.slice(1, 1 + rngSize));
        noise.set(memory.slice(1 + rngSize, 1 + rngSize + size), lane * size);
      },
    };
  };
}
