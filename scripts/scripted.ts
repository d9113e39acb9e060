/** Controllers written by hand, to show that an env can be played; each sees what an agent sees. */
import type { TypedArray } from '../src/spaces/space.ts';

export interface Scripted {
  readonly what: string;
  act(observation: TypedArray, action: TypedArray): void;
}

/** Of linear-quadratic regulators for the robot's linearised motion over a control step, costs 1 on every entry of the state and on the action. */
const invertedPendulumGains = [0.595, 7.214, 1.032, 1.34];
const invertedDoublePendulumGains = [-0.088, -0.957, -4.4, -0.178, -0.603, -0.661];

function feedback(gains: readonly number[], state: readonly number[]): number {
  return gains.reduce((sum, gain, i) => sum + gain * state[i]!, 0);
}

const clip = (value: number, limit: number) => Math.min(limit, Math.max(-limit, value));

/** Pulls the tip along its way to the target by the transposed Jacobian, against the rates. */
function reach(links_m: readonly [number, number], pull: number, brake: number) {
  return (angles_rad: readonly [number, number], miss_m: readonly [number, number], rates: readonly [number, number], out: TypedArray) => {
    const [shoulder, both] = [angles_rad[0], angles_rad[0] + angles_rad[1]];
    const forearm = [-links_m[1] * Math.sin(both), links_m[1] * Math.cos(both)] as const;
    const whole = [forearm[0] - links_m[0] * Math.sin(shoulder), forearm[1] + links_m[0] * Math.cos(shoulder)] as const;
    out[0] = clip(-pull * (whole[0] * miss_m[0] + whole[1] * miss_m[1]) - brake * rates[0], 1);
    out[1] = clip(-pull * (forearm[0] * miss_m[0] + forearm[1] * miss_m[1]) - brake * rates[1], 1);
  };
}

const reacherArm = reach([0.1, 0.11], 20, 0.1);
const dmReacherArm = reach([0.12, 0.12], 50, 0);
const dmReach: Scripted = {
  what: 'pull the finger to the target',
  act: (o, action) => dmReacherArm([o[0]!, o[1]!], [-o[2]!, -o[3]!], [o[4]!, o[5]!], action),
};

export const scripted: Readonly<Record<string, Scripted>> = {
  'CartPole-v0': {
    what: 'the side the pole leans and moves to',
    act: (o, action) => action.fill(o[2]! + 0.3 * o[3]! + 0.02 * o[0]! + 0.04 * o[1]! > 0 ? 1 : 0),
  },
  'InvertedPendulum-v0': {
    what: 'linear feedback',
    act: (o, action) => action.fill(clip(feedback(invertedPendulumGains, [...o]), 3)),
  },
  'InvertedDoublePendulum-v0': {
    what: 'linear feedback',
    act: (o, action) => {
      const state = [o[0]!, Math.atan2(o[1]!, o[3]!), Math.atan2(o[2]!, o[4]!), o[5]!, o[6]!, o[7]!];
      action.fill(clip(feedback(invertedDoublePendulumGains, state), 1));
    },
  },
  'Reacher-v0': {
    what: 'pull the tip to the target, against the rates',
    act: (o, action) => reacherArm([Math.atan2(o[2]!, o[0]!), Math.atan2(o[3]!, o[1]!)], [o[8]!, o[9]!], [o[6]!, o[7]!], action),
  },
  'DmReacherEasy-v0': dmReach,
  'DmReacherHard-v0': dmReach,
};
