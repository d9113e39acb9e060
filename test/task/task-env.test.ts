import { expect } from 'chai';
import { liveRapierWorlds, rapierEngine } from '../../src/physics/rapier-engine.ts';
import { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import { defineTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { registryOf, WalkerDynamics } from '../contracts/stub-backends.ts';
import { contactBox, delayedCart, goalArm, twoCarts, walker } from '../contracts/stub-tasks.ts';

const all = (lanes: number) => new Uint8Array(lanes).fill(1);
const cart = delayedCart(0);

describe('a task stepped on dynamics', () => {
  it('draws an episode from its seed alone, sensor noise apart from the task', async () => {
    const [env, quiet] = [
      new TaskEnv(walker, new WalkerDynamics(), 1),
      new TaskEnv({ ...walker, sense: () => {} }, new WalkerDynamics(), 1),
    ];
    for (const one of [env, quiet]) one.reset({ mask: all(1), seeds: Float64Array.of(3) });
    for (let step = 0; step < 10; step++) {
      for (const one of [env, quiet]) one.step(Float32Array.of(0.1), all(1));
      expect([...quiet.state], 'noise on the sensors shifts no goal').to.deep.equal([...env.state]);
    }
    const [noisy, clear] = [env.batch.observation as Float32Array, quiet.batch.observation as Float32Array];
    expect(noisy[0]).to.not.equal(clear[0]);
    expect(clear[0]).to.equal(Math.fround(env.state[0]!));
  });

  it('never gives the sensors the numbers that the task drew', () => {
    const drawn = {
      ...walker,
      initial: (rng, _params, state) => void Object.assign(state, { position_m: 0, goal_m: rng.normal() }),
    } as typeof walker;
    const sensed = { ...drawn, sense: (row, rng) => void (row as Float32Array).fill(rng.normal(), 0, 1) } as typeof walker;
    const env = new TaskEnv(sensed, new WalkerDynamics(), 1);
    env.reset({ mask: all(1), seeds: Float64Array.of(3) });
    const [noise, goal] = env.batch.observation as Float32Array;
    expect(noise).to.not.equal(goal);
  });

  it('leaves lanes outside the mask as they are', () => {
    const env = new TaskEnv(walker, new WalkerDynamics(), 3);
    env.reset({ mask: all(3), seeds: Float64Array.of(1, 2, 3) });
    env.step(Float32Array.of(0.1, 0.2, 0.3), all(3));
    const before = [...env.state];
    env.step(Float32Array.of(0.5, 0.5, 0.5), Uint8Array.of(0, 1, 0));
    for (const lane of [0, 2]) expect([...env.state.subarray(lane * 3, lane * 3 + 3)]).to.deep.equal(before.slice(lane * 3, lane * 3 + 3));
    expect(env.state[3]).to.not.equal(before[3]);
  });

  it('can be put into a state, and steps on from there', () => {
    const env = new TaskEnv(walker, new WalkerDynamics(), 2);
    env.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    env.setState(1, Float64Array.of(0.5, 4, 0), 9);
    expect([...(env.batch.observation as Float32Array).subarray(4, 6)]).to.deep.equal([4, 0]);
    env.step(Float32Array.of(0, 0.25), all(2));
    expect(env.state[3]).to.equal(0.75);
  });

  it('weighs each term of its reward', () => {
    const env = new TaskEnv(walker, new WalkerDynamics(), 1);
    env.setState(0, Float64Array.of(0, 0, 0), 1);
    env.step(Float32Array.of(0.5), all(1));
    // 2 · .5 m and −.5 · .25.
    expect(env.batch.reward[0]).to.equal(0.875);
    const terms = env.batch.info.rewardTerms as Record<string, Float64Array>;
    expect([terms.progress![0], terms.effort![0]]).to.deep.equal([1, -0.125]);
  });

  it('begins what it takes over where the other stands, goals to come included', () => {
    const [from, to] = [new TaskEnv(walker, new WalkerDynamics(), 1), new TaskEnv(walker, new WalkerDynamics(), 1)];
    from.reset({ mask: all(1), seeds: Float64Array.of(3) });
    to.reset({ mask: all(1), seeds: Float64Array.of(4) });
    for (let step = 0; step < 5; step++) from.step(Float32Array.of(0.1), all(1));
    to.adopt(0, from);
    for (let step = 0; step < 20; step++) {
      for (const env of [from, to]) env.step(Float32Array.of(step % 2 ? 0.1 : -0.1), all(1));
      expect([...to.state]).to.deep.equal([...from.state]);
    }
  });

  it('freezes what is defined', () => {
    expect(Object.isFrozen(defineTask(goalArm as Parameters<typeof defineTask>[0]))).to.equal(true);
  });
});

describe('physics as dynamics', () => {
  it('refuses a physics step that does not divide the control step', async () => {
    const engine = await rapierEngine();
    for (const step_s of [0.03, 0.1])
      expect(() => new PhysicsDynamics({ ...cart, engines: { rapier: { step_s } } }, engine)).to.throw(/does not divide/);
  });

  it('frees every world it made', async () => {
    const before = liveRapierWorlds();
    const env = await registryOf(cart).truth(cart.id, 3);
    env.reset({ mask: all(3), seeds: Float64Array.of(1, 2, 3) });
    env.reset({ mask: Uint8Array.of(0, 1, 0), seeds: Float64Array.of(0, 1, 0), params: { mass_kg: 2 } });
    expect(liveRapierWorlds() - before).to.equal(3);
    env.close();
    expect(liveRapierWorlds()).to.equal(before);
  });

  it('moves a lane by its own parameters, and by the defaults after', async () => {
    const env = await registryOf(cart).truth(cart.id, 2);
    const gained = () => {
      const before = [env.state[1]!, env.state[3]!];
      env.step(Float32Array.of(1, 1), all(2));
      return [env.state[1]! - before[0]!, env.state[3]! - before[1]!];
    };
    env.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    env.reset({ mask: Uint8Array.of(0, 1), seeds: Float64Array.of(0, 2), params: { mass_kg: 2 } });
    // 1 N for .05 s on 1 kg and on 2 kg.
    const heavy = gained();
    expect(heavy[0]).to.be.closeTo(0.05, 1e-6);
    expect(heavy[1]).to.be.closeTo(0.025, 1e-6);
    env.reset({ mask: Uint8Array.of(0, 1), seeds: Float64Array.of(0, 2) });
    expect(gained()[1]).to.be.closeTo(0.05, 1e-6);
    env.close();
  });

  it('starts an episode alike whatever the lane went through', async () => {
    const env = await registryOf(twoCarts).truth(twoCarts.id, 1);
    const episode = () => {
      env.reset({ mask: all(1), seeds: Float64Array.of(5) });
      const seen = [[...env.state]];
      for (let step = 0; step < 10; step++) {
        env.step(Float32Array.of(1, -1), all(1));
        seen.push([...env.state]);
      }
      return seen;
    };
    const first = episode();
    env.setState(0, Float64Array.of(50, 60, 7, 8), 1);
    for (let step = 0; step < 5; step++) env.step(Float32Array.of(-1, 1), all(1));
    expect(episode()).to.deep.equal(first);
    env.close();
  });

  it('starts anew even what the task does not place', async () => {
    const unplaced = { ...contactBox, place: () => {} };
    const env = await registryOf(unplaced).truth(unplaced.id);
    env.reset({ mask: all(1), seeds: Float64Array.of(1) });
    const first = [...env.state];
    for (let step = 0; step < 20; step++) env.step(Float32Array.of(1), all(1));
    expect(env.state[0]).to.not.equal(first[0]);
    env.reset({ mask: all(1), seeds: Float64Array.of(1) });
    expect([...env.state]).to.deep.equal(first);
    env.close();
  });

  it('survives a state that breaks the engine: the lane is cut off, and whole again after reset', async () => {
    const env = await registryOf(cart).truth(cart.id, 2);
    env.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    env.step(Float32Array.of(0.5, 0.5), all(2));
    const calm = await registryOf(cart).truth(cart.id, 2);
    calm.reset({ mask: all(2), seeds: Float64Array.of(1, 2) });
    calm.step(Float32Array.of(0.5, 0.5), all(2));
    env.setState(0, Float64Array.of(Number.NaN, 0), 1);
    for (const one of [env, calm]) one.step(Float32Array.of(0.5, 0.5), all(2));
    expect([...env.batch.truncated]).to.deep.equal([1, 0]);
    expect(env.batch.problems[0]).to.have.property('code', 'PHYSICS_DIVERGED');
    expect([...env.state.subarray(2)], 'its neighbour').to.deep.equal([...calm.state.subarray(2)]);
    env.reset({ mask: Uint8Array.of(1, 0), seeds: Float64Array.of(1, 0) });
    env.step(Float32Array.of(0.5, 0), Uint8Array.of(1, 0));
    calm.reset({ mask: Uint8Array.of(1, 0), seeds: Float64Array.of(1, 0) });
    calm.step(Float32Array.of(0.5, 0), Uint8Array.of(1, 0));
    expect([...env.state.subarray(0, 2)]).to.deep.equal([...calm.state.subarray(0, 2)]);
    env.close();
    calm.close();
  });
});
