import type { Range } from '../../core/range.ts';
import { GroundtwinError } from '../../errors.ts';
import type { AnyTask, Params } from '../../task/task.ts';
import type { Bounds } from './finite-differences.ts';

/** A parameter to be found: where the search begins, and what it may be. */
export interface Parameter {
  readonly name: string;
  /** In the parameter's unit. */
  readonly start: number;
  readonly low: number;
  /** Above `low`. */
  readonly high: number;
  /** `log`: searched by its logarithm; `low` is then above 0. */
  readonly scale: 'log' | 'linear';
}

/** Coordinates are ln x (`log`), or x as a share of the width of its bounds (`linear`): a unit is a large change of either. */
export function toCoordinate({ scale, low, high }: Parameter, value: number): number {
  return scale === 'log' ? Math.log(value) : value / (high - low);
}

export function fromCoordinate({ scale, low, high }: Parameter, coordinate: number): number {
  return scale === 'log' ? Math.exp(coordinate) : coordinate * (high - low);
}

/** The bounds in coordinates. */
export function boxOf(parameters: readonly Parameter[]): Bounds {
  const along = (end: 'low' | 'high') => Float64Array.from(parameters, (one) => toCoordinate(one, one[end]));
  return { low: along('low'), high: along('high') };
}

export function valuesAt(parameters: readonly Parameter[], coordinates: ArrayLike<number>): Float64Array {
  return Float64Array.from(parameters, (one, i) => fromCoordinate(one, coordinates[i]!));
}

/** A parameter that nothing is said of may be this many times smaller or larger than the task has it. */
const REACH = 4;
/** One that is 0 may become this many times what the task's own randomisation draws at most. */
const REACH_FROM_ZERO = 10;

/**
 * A parameter of a task. Without bounds: within a factor of 4 of its value there, and from 0 up to ten times what the task's randomisation draws where its value is 0.
 * @throws OPTION_INVALID for what is no free parameter of the task, for bounds out of order, and where bounds are needed.
 */
export function parameterOf(task: AnyTask, name: string, bounds?: Pick<Range, 'low' | 'high'>): Parameter {
  const nominal = freeParams(task)[name];
  if (nominal === undefined) return refuse(task, name, `of its parameters: ${Object.keys(freeParams(task)).join(', ')}`);
  const { low, high } = bounds ?? boundsOf(task, name, nominal);
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
    return refuse(task, `${name}=${low}:${high}`, 'with two finite bounds in order');
  return { name, start: Math.max(low, Math.min(high, nominal)), low, high, scale: low > 0 ? 'log' : 'linear' };
}

/** Those that the state does not carry: a state that does says them itself. */
function freeParams(task: AnyTask): Params {
  return Object.fromEntries(Object.entries(task.params).filter(([name]) => !task.conditionedOn?.includes(name)));
}

function boundsOf(task: AnyTask, name: string, nominal: number): Pick<Range, 'low' | 'high'> {
  if (nominal > 0) return { low: nominal / REACH, high: nominal * REACH };
  const declared = task.randomize?.[name];
  if (nominal === 0 && declared && declared.high > 0) return { low: 0, high: REACH_FROM_ZERO * declared.high };
  return refuse(task, name, `with bounds, as in ${name}=<low>:<high>: ${nominal} says nothing of how large it may be`);
}

function refuse(task: AnyTask, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: task.id, option: 'parameters', value: value.slice(0, 100), allowed });
}
