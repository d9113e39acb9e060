import { GroundtwinError } from '../errors.ts';

/** The value of something at a step, from 0. */
export type Schedule = (step: number) => number;

/** In a straight line from one value to another over so many steps; the last one after that. */
export function linearSchedule(from: number, to: number, steps: number): Schedule {
  checkSteps('linearSchedule', steps);
  return (step) => from + (to - from) * Math.min(1, step / steps);
}

/** What is left on the way from one value to another: from 1 down to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts). @param progress - 0 to 1. */
export function halfCosine(progress: number): number {
  return (1 + Math.cos(Math.PI * progress)) / 2;
}

/** Along half a cosine from one value to another over so many steps; the last one after that. */
export function cosineSchedule(from: number, to: number, steps: number): Schedule {
  checkSteps('cosineSchedule', steps);
  return (step) => to + (from - to) * halfCosine(Math.min(1, step / steps));
}

/** `schedule`, its first steps scaled by 1/n, 2/n, … n/n. */
export function withWarmUp(schedule: Schedule, steps: number): Schedule {
  checkSteps('withWarmUp', steps);
  return (step) => schedule(step) * Math.min(1, (step + 1) / steps);
}

/** Values of the next steps, as a learning rate or a stream of shape `[]` takes them: float32 `[steps]`. */
export function scheduleValues(schedule: Schedule, step: number, steps: number): Float32Array {
  return Float32Array.from({ length: steps }, (_, i) => schedule(step + i));
}

function checkSteps(who: string, steps: number): void {
  if (!(Number.isSafeInteger(steps) && steps >= 1))
    throw new GroundtwinError('OPTION_INVALID', { who, option: 'steps', value: `${steps}`, allowed: 'a whole number of at least 1' });
}
