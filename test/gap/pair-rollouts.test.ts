import { expect } from 'chai';
import type { Dynamics, LaneRows } from '../../src/core/dynamics.ts';
import type { Transitions } from '../../src/data/transitions.ts';
import {
  allSquaredErrors,
  counterfactualEffects,
  drawHeldOut,
  envSubject,
  type HeldOut,
  normalisedError,
  pairRollouts,
  playCounterfactuals,
  predictedScale,
  resamplePlan,
  skillOverHorizon,
} from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { bareTask } from '../contracts/stub-tasks.ts';
import { asSubject, oracle, pendulum, persistence, swings } from './pendulums.ts';

describe('paired rollouts', () => {
  const starts = 20;
  const horizon = 12;
  let data: Transitions;
  let heldOut: HeldOut;
  let truth: TaskEnv;
  before(async () => {
    data = await swings(1, 20, 20);
    heldOut = drawHeldOut(pendulum, data, starts, horizon, new Rng(1));
    truth = await oracle(7);
  });
  after(() => truth.close());

  const pair = (subject: typeof oracle, samples = 1) =>
    pairRollouts({ truth, subject: asSubject(subject), heldOut, training: data, all: data, samples, rng: new Rng(2) });
  const plan = resamplePlan(starts, new Rng(3), 200);

  it('repeat what was recorded, in truth', async () => {
    const { rollouts } = await pair(oracle);
    for (let start = 0; start < starts; start++) {
      const row = data.state.findIndex(
        (value, i) => i % 2 === 0 && value === heldOut.state[2 * start] && data.state[i + 1] === heldOut.state[2 * start + 1],
      );
      const recorded = [...data.state.subarray(row, row + 2), ...data.next.subarray(row, row + 2 * horizon)];
      const played = [...rollouts.truth.subarray(start * (horizon + 1) * 2, (start + 1) * (horizon + 1) * 2)];
      played.forEach((value, i) => void expect(value).to.be.closeTo(recorded[i]!, 1e-3));
    }
  });

  it('find no error in truth itself, and full skill', async () => {
    for (const samples of [1, 3]) {
      const { rollouts, segments } = await pair(oracle, samples);
      const squared = allSquaredErrors(rollouts);
      for (const error of normalisedError(rollouts, squared.model, plan).measured) expect(error).to.be.below(1e-12);
      expect(rollouts.imaginedSamples).to.have.length(samples * rollouts.truth.length);
      const skills = skillOverHorizon(rollouts, squared, plan);
      for (const { measured } of skills) expect(measured).to.be.at.least(1);
      // No more than the floor, where truth drifts to from a start moved by sensor noise: near 0, so nearly 1.
      expect(skills[0]!.measured).to.be.below(1.1);
      segments.imagined.forEach((value, start) => void expect(value).to.be.closeTo(segments.truth[start]!, 1e-9));
    }
  });

  it('find no skill in standing still', async () => {
    const { rollouts } = await pair(persistence);
    for (const { measured } of skillOverHorizon(rollouts, allSquaredErrors(rollouts), plan)) expect(measured).to.be.at.most(1e-9);
  });

  it('sum the rewards of every segment, in truth and in the dream', async () => {
    const { segments } = await pair(persistence);
    const lane = await oracle(1);
    for (const start of [0, 7, starts - 1]) {
      const [angle, velocity] = heldOut.state.subarray(2 * start, 2 * start + 2) as unknown as [number, number];
      await lane.setState(0, [angle, velocity], 0);
      let [inTruth, still] = [0, 0];
      for (let step = 0; step < horizon; step++) {
        const torque = heldOut.action[start * horizon + step]!;
        const effort = 0.001 * torque ** 2;
        inTruth -= lane.state[0]! ** 2 + 0.1 * lane.state[1]! ** 2 + effort;
        still -= angle ** 2 + 0.1 * velocity ** 2 + effort;
        await lane.step(Float32Array.of(torque), Uint8Array.of(1));
      }
      expect(segments.truth[start]).to.be.closeTo(inTruth, 1e-6);
      expect(segments.imagined[start]).to.be.closeTo(still, 1e-6);
    }
    await lane.close();
  });

  it('start the floor a sensor’s noise away, and the linear reference on the spot', async () => {
    const { rollouts } = await pair(oracle);
    const moved = [0, 1].map((element) => {
      let sum = 0;
      for (let start = 0; start < starts; start++) {
        const at = start * (horizon + 1) * 2 + element;
        expect(rollouts.linear[at]).to.equal(heldOut.state[2 * start + element]);
        sum += (rollouts.perturbed[at]! - rollouts.truth[at]!) ** 2 / starts;
      }
      return Math.sqrt(sum) / rollouts.scale[element]!;
    });
    for (const share of moved) expect(share).to.be.within(0.0003, 0.0008);
  });

  it('keep the noise of each element to its own scale when a signal stands before it', async () => {
    /** A force that is what the command was, then the position it pushes. */
    const pushed = bareTask({
      id: 'Pushed-v0',
      state: {
        felt_N: { role: 'signal', kind: 'force', unit: 'N' },
        position_m: { role: 'dynamic', kind: 'length', unit: 'm' },
      },
      commands: [{ name: 'push', unit: 'N', low: -1, high: 1 }],
      actuate(_state, action, _next, command) {
        command[0] = action[0]!;
      },
    });
    const dynamics: Dynamics = {
      kind: 'truth',
      fingerprint: 'pushed',
      start() {},
      advance({ lanes, state, next, command }: LaneRows) {
        for (let lane = 0; lane < lanes; lane++) {
          next[2 * lane] = 1e6 * command[lane]!;
          next[2 * lane + 1] = state[2 * lane + 1]! + command[lane]!;
        }
      },
      save: () => new Uint8Array(0),
      load() {},
      close() {},
    };
    const rng = new Rng(4);
    const count = 30;
    const all: Transitions = {
      count,
      state: Float64Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 1e6 : 1) * rng.uniform(-1, 1)),
      action: Float64Array.from({ length: count }, () => Math.fround(rng.uniform(-1, 1))),
      command: Float64Array.from({ length: count }, () => rng.uniform(-1, 1)),
      next: Float64Array.from({ length: 2 * count }, () => rng.uniform(-1, 1)),
      episode: new Int32Array(count),
    };
    const env = async (lanes: number) => new TaskEnv(pushed, dynamics, lanes);
    const { rollouts } = await pairRollouts({
      truth: await env(4),
      subject: envSubject('pushed', pushed, env),
      heldOut: drawHeldOut(pushed, all, 10, 2, new Rng(1)),
      training: all,
      all,
      samples: 1,
      rng,
    });
    for (let start = 0; start < 10; start++) {
      const [felt, position] = [0, 1].map((element) => rollouts.perturbed[start * 6 + element]! - rollouts.truth[start * 6 + element]!);
      expect(felt).to.equal(0);
      expect(Math.abs(position!)).to.be.within(1e-9, 0.01);
    }
  });

  describe('branching', () => {
    const effects = async (subject: typeof oracle, samples = 1) => {
      const rng = new Rng(9);
      const alternatives = Array.from({ length: 4 }, () => Float64Array.from(heldOut.action, () => Math.fround(rng.uniform(-2, 2))));
      const scale = predictedScale(pendulum, data);
      const played = await playCounterfactuals({ truth, subject: asSubject(subject), heldOut, scale, alternatives, samples, rng });
      return { played, ...counterfactualEffects(played, plan) };
    };

    it('finds truth’s own effects right', async () => {
      const { effectR2, direction, effectivePairs, played } = await effects(oracle, 2);
      expect(effectR2.measured).to.be.closeTo(1, 1e-12);
      expect(direction.measured).to.be.closeTo(1, 1e-12);
      expect(effectivePairs).to.equal(4 * starts);
      expect(played.truthBranches).to.have.length(4 * starts * 2);
    });

    it('finds nothing in a dream that no action changes', async () => {
      const { effectR2, direction } = await effects(persistence);
      expect(effectR2.measured).to.be.at.most(0);
      expect(direction.measured).to.be.at.most(0);
    });

    it('packs branch k of a start behind that start', async () => {
      const { played } = await effects(oracle);
      const { rollouts } = await pairRollouts({
        truth,
        subject: asSubject(oracle),
        heldOut,
        training: data,
        all: data,
        samples: 1,
        rng: new Rng(1),
      });
      for (let start = 0; start < starts; start++) {
        const end = (start * (horizon + 1) + horizon) * 2;
        expect([...played.truthBase.subarray(2 * start, 2 * start + 2)]).to.deep.equal([...rollouts.truth.subarray(end, end + 2)]);
        for (let k = 0; k < 4; k++) {
          const at = (start * 4 + k) * 2;
          expect(played.truthBranches[at]).to.not.equal(played.truthBase[2 * start]);
          played.imaginedBranches
            .subarray(at, at + 2)
            .forEach((value, i) => void expect(value).to.be.closeTo(played.truthBranches[at + i]!, 1e-9));
        }
      }
    });
  });
});
