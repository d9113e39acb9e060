/** Models that are wrong about time, or too modest. */
import { elementDifference } from '../../core/state-spec.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { Prediction, PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { type Control, type ControlParts, wrapped } from './control.ts';
import { remembering } from './remembering.ts';

/** Steps after which `freezes` holds still. */
const FREEZES_AFTER_steps = 15;
/** Steps after which `blows-up` begins to: the rows within the horizon do not see it. */
const BLOWS_UP_AFTER_steps = 60;
/** By how much it does in a step, at severity 1; compounded here, since a task may hold its speeds within bounds. */
const GROWTH = 0.2;
/** Of the noise, at severity 1, over what the model claims. */
const WIDEST = 9;

export const predictionControls = {
  persistence: {
    summary: 'withholds a share (the severity) of every change: at 1 nothing ever moves',
    severity: 1,
    killedBy: 'H1',
    wrap: (model, severity) =>
      wrapped(model, 'persistence', severity, async (input) => slowed(await model.predict(input), input, () => 1 - severity)),
  },
  freezes: {
    summary: `from step ${FREEZES_AFTER_steps} on withholds a share (the severity) of every change`,
    severity: 1,
    killedBy: 'H1',
    wrap: (model, severity) =>
      afterSteps(model, 'freezes', severity, (prediction, input, stepOf) =>
        slowed(prediction, input, (row) => (stepOf(row) < FREEZES_AFTER_steps ? 1 : 1 - severity)),
      ),
  },
  'one-step-lag': {
    summary: 'tells where it was a step (the severity, in steps) ago; seen only where a step moves the state by more than .4 σ',
    severity: 1,
    killedBy: 'H2',
    wrap: lagging,
  },
  underconfident: {
    summary: `claims more noise than it has, at severity 1 ${1 + WIDEST} times as much`,
    severity: 0.5,
    killedBy: 'H4',
    wrap: (model, severity) =>
      wrapped(model, 'underconfident', severity, async (input) => widened(await model.predict(input), 1 + WIDEST * severity)),
  },
  'blows-up': {
    summary: `from step ${BLOWS_UP_AFTER_steps} on everything but angles is told too large, by ${100 * GROWTH} % (times the severity) more with every step`,
    severity: 1,
    killedBy: 'H5',
    wrap: blowingUp,
  },
} as const satisfies Readonly<Record<string, Control>>;

/** Keeps a share of each row's change. Angles may be off by whole turns in between; the host wraps them. */
function slowed(prediction: Prediction, { state, rows }: PredictionInput, shareOf: (row: number) => number): Prediction {
  const size = state.length / rows;
  const slow = (values: Float32Array) =>
    values.map((value, i) => {
      const share = shareOf(Math.floor(i / size));
      return share === 1 ? value : state[i]! + share * (value - state[i]!);
    });
  return { ...prediction, sample: slow(prediction.sample), ...(prediction.mean ? { mean: slow(prediction.mean) } : {}) };
}

/** Changes predictions by how many steps each row has behind it. */
function afterSteps(
  model: WorldModel,
  name: string,
  severity: number,
  change: (prediction: Prediction, input: PredictionInput, stepOf: (row: number) => number) => Prediction,
): WorldModel {
  return remembering(model, name, severity, 1, async (input, memory) => ({
    prediction: change(await model.predict(input), input, (row) => memory[row]!),
    memory: memory.map((steps) => steps + 1),
  }));
}

function blowingUp(model: WorldModel, severity: number, { task }: ControlParts): WorldModel {
  const isAngle = predictedEntries(task).flatMap(({ kind, size }) => new Array<boolean>(size).fill(kind === 'angle'));
  const factor = 1 + GROWTH * severity;
  return afterSteps(model, 'blows-up', severity, (prediction, _input, stepOf) => {
    const grow = (values: Float32Array) =>
      values.map((value, i) => {
        const row = Math.floor(i / isAngle.length);
        return isAngle[i % isAngle.length] || stepOf(row) < BLOWS_UP_AFTER_steps
          ? value
          : value * factor ** (stepOf(row) - BLOWS_UP_AFTER_steps + 1);
      });
    return { ...prediction, sample: grow(prediction.sample), ...(prediction.mean ? { mean: grow(prediction.mean) } : {}) };
  });
}

/** It goes on from where it is, and says where it was: memory holds whether it has begun, and where it is. */
function lagging(model: WorldModel, severity: number, { task }: ControlParts): WorldModel {
  const isAngle = predictedEntries(task).flatMap(({ kind, size }) => new Array<boolean>(size).fill(kind === 'angle'));
  const size = isAngle.length;
  return remembering(model, 'one-step-lag', severity, 1 + size, async (input, memory) => {
    const here = input.state.map((value, i) => {
      const row = Math.floor(i / size) * (1 + size);
      return memory[row] === 1 ? memory[row + 1 + (i % size)]! : value;
    });
    const next = await model.predict({ ...input, state: here });
    const late = (values: Float32Array) => values.map((value, i) => between(value, here[i]!, severity, isAngle[i % size]!));
    const kept = memory.map((_, i) => (i % (1 + size) === 0 ? 1 : next.sample[Math.floor(i / (1 + size)) * size + (i % (1 + size)) - 1]!));
    return { prediction: { ...next, sample: late(next.sample), ...(next.mean ? { mean: late(next.mean) } : {}) }, memory: kept };
  });
}

/** From `value` a share of the way back to `before`, angles the short way round. */
function between(value: number, before: number, share: number, isAngle: boolean): number {
  return value - share * elementDifference(isAngle ? 'angle' : 'scalar', value, before);
}

/** Draws farther from what is expected by a factor. */
function widened(prediction: Prediction, factor: number): Prediction {
  const { sample, mean, scale } = prediction;
  if (!mean) return prediction;
  return {
    ...prediction,
    sample: sample.map((value, i) => mean[i]! + factor * (value - mean[i]!)),
    ...(scale ? { scale: scale.map((value) => value * factor) } : {}),
  };
}
