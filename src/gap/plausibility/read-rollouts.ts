/** Plays the same plans in truth and by the subject, and keeps what their physics says of each rollout. */
import { layOut } from '../../core/state-spec.ts';
import { allocate, flatSizeOf, rowOf, type TypedArray, unflattenInto } from '../../spaces/space.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import type { AxisContext } from '../axis.ts';
import type { HeldOut } from '../held-out.ts';
import { type Played, play } from '../play.ts';
import { withPlayer } from '../subject.ts';
import { energyBalance } from './energy-residual.ts';
import { collisionErrors, type FreeFall, fallingParts, freeFall, loosePairs } from './free-flight.ts';
import { overshoot, stretch, unexplainedMotion } from './kinematics.ts';
import type { Motion } from './physics-probe.ts';
import type { Probes } from './probes.ts';

/** One rollout; NaN stands where a state is not finite. */
export interface Reading {
  /** float64 `[moments]` each: see `Motion`, `energyBalance`, `overshoot` and `stretch`. */
  readonly depth: Float64Array;
  readonly residual_J: Float64Array;
  readonly kinetic_J: Float64Array;
  readonly potential_J: Float64Array;
  readonly overshoot: Float64Array;
  readonly stretch_m: Float64Array;
  readonly unnormalised: Float64Array;
  /** float64 `[horizon]`, in sizes. */
  readonly unexplained: Float64Array;
  /** See `EnergyBalance`. */
  readonly turnover_J: number;
  readonly fall: FreeFall;
  readonly collisions: readonly number[];
  /** Moments that are not finite. */
  readonly broken: number;
}

/** Without any action, or with those of the held-out episodes. */
export type Drive = 'resting' | 'driven';

export interface DriveReadings {
  readonly drive: Drive;
  /** `[starts]` */
  readonly truth: readonly Reading[];
  /** `[starts][copies]` */
  readonly subject: readonly (readonly Reading[])[];
}

export interface ReadOptions extends Pick<AxisContext, 'truth' | 'subject' | 'rng' | 'onProgress'> {
  readonly plan: HeldOut;
  readonly copies: number;
  readonly lanes: number;
  readonly probes: Probes;
}

/** Both drives from the same starts; only the driven one where doing nothing is no action of the task. */
export async function readRollouts(options: ReadOptions): Promise<DriveReadings[]> {
  const { truth, plan, copies, probes, rng, subject, lanes } = options;
  const still = restingPlan(truth, plan);
  const plans: [Drive, HeldOut][] = still ? [['resting', still]] : [];
  plans.push(['driven', plan]);
  const seed = rng.integer(1 << 20) * 64;
  const readings: DriveReadings[] = [];
  for (const [drive, own] of plans) {
    const commanded = { ...own, command: await commandsOf(truth, own) };
    const said = await play(truth, commanded, 1, 0);
    const dreamed = await withPlayer(subject, lanes, (player) =>
      player.play(commanded, copies, seed, (done, of) => options.onProgress?.(drive, done, of)),
    );
    const ofTruth = readPlayed(probes, commanded, said, 1).map(([reading]) => reading!);
    readings.push({ drive, truth: ofTruth, subject: readPlayed(probes, commanded, dreamed, copies) });
  }
  return readings;
}

function restingPlan({ actionSpace }: TaskEnv, plan: HeldOut): HeldOut | undefined {
  if (actionSpace.kind !== 'box') return undefined;
  const { low, high } = actionSpace;
  const holdsZero = low.every((least, i) => least <= 0 && high[i]! >= 0);
  return holdsZero ? { ...plan, action: new Float64Array(plan.action.length) } : undefined;
}

/** What the actuators get in a plan, where delays and filters of the task have had their say. */
async function commandsOf(truth: TaskEnv, plan: HeldOut): Promise<Float64Array> {
  const width = truth.task.commands.length;
  const commands = new Float64Array(plan.starts * plan.horizon * width);
  const actions = allocate(truth.actionSpace, truth.lanes);
  const row = rowOf(truth.actionSpace, actions, 0) as TypedArray;
  const one = Uint8Array.from({ length: truth.lanes }, (_, lane) => (lane === 0 ? 1 : 0));
  const [stateSize, actionSize] = [layOut(truth.task.state).size, flatSizeOf(truth.actionSpace)];
  for (let start = 0; start < plan.starts; start++) {
    await truth.setState(0, plan.state.subarray(start * stateSize, (start + 1) * stateSize), 0);
    for (let step = 0; step < plan.horizon; step++) {
      const at = start * plan.horizon + step;
      unflattenInto(plan.action, row, at * actionSize);
      await truth.step(actions, one);
      commands.set(truth.commands.subarray(0, width), at * width);
    }
  }
  return commands;
}

/** `[starts][copies]` */
function readPlayed(probes: Probes, plan: HeldOut, { rows }: Played, copies: number): Reading[][] {
  const [stateSize, commandSize] = [plan.state.length / plan.starts, plan.command.length / plan.starts];
  const length = rows.length / plan.starts / copies;
  return Array.from({ length: plan.starts }, (_, start) => {
    const state = plan.state.subarray(start * stateSize, (start + 1) * stateSize);
    const probe = probes.of(state);
    const motion = probes.motionOf(probe, plan.horizon);
    const commands = plan.command.subarray(start * commandSize, (start + 1) * commandSize);
    return Array.from({ length: copies }, (_, copy) => {
      const at = (start * copies + copy) * length;
      probe.read(state, rows.subarray(at, at + length), commands, motion);
      return readingOf(motion);
    });
  });
}

function readingOf(motion: Motion): Reading {
  const known = (values: Float64Array) => values.map((value, moment) => (motion.isWhole[moment] ? value : Number.NaN));
  return {
    depth: known(motion.depth),
    ...energyBalance(motion),
    kinetic_J: known(motion.kinetic_J),
    potential_J: known(motion.potential_J),
    overshoot: overshoot(motion),
    stretch_m: stretch(motion),
    unnormalised: known(motion.unnormalised),
    unexplained: unexplainedMotion(motion),
    fall: freeFall(motion, fallingParts(motion.facts)),
    collisions: collisionErrors(motion, loosePairs(motion.facts)),
    broken: motion.isWhole.filter((whole) => whole === 0).length,
  };
}
