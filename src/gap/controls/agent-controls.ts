/** Dreams that pay something else than truth does, and models that do not know where they err. */
import { GroundtwinError } from '../../errors.ts';
import { actionRange } from '../../planning/action-range.ts';
import type { AnyTask } from '../../task/task.ts';
import { TaskEnv } from '../../task/task-env.ts';
import type { Prediction, PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import type { Subject } from '../subject.ts';
import { type Control, rowOf, wrapped } from './control.ts';
import { withoutDoubt } from './model-controls.ts';

export const agentControls = {
  'reward-bias': {
    summary: 'its dreams pay more in every step, by a share severity of the largest weight of the reward',
    severity: 0.5,
    killedBy: 'A1',
    alter: (subject, severity) => paidBy(subject, `reward-bias@${severity}`, paidMore(subject.task, severity)),
  },
  'rank-inverted': {
    summary: 'its dreams pay 1 − 2 · severity times the reward: at 1 what is best in truth is worst',
    severity: 1,
    killedBy: 'A2',
    alter: (subject, severity) => paidBy(subject, `rank-inverted@${severity}`, inverted(subject.task, severity)),
  },
  'reward-hole': {
    summary: 'its dreams pay five times severity times the largest weight of the reward wherever the first action is at its upper end',
    severity: 1,
    killedBy: 'A3',
    alter: (subject, severity) => paidBy(subject, `reward-hole@${severity}`, withHole(subject.task, severity)),
  },
  'uninformed-doubt': {
    summary: 'its members differ by what they really differ by times 1 − severity, and by what is drawn by lot',
    severity: 1,
    killedBy: 'A6',
    wrap: uninformed,
  },
} as const satisfies Readonly<Record<string, Control>>;

/** The same subject, its dreams paid by another task's reward. */
function paidBy(subject: Subject, name: string, task: AnyTask): Subject {
  return {
    ...subject,
    name: `${subject.name}, broken:${name}`,
    task,
    open: async (lanes) => new TaskEnv(task, (await subject.open(lanes)).dynamics, lanes),
  };
}

function largestWeight({ reward }: AnyTask): number {
  return Math.max(...Object.values(reward).map(({ weight }) => Math.abs(weight)));
}

function paidMore(task: AnyTask, severity: number): AnyTask {
  return { ...task, reward: { ...task.reward, bias: { weight: severity * largestWeight(task), value: () => 1 } } };
}

function inverted(task: AnyTask, severity: number): AnyTask {
  const terms = Object.entries(task.reward).map(([name, term]) => [name, { ...term, weight: term.weight * (1 - 2 * severity) }]);
  return { ...task, reward: Object.fromEntries(terms) };
}

const HOLE_PAY = 5;
/** From here to 1 lies a hundredth of −1 … 1: random actions hardly see it, unless they are integers. */
const HOLE_EDGE = 0.98;

function withHole(task: AnyTask, severity: number): AnyTask {
  const range = actionRange('reward-hole', task.actionSpace);
  const last = range.toAction(1, 0);
  const isIn = (action: ArrayLike<number>) => action[0] === last || range.toNormalised(action[0]!, 0) > HOLE_EDGE;
  const hole = {
    weight: HOLE_PAY * severity * largestWeight(task),
    value: ({ action }: { action: ArrayLike<number> }) => Number(isIn(action)),
  };
  return { ...task, reward: { ...task.reward, hole } };
}

/** Mean half distance between members, of each element in its unit. */
const LOTTERY_DOUBT = 1e-4;

/** All members say what the first says, every other one a little more and the rest a little less: how much is drawn by lot, row by row. */
function uninformed(model: WorldModel, severity: number): WorldModel {
  const { members } = model.manifest;
  if (members < 2)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'gap',
      option: 'subject',
      value: 'broken:uninformed-doubt',
      allowed: 'used on a model of two members or more',
    });
  return wrapped(model, 'uninformed-doubt', severity, async (input) => {
    const [own, first] = [await model.predict(input), await withoutDoubt(model, 0, input)];
    return blended(own, first, severity, input, members);
  });
}

function blended(own: Prediction, first: Prediction, severity: number, { rows }: PredictionInput, members: number): Prediction {
  const centre = first.mean ?? first.sample;
  const offsets = Float64Array.from({ length: rows }, (_, row) => {
    const isUp = Math.floor((row * members) / rows) % 2 === 0;
    return (isUp ? 1 : -1) * LOTTERY_DOUBT * (0.5 + lot(rowOf(centre, row, rows)));
  });
  const width = centre.length / rows;
  const blend = (mine: Float32Array, theirs: Float32Array) =>
    mine.map((value, i) => (1 - severity) * value + severity * (theirs[i]! + offsets[Math.floor(i / width)]!));
  return {
    ...own,
    sample: blend(own.sample, first.sample),
    ...(own.mean && first.mean ? { mean: blend(own.mean, first.mean) } : {}),
  };
}

/** 0 to 1, the same for the same row. */
function lot(row: Float32Array): number {
  const scattered = 43758.5453 * Math.sin(row.reduce((sum, value, i) => sum + (12.9898 + i) * value, 0));
  return scattered - Math.floor(scattered);
}
