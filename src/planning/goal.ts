import type { TerminalValue } from '../core/rollouts.ts';
import { elementDifference, type Kind, layOut, type StateEntry, type StateView } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';

/** Where one element of the state is to be. */
export interface GoalEntry {
  /** As it was named: `angle_rad`, or `tip_m[1]` for an element of a vector. */
  readonly label: string;
  readonly entry: string;
  /** Inside the entry; 0 for a scalar. */
  readonly index: number;
  /** In a row of the state. */
  readonly element: number;
  readonly kind: Kind;
  readonly unit: string;
  readonly target: number;
  /** What counts as far, in the entry's unit: π of an angle, half the range of an entry with stops, else 1. */
  readonly scale: number;
}

const form = /^\s*([A-Za-z_]\w*)(?:\[(\d{1,9})\])?\s*=\s*(\S+)\s*$/;

/** @param text - `name=value[,name=value…]`, elements of vectors as `name[index]=value`, in the units of the state. @throws OPTION_INVALID. */
export function parseGoal(task: AnyTask, text: string): GoalEntry[] {
  const refuse = (value: string, allowed: string): never => {
    throw new GroundtwinError('OPTION_INVALID', { who: task.id, option: 'goal', value: value.slice(0, 100), allowed });
  };
  const { entries } = layOut(task.state);
  const movable = entries.filter(({ role }) => role !== 'context');
  const known = movable.map(({ name, size }) => (size > 1 ? `${name}[0…${size - 1}]` : name)).join(', ');
  const goal = text.split(',').map((part) => {
    const [, name, index = '0', value = ''] = form.exec(part) ?? [];
    const entry = movable.find((one) => one.name === name);
    if (!entry) return refuse(part, `name=value, the name one of ${known}`);
    if (Number(index) >= entry.size) return refuse(part, `an element of ${entry.name} below ${entry.size}`);
    const target = Number(value);
    const [low, high] = entry.limits ?? [-Number.MAX_VALUE, Number.MAX_VALUE];
    if (!(target >= low && target <= high))
      return refuse(part, entry.limits ? `a value between the stops, ${low} to ${high} ${entry.unit}` : 'a finite value');
    return goalEntry(entry, Number(index), target);
  });
  const twice = goal.find(({ element }, i) => goal.findIndex((other) => other.element === element) !== i);
  return twice ? refuse(twice.label, 'names that stand once each') : goal;
}

function goalEntry({ name, size, kind, unit, offset, limits }: StateEntry, index: number, target: number): GoalEntry {
  const scale = limits ? (limits[1] - limits[0]) / 2 : kind === 'angle' ? Math.PI : 1;
  return { label: size > 1 ? `${name}[${index}]` : name, entry: name, index, element: offset + index, kind, unit, target, scale };
}

/** Root mean square over the goal's entries of how far off each is, in its scale; angles the short way round. 0 = there. */
export function goalDistance(goal: readonly GoalEntry[], read: (entry: GoalEntry) => number): number {
  const squares = goal.map((entry) => (elementDifference(entry.kind, read(entry), entry.target) / entry.scale) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / goal.length);
}

/** 1 at the goal, falling towards 0 far off. Never below 0: where being far off were a cost, ending the episode early would look like the best of plans. */
export function closenessAt(distance: number): number {
  return 1 / (1 + distance);
}

/** The same task, rewarded for being close to the goal and for nothing else: whatever plans for rewards then plans for the goal. @param weight - the reward of a step at the goal. */
export function goalTask(task: AnyTask, goal: readonly GoalEntry[], weight: number): AnyTask {
  const value = ({ next }: { readonly next: StateView }) =>
    closenessAt(
      goalDistance(goal, ({ entry, index }) => {
        const found = next[entry] as number | Float64Array;
        return typeof found === 'number' ? found : found[index]!;
      }),
    );
  return { ...task, reward: { goal: { weight, value } } };
}

/** What ending close to the goal is worth. @param weight - at the goal. */
export function goalValue(task: AnyTask, goal: readonly GoalEntry[], weight: number): TerminalValue {
  const { size } = layOut(task.state);
  return {
    of: 'state',
    evaluate(rows, count, out) {
      for (let row = 0; row < count; row++)
        out[row] = weight * closenessAt(goalDistance(goal, ({ element }) => rows[row * size + element]!));
    },
  };
}
