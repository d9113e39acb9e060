import { expect } from 'chai';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { keepsTheContract } from './env-contract.ts';
import { manifestFor, registryOf, StubModel } from './stub-backends.ts';
import { goalArm, tipOf } from './stub-tasks.ts';

const registry = registryOf(goalArm);
const one = Uint8Array.of(1);
/** Positions in the state row. */
const at = { shoulder: 0, elbow: 1, goal: 4, reached: 6 } as const;
const goalOf = (env: TaskEnv) => [env.state[at.goal]!, env.state[at.goal + 1]!];
const still = new Float32Array(2);

/** A model that says whatever `tell` says next: a stand-in for physics whose states we choose. */
function told(tell: () => readonly number[]): StubModel {
  return new StubModel(manifestFor(goalArm), () => ({ sample: tell() }));
}

/** Angles of a two-link arm that put its tip at a place. */
function anglesFor([x, y]: readonly number[]): [number, number] {
  const distance = Math.hypot(x!, y!);
  const elbow = Math.acos(Math.min(1, Math.max(-1, 2 * distance ** 2 - 1)));
  return [Math.atan2(y!, x!) - elbow / 2, elbow];
}

describe('a goal arm', () => {
  keepsTheContract((lanes, options) => registry.makeVector(goalArm.id, { lanes, ...options }), 40, {
    takes: ['autoreset', 'maxEpisodeSteps'],
    horizon: goalArm.horizon,
    params: goalArm.params,
  });

  it('observes as a goal env: what is reached, and what is wanted', async () => {
    const env = await registry.make(goalArm.id);
    const { observation } = await env.reset({ seed: 4 });
    expect(Object.keys(observation as object)).to.deep.equal(['observation', 'achieved_goal', 'desired_goal']);
    const parts = observation as Record<string, Float32Array>;
    const [cosShoulder, sinShoulder, cosElbow, sinElbow] = parts.observation!;
    const [x, y] = tipOf(Math.atan2(sinShoulder!, cosShoulder!), Math.atan2(sinElbow!, cosElbow!));
    expect(parts.achieved_goal![0]).to.be.closeTo(x, 1e-5);
    expect(parts.achieved_goal![1]).to.be.closeTo(y, 1e-5);
    expect(Math.hypot(...parts.desired_goal!)).to.be.within(0.3, 0.9);
    await env.close();
  });

  it('keeps its goal until it is reached', async () => {
    const env = await registry.truth(goalArm.id);
    env.reset({ mask: one, seeds: Float64Array.of(11) });
    const goal = goalOf(env);
    for (let step = 0; step < 20; step++) {
      await env.step(still, one);
      expect(goalOf(env)).to.deep.equal(goal);
    }
    env.close();
  });

  it('draws the same goals on truth and on a model that moves alike', async () => {
    // Truth is put at each goal by hand; the model is told to be there too. The task must then choose alike on both.
    const truth = await registry.truth(goalArm.id);
    let tip: readonly number[] = [0, 0, 0, 0];
    const dream = await registry.imagined(
      goalArm.id,
      told(() => tip),
    );
    for (const env of [truth, dream]) await env.reset({ mask: one, seeds: Float64Array.of(3) });
    expect([...truth.state.subarray(4)], 'the start').to.deep.equal([...dream.state.subarray(4)]);
    const goals: number[][] = [];
    for (let round = 0; round < 4; round++) {
      const [shoulder, elbow] = anglesFor(goalOf(truth));
      // Truth reaches by being placed: saved, moved and loaded as an imagined start would be, but with its generator going on.
      const world = (
        truth.dynamics as unknown as { world(lane: number): { setJoints(p: readonly number[], v: readonly number[]): void } }
      ).world(0);
      world.setJoints([shoulder, elbow], [0, 0]);
      tip = [shoulder, elbow, 0, 0];
      await truth.step(still, one);
      await dream.step(still, one);
      expect(truth.batch.reward[0], `reward of round ${round}`).to.equal(1);
      expect(dream.batch.reward[0]).to.equal(1);
      expect(goalOf(dream)).to.deep.equal(goalOf(truth));
      goals.push(goalOf(truth));
    }
    expect(new Set(goals.map(String)).size, 'a new goal each round').to.equal(4);
    expect(truth.state[at.reached]).to.equal(4);
    await truth.close();
    await dream.close();
  });

  it('gives the model its goal as context, in the order of the state', async () => {
    const contexts: number[][] = [];
    const model = new StubModel(manifestFor(goalArm), ({ state, context }) => {
      contexts.push([...context]);
      return { sample: [...state] };
    });
    const dream = await registry.imagined(goalArm.id, model);
    await dream.reset({ mask: one, seeds: Float64Array.of(3) });
    const goal = goalOf(dream).map(Math.fround);
    await dream.step(still, one);
    expect(contexts[0]).to.deep.equal([...goal, 0]);
    await dream.close();
  });

  describe('in a twin', () => {
    /** Model and truth both at rest: the arm stays where it is, but the model is told a start of its own. */
    const twinOf = (tell: () => readonly number[], observe: 'truth' | 'model', every: number) =>
      registry.makeVector(goalArm.id, { backend: 'twin', model: told(tell), observe, resync: { every } });
    type Sides = { readonly truth: TaskEnv; readonly model: TaskEnv };

    it('draws the same goals on both sides', async () => {
      let tip: readonly number[] = [0, 0, 0, 0];
      const twin = await twinOf(() => tip, 'truth', 1000);
      await twin.reset({ seed: 5 });
      const { truth, model } = twin.backend as unknown as Sides;
      const world = (
        truth.dynamics as unknown as { world(lane: number): { setJoints(p: readonly number[], v: readonly number[]): void } }
      ).world(0);
      for (let round = 0; round < 3; round++) {
        const [shoulder, elbow] = anglesFor(goalOf(truth));
        world.setJoints([shoulder, elbow], [0, 0]);
        tip = [shoulder, elbow, 0, 0];
        await twin.step(still);
        expect(truth.state[at.reached]).to.equal(round + 1);
        expect(goalOf(model), `round ${round}`).to.deep.equal(goalOf(truth));
      }
      await twin.close();
    });

    it('pursues the goal of truth after a resync, even if only one side reached it', async () => {
      const far = [3, 0, 0, 0];
      const twin = await twinOf(() => far, 'model', 2);
      await twin.reset({ seed: 5 });
      const { truth, model } = twin.backend as unknown as Sides;
      const world = (
        truth.dynamics as unknown as { world(lane: number): { setJoints(p: readonly number[], v: readonly number[]): void } }
      ).world(0);
      const [shoulder, elbow] = anglesFor(goalOf(truth));
      world.setJoints([shoulder, elbow], [0, 0]);
      await twin.step(still);
      expect(truth.state[at.reached]).to.equal(1);
      expect(goalOf(model), 'before the resync each side has its own').to.not.deep.equal(goalOf(truth));
      const { info } = await twin.step(still);
      expect((info.twin as { resynced: Uint8Array }).resynced[0]).to.equal(1);
      expect([...model.state]).to.deep.equal([...truth.state]);
      // And from then on both draw alike again.
      const again = anglesFor(goalOf(truth));
      world.setJoints(again, [0, 0]);
      far.splice(0, 2, ...again);
      await twin.step(still);
      expect(truth.state[at.reached]).to.equal(2);
      expect(goalOf(model)).to.deep.equal(goalOf(truth));
      await twin.close();
    });
  });

  it('stays where it is put, in any pose: nothing pulls on it', async () => {
    const engine = await rapierEngine();
    const world = engine.createWorld(goalArm.scene(goalArm.params), goalArm.engines.rapier);
    for (let i = 0; i < 40; i++) {
      world.setJoints([3 * Math.sin(7 * i), 3 * Math.cos(3 * i)], [0, 0]);
      for (let step = 0; step < 5; step++) world.step();
      expect(Math.abs(world.jointVelocity(0)) + Math.abs(world.jointVelocity(1)), `pose ${i}`).to.be.below(1e-3);
    }
    world.free();
  });
});
