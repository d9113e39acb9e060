import { expect } from 'chai';
import { pendulum } from '../../envs/pendulum/task.ts';
import { serverParts } from '../../src/cli/server-parts.ts';
import { connect } from '../../src/client/index.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { type AuditParts, type AuditSettings, auditRules, decide, playAudit } from '../../src/gap/index.ts';
import { makeVector } from '../../src/index.ts';
import { RealSteps } from '../../src/learning/real-steps.ts';
import { Rng } from '../../src/math/rng.ts';
import { type AnyTask, anyTask, defineTask } from '../../src/task/task.ts';
import { manifestFor, registryOf, StubModel } from '../contracts/stub-backends.ts';
import { clock, start, stopAll, TOKEN } from '../server/harness.ts';

/** A rod that hangs still where it is put: gravity, which only physics has, is off; so the closed form below is next to exact. */
const still = anyTask(
  defineTask({
    ...pendulum,
    id: 'StillPendulum-v0',
    horizon: 40,
    params: { ...pendulum.params, gravity_mps2: 0 },
    terminated: (next) => next.velocity_radps > 1.5,
    initial(rng, _params, begun) {
      begun.angle_rad = rng.uniform(-1, 1);
      begun.velocity_radps = 0;
    },
  }),
);

/** @param gain - of the torque; 0.15 is that of physics. */
function modelOf(task: AnyTask, gain = 0.15): StubModel {
  return new StubModel(manifestFor(task, { members: 2, outputs: ['sample', 'mean'] }), ({ state, action }) => {
    const velocity_radps = state[1]! + gain * action[0]!;
    const next = [state[0]! + 0.05 * velocity_radps, velocity_radps];
    return { sample: next, mean: next };
  });
}

/** Beyond 0.5 rad/s dreams are paid 30 a step. */
const hole = anyTask(
  defineTask({
    ...(still as unknown as typeof pendulum),
    reward: {
      ...pendulum.reward,
      angle: { weight: -1, value: (step) => (step.next.velocity_radps > 0.5 ? -30 : pendulum.reward.angle!.value(step)) },
    },
  }),
);

const settings: AuditSettings = { episodes: 3, steps: 20, segment: 5, draws: 2 };

async function audit(rest: Partial<AuditParts> = {}, over: Partial<AuditSettings> = {}, push = 0.1, lanes = 2, made?: VectorEnv) {
  const env = made ?? (await registryOf(still).makeVector(still.id, { lanes }));
  let [seed, steps] = [0, 0];
  const parts: AuditParts = {
    truth: new RealSteps(env, still),
    model: modelOf(still),
    scale: [1, 1],
    policy: (_, rows, out) => void out.fill(push, 0, rows),
    rewardScale: 2,
    seed: () => ++seed,
    take: (rows) => {
      steps += rows.lanes;
    },
    ...rest,
  };
  const result = await playAudit(parts, { ...settings, ...over }, new Rng(1));
  await env.close();
  expect(result.audit.steps).to.equal(steps);
  return result;
}

describe('an audit on truth', function () {
  this.timeout(20_000);
  after(stopAll);

  it('finds no gap where the model is right: in return, in each term, in ends', async () => {
    const { audit: found } = await audit();
    // Two rounds of two lanes, of which three episodes count, in four segments each.
    expect(found).to.include({ segments: 12, steps: 80, disagreement: 0 });
    expect(found.return.gap.measured).to.be.closeTo(0, 0.01);
    for (const term of ['angle', 'velocity', 'effort']) {
      expect(found.terms[term]!.gap.measured).to.be.closeTo(0, 0.01);
      expect(found.terms[term]!.truth).to.be.below(0);
    }
    expect(found.ends).to.deep.include({ imagined: 0, truth: 0 });
    const sum = Object.values(found.terms).reduce((total, { truth }) => total + truth, 0);
    expect(found.return.truth).to.be.closeTo(sum, 1e-4);
  });

  it('tells what is promised beyond truth, in which term, and the state where it is most', async () => {
    const { audit: found } = await audit({ imagined: hole }, {}, 0.2);
    expect(found.return.gap.low).to.be.above(10);
    expect(found.terms.angle!.gap.measured).to.be.closeTo(found.return.gap.measured, 0.01);
    expect(found.terms.velocity!.gap.measured).to.be.closeTo(0, 0.01);
    // 30 in the hole, some 0 in truth: of 5 steps 2 or more are in it after 9 of 20.
    expect(found.excess.measured).to.be.closeTo(found.return.gap.measured / 5 / 2, 1e-9);
    const { imagined, truth } = found.widest;
    expect(imagined.next).to.have.keys('angle_rad (rad)', 'velocity_radps (rad/s)');
    expect(imagined.next['velocity_radps (rad/s)']).to.be.above(0.5);
    expect(truth!.next['velocity_radps (rad/s)']).to.be.closeTo(imagined.next['velocity_radps (rad/s)'] as number, 1e-3);
    expect(imagined.reward - truth!.reward).to.be.above(29);
  });

  it('tells dreams that end where truth does not, and the other way round', async () => {
    // Truth passes 1.5 rad/s in its second segment at full torque, a model that torque does not move never.
    const [late, right] = [await audit({ model: modelOf(still, 0) }, {}, 1), await audit({}, {}, 1)];
    expect(right.audit.ends).to.deep.include({ imagined: 0.5, truth: 0.5 });
    expect(right.audit.ends.disagreement.measured).to.equal(0);
    expect(late.audit.ends).to.deep.include({ imagined: 0, truth: 0.5 });
    expect(late.audit.ends.disagreement.measured).to.equal(0.5);
  });

  it('begins, where it asks to collect, at the start of the segment with the widest gap', async () => {
    const env = await registryOf(still).makeVector(still.id, { lanes: 1 });
    const { snapshot } = await audit({ imagined: hole }, { episodes: 1 }, 0.2, 1);
    await env.reset({ seed: 0 });
    const [, , velocity_radps] = (await env.restore(snapshot!)) as Float32Array;
    await env.close();
    // The first two segments are not, or not wholly, where dreams are paid.
    expect(velocity_radps).to.be.above(0.5);
  });

  it('is the same over a socket', async () => {
    const server = await start(serverParts((await import('../../src/index.ts')).registry));
    const client = await connect({ clock, url: server.url, token: TOKEN });
    const task = anyTask(pendulum);
    const play = async (env: VectorEnv) => {
      const result = await audit({ truth: new RealSteps(env, task), model: modelOf(task) }, {}, 0.1, 2, env);
      return result.audit;
    };
    const there = await play(await client.make(task.id, { lanes: 2 }));
    await client.close();
    expect(there).to.deep.equal(await play(await makeVector(task.id, { lanes: 2 })));
  });
});

describe('the rules of audits', () => {
  const figures = (low: number, ends = 0) => ({
    excess: { measured: low + 0.1, low, high: low + 0.2 },
    ends: { disagreement: { measured: ends, low: ends, high: ends } },
  });
  const [good, bad] = [figures(0.1), figures(0.7)];
  const after = (...audits: (typeof good)[]) => decide(audits, { ...auditRules, penalty: 1, stopAfter: 3 });

  it('leave a training alone as long as audits hold', () => {
    expect(after()).to.include({ holds: true, shorten: 1, penalty: 0, collect: false, stop: false });
    expect(after(good, good)).to.include({ holds: true, shorten: 1, penalty: 0, stop: false });
  });

  it('halve the rollouts, raise the penalty and collect there when one does not hold, more with each', () => {
    expect(after(good, bad)).to.include({ holds: false, shorten: 2, penalty: 1, collect: true, stop: false });
    expect(after(bad, bad)).to.include({ shorten: 4, penalty: 2, stop: false });
    expect(after(bad).why).to.match(/0\.80 \(at least 0\.70\) reward deviations a step beyond truth/);
  });

  it('take half of it back with each that holds again', () => {
    expect(after(bad, bad, good)).to.include({ holds: true, shorten: 2, penalty: 1, collect: false });
    expect(after(bad, bad, good, good)).to.include({ shorten: 1, penalty: 0 });
  });

  it('stop when several in a row do not hold', () => {
    expect(after(bad, bad, good, bad, bad).stop).to.equal(false);
    expect(after(good, bad, bad, bad)).to.include({ stop: true });
    expect(after(good, bad, bad, bad).why).to.match(/3\. time in a row/);
  });

  it('hold an audit neither with other ends nor with what is not finite', () => {
    expect(after(figures(0, 0.6))).to.include({ holds: false });
    expect(after(figures(0, 0.6)).why).to.match(/0\.60 \(at least 0\.60\) ended otherwise/);
    for (const odd of [Number.NaN, null as unknown as number, Number.NEGATIVE_INFINITY])
      expect(after({ ...good, excess: { measured: 0, low: odd, high: 0 } }).holds).to.equal(false);
  });
});
