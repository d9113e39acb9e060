import { expect } from 'chai';
import { PILE_STEP_s, pileMjcf, pilePositions, pileScene } from '../../bench/peers/pile.ts';
import { Peer, peerCache, readAnswer } from '../../bench/peers/python-peer.ts';
import { speedOf, timeInTurns } from '../../bench/speed/turns.ts';
import { gymnasiumRows, pileTimings, type Track, trackError } from '../../bench/verify/gymnasium-rows.ts';
import { environmentName } from '../../scripts/python-env.mjs';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { sample, type TypedArray } from '../../src/spaces/space.ts';

/** A peer that answers as this program tells it to: the same protocol, without Python. */
function peerThat(answers: string): Peer {
  const program = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => { const question = JSON.parse(line); ${answers} });`;
  return new Peer(process.execPath, ['-e', program]);
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: Error) => error.message,
  );
}

describe('rows against Gymnasium', () => {
  it('are six, each with its goal', () => {
    expect(Object.fromEntries(gymnasiumRows.map(({ id, operator, goal }) => [id, `${operator} ${goal}`]))).to.deep.equal({
      'truth.track_err': '<= 0.001',
      'truth.ant_rapier': '>= 1',
      'truth.ant_mujoco': '>= 0.7',
      'truth.cheetah_rapier': '>= 0.2',
      'truth.cheetah_mujoco': '>= 0.5',
      'truth.pile_rapier': '>= 4',
    });
  });

  it('take the ratio of speeds pair by pair, so that what slows both in turn does not count', () => {
    const { ratio, low, high } = speedOf(Float64Array.of(10, 20, 40, 80, 10), Float64Array.of(5, 10, 20, 40, 5));
    expect([ratio, low, high]).to.deep.equal([0.5, 0.5, 0.5]);
  });

  it('time all sides in turns, in blocks of about the same time, after each has warmed up', async () => {
    const order: string[] = [];
    const side = (name: string, step_ms: number) => async (steps: number) => {
      order.push(name);
      const until_ms = performance.now() + steps * step_ms;
      while (performance.now() < until_ms);
      return (steps * step_ms) / 1000;
    };
    const { sides, blocks_us } = await timeInTurns(
      { slow: side('slow', 0.1), fast: side('fast', 0.02) },
      { warmUp_s: 0.05, pairs: 3, block_s: 0.01 },
    );
    expect(order.slice(-6)).to.deep.equal(['slow', 'fast', 'slow', 'fast', 'slow', 'fast']);
    expect(sides.slow.step_us).to.be.closeTo(100, 1e-9);
    expect(sides.fast.stepsPerSecond).to.be.closeTo(50_000, 1e-6);
    expect(sides.fast.steps / sides.slow.steps).to.be.within(2, 12);
    expect(speedOf(blocks_us.fast, blocks_us.slow).ratio).to.be.closeTo(5, 1e-9);
  });
});

describe('a peer', () => {
  it('answers in order, one line each', async () => {
    const peer = peerThat('console.log(JSON.stringify({ double: 2 * question.value }))');
    const answers = await Promise.all([1, 2, 3].map((value) => peer.ask<{ double: number }>({ value })));
    peer.close();
    expect(answers.map(({ double }) => double)).to.deep.equal([2, 4, 6]);
  });

  it('that fails, ends, dawdles or is not there says so, then and later', async () => {
    const failing = peerThat("console.log(JSON.stringify({ error: 'no such env' }))");
    expect(await failureOf(failing.ask({}))).to.contain('no such env');
    failing.close();
    expect(await failureOf(failing.ask({}))).to.contain('closed');
    const ending = peerThat("console.error('out of memory'); process.exit(3)");
    expect(await failureOf(ending.ask({}))).to.match(/ended \(3\).*out of memory/);
    const slow = peerThat('');
    expect(await failureOf(slow.ask({}, 0.05))).to.contain('within 0.05 s');
    expect(await failureOf(new Peer('no-such-program-anywhere', []).ask({}))).to.contain('ENOENT');
  });

  it('is refused what is no answer', () => {
    expect(readAnswer('{"cpu_s":1}')).to.deep.equal({ cpu_s: 1 });
    for (const line of ['', 'Traceback', '[1]', '3', 'null', '{"error":"x"}']) expect(() => readAnswer(line), line).to.throw(/the peer/);
  });

  it('is installed in the cache of the user, anew for other packages', () => {
    expect(peerCache({ XDG_CACHE_HOME: 'elsewhere' })).to.match(/^elsewhere.groundtwin.peers$/);
    expect(peerCache({})).to.match(/groundtwin.peers$/);
    expect(environmentName('a', 'numpy==1'))
      .to.match(/^a-[0-9a-f]{12}$/)
      .and.not.equal(environmentName('a', 'numpy==2'));
  });
});

/** What a peer would say that does just what we do. */
async function ownTrack(id: string, steps: number): Promise<Track> {
  const truth = await registry.truth(id, 1, 'mujoco');
  const one = new Uint8Array([1]);
  truth.reset({ mask: one, seeds: Float64Array.of(3) });
  const coordinates = id === 'Ant-v0' ? 29 : truth.spec.size;
  const row = () => {
    const state = [...truth.state.subarray(0, coordinates)];
    return id === 'Ant-v0' ? [...state.slice(0, 3), state[6]!, ...state.slice(3, 6), ...state.slice(7)] : state;
  };
  const [states, actions, observations, rewards] = [[row()], [] as number[][], [] as number[][], [] as number[]];
  const rng = new Rng(1);
  for (let step = 0; step < steps; step++) {
    const action = sample(truth.actionSpace, rng) as TypedArray;
    truth.step(action, one);
    states.push(row());
    actions.push([...action]);
    observations.push([...(truth.batch.observation as TypedArray)]);
    rewards.push(truth.batch.reward[0]!);
  }
  await truth.close();
  return { states, actions, observations, rewards, stepsInContact: 0 };
}

describe('tracking a peer', () => {
  for (const id of ['HalfCheetah-v0', 'Ant-v0'])
    it(`finds no difference to itself, full turns aside, and every other one (${id})`, async () => {
      const own = await ownTrack(id, 5);
      const same = await trackError(id, own);
      for (const [what, error] of Object.entries(same)) expect(error, what).to.be.below(1e-5);
      const [hip, size] = id === 'Ant-v0' ? [7, 29] : [3, 18];
      const moved = (at: number, by: number): Track => ({
        ...own,
        states: own.states.map((row, k) => row.map((x, i) => x + (k === 5 && i === at ? by : 0))),
      });
      expect((await trackError(id, moved(hip, 2 * Math.PI))).qpos).to.be.below(1e-5);
      expect((await trackError(id, moved(hip, 0.01))).qpos).to.be.closeTo(0.01, 1e-5);
      expect((await trackError(id, moved(0, 2 * Math.PI))).qpos).to.be.closeTo(2 * Math.PI, 1e-5);
      expect((await trackError(id, moved(size - 1, 0.5))).qvel).to.be.closeTo(0.5, 1e-5);
      const observations = own.observations.map((row) => row.map((x, i) => x + (i === row.length - 1 ? 0.25 : 0)));
      expect((await trackError(id, { ...own, observations })).observation).to.be.closeTo(0.25, 1e-5);
      expect((await trackError(id, { ...own, rewards: own.rewards.map((x) => x - 2) })).reward).to.be.closeTo(2, 1e-9);
    });
});

describe('a pile', () => {
  it('is the same scene as MJCF, and none of its boxes begins inside another', () => {
    const positions = pilePositions(200, 1);
    const told = [...pileMjcf(200, 1).matchAll(/pos="([^"]+)"/g)].map(([, text]) => text!.split(' ').map(Number));
    const ours = pileScene(200, 1).bodies.slice(1);
    expect(told).to.deep.equal(positions.map((position) => [...position]));
    expect(ours.map(({ pose }) => pose.position_m)).to.deep.equal(positions);
    expect(pileMjcf(1, 0)).to.contain(`timestep="${PILE_STEP_s}"`);
    for (const [i, a] of positions.entries())
      for (const b of positions.slice(0, i)) expect(Math.max(...a.map((x, axis) => Math.abs(x - b[axis]!)))).to.be.above(0.2);
    expect(pilePositions(25, 0)).to.not.deep.equal(pilePositions(25, 1));
  });

  it('is timed in turns with the peer', async () => {
    const peer = peerThat('console.log(JSON.stringify({ cpu_s: question.steps / 10, contacts: 7 }))');
    const size = { boxes: 10, before: 40, steps: 5, blocks: 2, piles: 2, warmUp_s: 0 };
    const { rapier_us, mujoco_us, states } = await pileTimings(peer, size);
    peer.close();
    expect([...mujoco_us]).to.deep.equal([1e5, 1e5, 1e5, 1e5]);
    expect(rapier_us).to.have.length(4);
    expect(states.map(({ mujoco }) => mujoco)).to.deep.equal([{ contacts: 7 }, { contacts: 7 }]);
    for (const { rapier } of states) expect(rapier.meanHeight_m).to.be.within(0.09, 0.4);
  });
});
