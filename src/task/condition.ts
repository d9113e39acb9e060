/** Physical parameters θ as part of a task's state, so that one model serves every θ instead of one. */
import type { EntryDeclaration, Kind, MutableStateView, StateView } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { type Box, box, type TypedArray, type Values } from '../spaces/space.ts';
import type { AnyTask, Params } from './task.ts';

export interface ConditionOptions {
  /** Shows the agent θ too, as the last elements of its observation. Default false: the observation stays as it is. */
  readonly observe?: boolean;
}

/** Kind and SI unit by the last part of a name. */
const units: Readonly<Record<string, readonly [kind: Kind, unit: string]>> = {
  kg: ['mass', 'kg'],
  kgm2: ['scalar', 'kg·m²'],
  m: ['length', 'm'],
  rad: ['angle', 'rad'],
  s: ['time', 's'],
  mps: ['velocity', 'm/s'],
  radps: ['angularVelocity', 'rad/s'],
  mps2: ['scalar', 'm/s²'],
  N: ['force', 'N'],
  Nm: ['scalar', 'N·m'],
  Npm: ['scalar', 'N/m'],
  Nmprad: ['scalar', 'N·m/rad'],
  Nspm: ['scalar', 'N·s/m'],
  Nmsprad: ['scalar', 'N·m·s/rad'],
};

/** Made before: whoever asks again gets the same object, so that code that reads states meets one class a conditioning. */
const made = new WeakMap<AnyTask, Map<string, AnyTask>>();

/**
 * The task with some of its physical parameters in its state, as entries of role `context` under their own names: filled when an episode begins, fixed within it.
 * Truth, model, twin and recordings then all carry them; a model is trained on them and told them, and a state placed anywhere brings its own physics along.
 * Observation, reward, end and starts stay what they were. A model of the task without them is refused, and the other way round.
 *
 * @param names - of `task.params`, in any order; an entry's kind and unit follow from the name's last part (`_kg`, `_m`, `_Nmsprad`; without one: a scalar of unit 1).
 * @returns the task itself for no names.
 * @throws OPTION_INVALID for a name that is no parameter or is taken in the state, and for `observe` where the observation is no row of floats.
 */
export function conditionOn(task: AnyTask, names: readonly string[], options: ConditionOptions = {}): AnyTask {
  if (names.length === 0) return task;
  for (const name of names) checkName(task, name);
  const inOrder = Object.keys(task.params).filter((name) => names.includes(name));
  const key = JSON.stringify([inOrder, options.observe ?? false]);
  const known = made.get(task) ?? new Map<string, AnyTask>();
  made.set(task, known);
  const conditioned = known.get(key) ?? conditionedTask(task, inOrder, options);
  known.set(key, conditioned);
  return conditioned;
}

/** The parameters of the physics that a state belongs to: what it carries itself, else as given. */
export function paramsOfState(task: AnyTask, state: StateView, given: Params): Params {
  if (!task.conditionedOn) return given;
  return { ...given, ...Object.fromEntries(task.conditionedOn.map((name) => [name, state[name] as number])) };
}

function checkName(task: AnyTask, name: string): void {
  const refuse = (allowed: string): never => {
    throw new GroundtwinError('OPTION_INVALID', { who: task.id, option: 'condition', value: String(name).slice(0, 100), allowed });
  };
  if (!Object.hasOwn(task.params, name)) refuse(`of its parameters: ${Object.keys(task.params).join(', ')}`);
  if (Object.hasOwn(task.state, name)) refuse('left out: its state has an entry of that name');
}

function conditionedTask({ infer, ...task }: AnyTask, names: readonly string[], { observe = false }: ConditionOptions): AnyTask {
  const contexts = Object.fromEntries(names.map((name) => [name, contextOf(name)]));
  const initial: AnyTask['initial'] = (rng, params, state) => {
    task.initial(rng, params, state);
    for (const name of names) state[name] = params[name]!;
  };
  const conditioned = { ...task, state: { ...task.state, ...contexts }, conditionedOn: Object.freeze([...names]), initial };
  return Object.freeze(observe ? { ...conditioned, ...observing(infer ? { ...task, infer } : task, names) } : conditioned);
}

function contextOf(name: string): EntryDeclaration {
  const suffix = /_([A-Za-z0-9]+)$/.exec(name)?.[1];
  const [kind, unit] = suffix === undefined ? (['scalar', '1'] as const) : (units[suffix] ?? (['scalar', suffix] as const));
  return { role: 'context', kind, unit };
}

/** What sees and is seen: the task's own observation, then the parameters. */
function observing(
  task: AnyTask,
  names: readonly string[],
): Pick<AnyTask, 'observationSpace' | 'observe'> & Partial<Pick<AnyTask, 'infer' | 'sense'>> {
  const { infer, sense } = task;
  const space = widened(task, names);
  const at = space.shape[0]! - names.length;
  // A task may count on the length of its row; a view is made once a buffer.
  const heads = new WeakMap<Values, TypedArray>();
  const headOf = (observation: Values): TypedArray => {
    const head = heads.get(observation) ?? (observation as TypedArray).subarray(0, at);
    heads.set(observation, head);
    return head;
  };
  return {
    observationSpace: space,
    observe(state: StateView, observation: Values) {
      task.observe(state, headOf(observation));
      for (let i = 0; i < names.length; i++) (observation as TypedArray)[at + i] = state[names[i]!] as number;
    },
    ...(sense && { sense: (observation, rng) => sense(headOf(observation), rng) }),
    ...(infer && {
      infer(observation: Values, state: MutableStateView) {
        infer(headOf(observation), state);
        for (let i = 0; i < names.length; i++) state[names[i]!] = (observation as TypedArray)[at + i]!;
      },
    }),
  };
}

function widened({ id, observationSpace: space }: AnyTask, names: readonly string[]): Box {
  if (space.kind !== 'box' || space.shape.length !== 1 || space.dtype === 'uint8')
    throw new GroundtwinError('OPTION_INVALID', {
      who: id,
      option: 'observeCondition',
      value: 'true',
      allowed: 'left out: its observation is no row of floats that parameters could be added to',
    });
  return box({
    low: [...space.low, ...names.map(() => -Infinity)],
    high: [...space.high, ...names.map(() => Infinity)],
    dtype: space.dtype,
    ...(space.names && { names: [...space.names, ...names] }),
  });
}
