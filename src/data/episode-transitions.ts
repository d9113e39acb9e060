/** Between transitions of whole states, which world models learn from, and episodes, which everything else exchanges. */
import { layOut, type MutableStateView, type StateView, viewsOver } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import { allocate, contains, flatSizeOf, rowOf, type Space, type TypedArray, unflattenInto, type Values } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import type { Episode, EpisodeSet, EpisodeSpec } from './episode.ts';
import { EpisodeStore } from './episode-store.ts';
import { fittedTo } from './fitted-values.ts';
import { InferredTransitions } from './inferred-transitions.ts';
import { entryNames, TransitionRecorder, type Transitions } from './transitions.ts';

/** How far the control step of a file may be off the task's own, relative: LeRobot keeps whole frames a second, clocks jitter. */
const dtTolerance = 0.02;

/** Whether a file's control step is a task's. */
export function isSameStep(dt_s: number, controlDt_s: number): boolean {
  return Math.abs(dt_s / controlDt_s - 1) <= dtTolerance;
}

/** What episodes of a task hold, states and commands included. */
export function specOf(task: AnyTask): EpisodeSpec {
  return {
    env: task.id,
    observationSpace: task.observationSpace,
    actionSpace: task.actionSpace,
    agents: task.agents ?? 1,
    controlDt_s: task.controlDt_s,
    stateEntries: entryNames(task),
    commands: task.commands.map(({ name }) => name),
  };
}

/**
 * The episodes that transitions are of. Observation, reward and end are worked out by the task from states and actions;
 * an episode that did not terminate is truncated. Where a step does not begin at the state that the one before it led to, an episode is cut in two.
 * @param options - `noise`: of the task's sensors; absent = observations without it.
 */
export function episodesOf(
  task: AnyTask,
  data: Transitions,
  options: { readonly maxBytes?: number; readonly noise?: Rng } = {},
): EpisodeStore {
  const store = new EpisodeStore(specOf(task), options);
  const size = layOut(task.state).size;
  const goesOn = (row: number) =>
    data.episode[row] === data.episode[row - 1] &&
    data.state.subarray(row * size, (row + 1) * size).every((value, i) => value === data.next[(row - 1) * size + i]);
  let from = 0;
  for (let row = 1; row <= data.count; row++) {
    if (row < data.count && goesOn(row)) continue;
    store.add(episodeOf(task, data, from, row, options.noise));
    from = row;
  }
  return store;
}

function episodeOf(task: AnyTask, data: Transitions, from: number, to: number, noise: Rng | undefined): Episode {
  const steps = to - from;
  const size = layOut(task.state).size;
  const commands = task.commands.length;
  const state = new Float64Array((steps + 1) * size);
  state.set(data.state.subarray(from * size, to * size));
  state.set(data.next.subarray((to - 1) * size, to * size), steps * size);
  const action = allocate(task.actionSpace, steps);
  const width = flatSizeOf(task.actionSpace);
  for (let step = 0; step < steps; step++)
    unflattenInto(data.action.slice((from + step) * width, (from + step + 1) * width), rowOf(task.actionSpace, action, step));
  const command = data.command.slice(from * commands, to * commands);
  return { steps, state, action, command, ...whatFollows(task, { state, action: action as TypedArray, command, steps }, noise) };
}

interface Played {
  readonly state: Float64Array;
  readonly action: TypedArray;
  readonly command: Float64Array;
  readonly steps: number;
}

/** Observation, reward and end are functions of the state. */
function whatFollows(task: AnyTask, { state, action, command, steps }: Played, noise: Rng | undefined) {
  const agents = task.agents ?? 1;
  const views = viewsOver(task.state, state, steps + 1) as readonly StateView[];
  const observation = allocate(task.observationSpace, steps + 1);
  views.forEach((view, step) => {
    const row = rowOf(task.observationSpace, observation, step);
    task.observe(view, row);
    if (noise) task.sense?.(row, noise);
  });
  const reward = new Float64Array(steps * agents);
  const terminated = new Uint8Array(steps);
  const truncated = new Uint8Array(steps);
  const terms = Object.values(task.reward);
  for (let step = 0; step < steps; step++) {
    const next = views[step + 1]!;
    const input = {
      state: views[step]!,
      next,
      action: rowOf(task.actionSpace, action, step) as TypedArray,
      command: command.subarray(step * task.commands.length, (step + 1) * task.commands.length),
    };
    for (let agent = 0; agent < agents; agent++)
      for (const { weight, value } of terms)
        reward[step * agents + agent] = reward[step * agents + agent]! + weight * value({ ...input, agent });
    terminated[step] = Number(task.terminated?.(next) ?? false);
  }
  truncated[steps - 1] = 1 - terminated[steps - 1]!;
  return { observation, reward, terminated, truncated };
}

/**
 * Transitions that a world model of the task learns from: of the states that episodes hold, else of those that their observations determine.
 * @param path - where the episodes are from, for messages.
 * @throws OPTION_INVALID when a task cannot tell states from observations and there are none; DATA_INVALID when the episodes are not of this task:
 * other sizes or control step, actions that it does not take, values that are not finite.
 */
export function transitionsOfEpisodes(task: AnyTask, set: EpisodeSet, path: string): Transitions {
  const refuse = (problem: string): never => {
    throw new GroundtwinError('DATA_INVALID', { path, problem });
  };
  const { spec, episodes } = set;
  if (spec.env !== '' && spec.env !== task.id && spec.stateEntries)
    refuse(`it was recorded on '${spec.env.slice(0, 80)}', not '${task.id}'`);
  const dt_s = spec.controlDt_s;
  if (dt_s !== undefined && !isSameStep(dt_s, task.controlDt_s))
    refuse(`its steps take ${dt_s} s, those of ${task.id} ${task.controlDt_s} s`);
  if (episodes.length === 0) refuse('it holds no episodes');
  if (!boundsAgree(spec.actionSpace, task.actionSpace))
    refuse(`its actions have other bounds than those of ${task.id}: recorded through a wrapper, or on another env`);
  const inferred = holdsStatesOf(task, set) ? undefined : new InferredTransitions(task);
  const recorder = new TransitionRecorder(task);
  const commands = spec.commands ? undefined : new CommandsOf(task);
  episodes.forEach((episode, number) => {
    const action = fittedTo(task.actionSpace, spec.actionSpace, episode.action, episode.steps) ?? refuse('its actions have another shape');
    for (let step = 0; step < episode.steps; step++)
      if (!contains(task.actionSpace, rowOf(task.actionSpace, action, step)))
        refuse(`the action of step ${step} of episode ${number} is outside the action space of ${task.id}`);
    if (inferred) addInferred(task, set, episode, number, action, inferred, refuse);
    else addRecorded(task, commands?.completed(episode, action) ?? episode, number, action, recorder);
  });
  const data = (inferred ?? recorder).transitions();
  for (const values of [data.state, data.command, data.next])
    if (!values.every(Number.isFinite)) refuse('it holds numbers that are not finite');
  return data;
}

/** Whether the states of the episodes are those of the task, so that none has to be inferred; and their commands, which follow from state and action where there are none. */
export function holdsStatesOf(task: AnyTask, { spec }: EpisodeSet): boolean {
  const own = specOf(task);
  const { commands = own.commands } = spec;
  return String(spec.stateEntries) === String(own.stateEntries) && String(commands) === String(own.commands);
}

/** What the actuators got, worked out by the task where a recording does not say. */
class CommandsOf {
  private readonly task: AnyTask;
  private readonly rows: Float64Array;
  private readonly now: StateView;
  private readonly scratch: MutableStateView;

  constructor(task: AnyTask) {
    this.task = task;
    this.rows = new Float64Array(2 * layOut(task.state).size);
    [this.now, this.scratch] = viewsOver(task.state, this.rows, 2) as [StateView, MutableStateView];
  }

  /** @param action - of the task's space. */
  completed(episode: Episode, action: Values): Episode {
    const { task, rows, now, scratch } = this;
    const [size, width] = [rows.length / 2, task.commands.length];
    const command = new Float64Array(episode.steps * width);
    for (let step = 0; step < episode.steps; step++) {
      rows.set(episode.state!.subarray(step * size, (step + 1) * size));
      task.actuate(now, rowOf(task.actionSpace, action, step) as TypedArray, scratch, command.subarray(step * width, (step + 1) * width));
    }
    return { ...episode, command };
  }
}

/** As far as both have any: actions that are scaled otherwise mean something else. */
function boundsAgree(theirs: Space, own: Space): boolean {
  if (theirs.kind !== 'box' || own.kind !== 'box' || theirs.low.length !== own.low.length) return true;
  const agree = (a: number, b: number) => !Number.isFinite(a) || !Number.isFinite(b) || Math.fround(a) === Math.fround(b);
  return theirs.low.every((low, i) => agree(low, own.low[i]!) && agree(theirs.high[i]!, own.high[i]!));
}

function addRecorded(
  task: AnyTask,
  { steps, state, command }: Episode,
  number: number,
  action: Values,
  recorder: TransitionRecorder,
): void {
  const size = layOut(task.state).size;
  const width = task.commands.length;
  for (let step = 0; step < steps; step++) {
    const [now, next] = [state!.subarray(step * size, (step + 1) * size), state!.subarray((step + 1) * size, (step + 2) * size)];
    recorder.add(now, rowOf(task.actionSpace, action, step), command!.subarray(step * width, (step + 1) * width), next, number);
  }
}

function addInferred(
  { observationSpace, actionSpace }: AnyTask,
  { spec }: EpisodeSet,
  { observation, steps }: Episode,
  number: number,
  action: Values,
  into: InferredTransitions,
  refuse: (problem: string) => never,
): void {
  const seen = fittedTo(observationSpace, spec.observationSpace, observation, steps + 1) ?? refuse('its observations have another shape');
  for (let step = 0; step < steps; step++) {
    const [before, after] = [rowOf(observationSpace, seen, step), rowOf(observationSpace, seen, step + 1)];
    into.add(before, rowOf(actionSpace, action, step) as TypedArray, after, number);
  }
}
