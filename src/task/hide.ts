import { GroundtwinError } from '../errors.ts';
import { box, type TypedArray } from '../spaces/space.ts';
import type { AnyTask } from './task.ts';

/**
 * The same task, seen in part: elements of its observation are left out, so that an observation no longer determines the state.
 * Physics, actions, reward and end stay as they are.
 *
 * @param names - elements of the observation, as its box names them.
 * @param id - of the new task, as in `CartPoleHidden-v0`.
 * @throws OPTION_INVALID when the observation is not a flat box with names, when it has no such element or when nothing is left of it.
 */
export function hide(task: AnyTask, names: readonly string[], id: string): AnyTask {
  const { observationSpace: space, infer: _, ...rest } = task;
  const refuse = (option: string, value: string, allowed: string): never => {
    throw new GroundtwinError('OPTION_INVALID', { who: 'hide', option, value, allowed });
  };
  if (space.kind !== 'box' || !space.names || space.shape.length !== 1)
    return refuse('task', task.id, 'a task whose observation is one row of named numbers');
  const known = space.names;
  for (const name of names) if (!known.includes(name)) refuse('names', name, `one of ${known.join(', ')}`);
  const kept = known.flatMap((name, i) => (names.includes(name) ? [] : [i]));
  if (kept.length === 0) refuse('names', names.join(', '), 'fewer: nothing would be left to see');
  const of = <T>(values: readonly T[]) => kept.map((i) => values[i]!);
  const whole = new (space.dtype === 'float64' ? Float64Array : space.dtype === 'uint8' ? Uint8Array : Float32Array)(known.length);
  const keep = (row: TypedArray) => {
    for (let i = 0; i < kept.length; i++) row[i] = whole[kept[i]!]!;
  };
  const { sense } = task;
  return Object.freeze<AnyTask>({
    ...rest,
    id,
    summary: `${task.summary} Hidden: ${names.join(', ')}.`,
    observationSpace: box({ low: of(space.low), high: of(space.high), dtype: space.dtype, names: of(known) }),
    ...(task.quiet ? { quiet: task.quiet.filter((name) => !names.includes(name)) } : {}),
    observe(state, observation) {
      task.observe(state, whole);
      keep(observation as TypedArray);
    },
    // The noise of what is hidden is drawn too, so that what is seen has the noise it had.
    ...(sense && {
      sense(observation, rng) {
        whole.fill(0);
        for (let i = 0; i < kept.length; i++) whole[kept[i]!] = (observation as TypedArray)[i]!;
        sense.call(task, whole, rng);
        keep(observation as TypedArray);
      },
    }),
  } as AnyTask);
}
