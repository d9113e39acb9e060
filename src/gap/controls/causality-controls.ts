import { predictedEntries } from '../../world-model/contract.ts';
import type { Prediction, PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { refuseControl, withChangedPhysics } from './changed-physics.ts';
import { confoundedModel } from './confounded.ts';
import { type Control, type ControlParts, wrapped } from './control.ts';
import { unrelated } from './unrelated.ts';
import { leaksFuture, oneStepEarly } from './whole-plans.ts';

export const causalityControls = {
  'flipped-action': {
    summary: 'sees every action times 1 − 2 · severity',
    severity: 1,
    killedBy: 'C2',
    wrap: (model, severity) =>
      wrapped(model, 'flipped-action', severity, (input) =>
        model.predict({ ...input, action: input.action.map((value) => value * (1 - 2 * severity)) }),
      ),
  },
  'shuffled-actions': {
    summary: 'mixes into every action a share (severity) of what is done elsewhere in the batch',
    severity: 1,
    killedBy: 'C3',
    wrap: (model, severity) =>
      wrapped(model, 'shuffled-actions', severity, (input) => model.predict({ ...input, action: mixed(model, input, severity) })),
  },
  'leaks-future': {
    summary: 'mixes into every action a share (severity) of the one three steps later',
    severity: 0.1,
    killedBy: 'C6',
    alter: leaksFuture,
  },
  'off-by-one-observation': {
    summary: 'reports at each step a share (severity) of what holds one step later',
    severity: 1,
    killedBy: 'C6',
    alter: oneStepEarly,
  },
  confounded: {
    summary: 'takes a share (severity) of every action for what the recorded policy does in that state, whatever is done',
    severity: 1,
    killedBy: 'C7',
    wrap: confoundedModel,
  },
  'no-damping': {
    summary: 'predicts with damping less by a share (severity), everything else right',
    severity: 1,
    killedBy: 'C1',
    wrap: withoutDamping,
  },
  'spurious-edge': {
    summary: 'lets one variable push another that it does not act on, by 0.3 · severity of its spread a step',
    severity: 1,
    killedBy: 'C5',
    wrap: (model, severity, parts) => pushed(model, 'spurious-edge', 0.3 * severity, severity, parts, spuriousPair),
  },
  'lamp-moves-things': {
    summary: 'lets a variable that acts on nothing push all others, by 0.05 · severity of their spread a step',
    severity: 1,
    killedBy: 'C4',
    wrap: (model, severity, parts) => pushed(model, 'lamp-moves-things', 0.05 * severity, severity, parts, lampPairs),
  },
  'ignored-clipping': {
    summary: 'takes an action at its bound for one beyond it, by the severity: as if it had been recorded before it was clipped',
    severity: 1,
    killedBy: 'C1',
    wrap: (model, severity, { task }) =>
      wrapped(model, 'ignored-clipping', severity, (input) => unclipped(model, severity, task.commands, input)),
  },
} as const satisfies Readonly<Record<string, Control>>;

/** Within each member's block, half a block further on: with starts in a row, that is another start. */
function mixed(model: WorldModel, { action, rows }: PredictionInput, severity: number): Float32Array {
  const width = action.length / rows;
  const tile = rows / model.manifest.members;
  return action.map((value, at) => {
    const row = Math.floor(at / width);
    const first = row - (row % tile);
    const other = first + ((row - first + Math.floor(tile / 2)) % tile);
    return value + severity * (action[other * width + (at % width)]! - value);
  });
}

function withoutDamping(model: WorldModel, severity: number, parts: ControlParts): WorldModel {
  const damping = Object.keys(parts.task.params).filter((name) => /damping/i.test(name));
  if (!damping.some((name) => parts.task.params[name]! > 0)) refuseControl('no-damping', 'used on a task with damping above 0');
  return withChangedPhysics(model, 'no-damping', severity, parts, (params) => ({
    ...params,
    ...Object.fromEntries(damping.map((name) => [name, params[name]! * (1 - severity)])),
  }));
}

interface Push {
  readonly from: number;
  readonly to: number;
}

/** Something that moves something, pushes a velocity that it does not act on; the velocity then carries on. */
function spuriousPair(parts: ControlParts, { moves, elements }: ReturnType<typeof unrelated>): Push[] {
  const velocities = velocityPlaces(parts);
  const pairs = elements.flatMap(({ index: from }) => elements.map(({ index: to }) => ({ from, to })));
  const absent = pairs.filter(({ from, to }) => from !== to && !moves[from]![to] && !actsOnNothing(moves, from));
  const pair = absent.find(({ to }) => velocities.includes(to)) ?? absent[0];
  return pair ? [pair] : refuseControl('spurious-edge', 'used on a task where something does not act on something');
}

/** What acts on nothing pushes every velocity. */
function lampPairs(parts: ControlParts, { moves, elements }: ReturnType<typeof unrelated>): Push[] {
  const lamp = elements.find(({ index }) => actsOnNothing(moves, index));
  if (!lamp) return refuseControl('lamp-moves-things', 'used on a task where something acts on nothing, such as the place of a cart');
  return velocityPlaces(parts).flatMap((to) => (to === lamp.index ? [] : [{ from: lamp.index, to }]));
}

function actsOnNothing(moves: readonly (readonly boolean[])[], index: number): boolean {
  return moves[index]![index]! && moves[index]!.every((does, to) => !does || to === index);
}

function velocityPlaces({ task }: ControlParts): number[] {
  const isVelocity = predictedEntries(task).flatMap(({ kind, size }) => new Array<boolean>(size).fill(/velocity/i.test(kind)));
  return isVelocity.flatMap((is, i) => (is ? [i] : []));
}

/** Adds `strength` spreads times the sine of the other's value in spreads to each prediction: bounded, however far it goes. */
function pushed(
  model: WorldModel,
  name: string,
  strength: number,
  severity: number,
  parts: ControlParts,
  choose: (parts: ControlParts, known: ReturnType<typeof unrelated>) => Push[],
): WorldModel {
  const known = unrelated(parts.task, parts.engine);
  const pushes = choose(parts, known);
  return wrapped(model, name, severity, async (input) => {
    const prediction = await model.predict(input);
    const size = known.elements.length;
    for (let row = 0; row < input.rows; row++)
      for (const { from, to } of pushes) {
        const push = strength * known.spread[to]! * Math.sin(input.state[row * size + from]! / known.spread[from]!);
        prediction.sample[row * size + to]! += push;
        if (prediction.mean) prediction.mean[row * size + to]! += push;
      }
    return prediction;
  });
}

/** What acting at the bound changes, compared with not acting there, once more: the engine itself would clip a larger command. */
async function unclipped(
  model: WorldModel,
  severity: number,
  commands: ControlParts['task']['commands'],
  input: PredictionInput,
): Promise<Prediction> {
  const isAtBound = (value: number, i: number) => {
    const { low, high } = commands[i % commands.length]!;
    const margin = 1e-6 * (high - low);
    return value >= high - margin || value <= low + margin;
  };
  const bounded = await model.predict(input);
  const less = await model.predict({ ...input, action: input.action.map((value, i) => (isAtBound(value, i) ? 0 : value)) });
  const beyond = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + severity * (value - b[i]!));
  return {
    ...bounded,
    sample: beyond(bounded.sample, less.sample),
    ...(bounded.mean && less.mean ? { mean: beyond(bounded.mean, less.mean) } : {}),
  };
}
