import { expect } from 'chai';
import { envs } from '../../envs/index.ts';
import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import { elementDifference, layOut, viewsOver } from '../../src/core/state-spec.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, contains, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import { makeWorld, type Policy, runEpisode, stateOf } from './harness.ts';

/** Full blast, changing sides now and then: further out than random actions reach. */
const extremes =
  (random: Policy): Policy =>
  (observation, rng, action) => {
    if (rng.uniform() < 0.1) random(observation, rng, action);
  };

for (const task of envs)
  describe(`${task.id} as a task`, () => {
    const random: Policy = (_, rng, action) => sampleInto(task.actionSpace, rng, action);
    let world: PhysicsWorld;
    before(async () => {
      world = await makeWorld(task);
    });
    after(() => world.free());

    it('starts somewhere else each time, in every entry', () => {
      const { size } = layOut(task.state);
      const rows = new Float64Array(20 * size);
      for (const [seed, state] of viewsOver(task.state, rows, 20).entries()) task.initial(new Rng(seed), task.params, state);
      for (let entry = 0; entry < size; entry++) {
        const values = Array.from({ length: 20 }, (_, seed) => rows[seed * size + entry]!);
        expect(new Set(values).size, `entry ${entry}`).to.equal(20);
      }
    });

    it('observes members of its space, and no element is constant', () => {
      const seen: number[][] = [];
      for (let seed = 0; seed < 10; seed++) seen.push(...runEpisode(task, world, seed, seed % 2 ? random : extremes(random)).observations);
      for (const row of seen) expect(contains(task.observationSpace, Float32Array.from(row)), row.join(' ')).to.equal(true);
      for (const i of seen[0]!.keys()) expect(new Set(seen.map((row) => row[i])).size, `element ${i}`).to.be.above(10);
    });

    it('infers the state from the observation', () => {
      const rng = new Rng(11);
      const observation = allocate(task.observationSpace, 1) as TypedArray;
      const [state, inferred] = [stateOf(task), stateOf(task)];
      for (let i = 0; i < 200; i++) {
        task.initial(rng, task.params, state);
        task.observe(state, observation);
        task.infer!(observation, inferred);
        for (const entry of layOut(task.state).entries)
          expect(elementDifference(entry.kind, state[entry.name] as number, inferred[entry.name] as number)).to.be.closeTo(0, 1e-6);
      }
    });

    it('reads the state it placed', () => {
      const rng = new Rng(12);
      const [state, read] = [stateOf(task), stateOf(task)];
      for (let i = 0; i < 50; i++) {
        task.initial(rng, task.params, state);
        task.place(world, state);
        task.read(world, read);
        for (const entry of layOut(task.state).entries)
          expect(elementDifference(entry.kind, state[entry.name] as number, read[entry.name] as number), entry.name).to.be.closeTo(0, 1e-6);
      }
    });

    it('repeats an episode bit by bit, whatever happened in the world before', () => {
      const first = runEpisode(task, world, 3, random);
      runEpisode(task, world, 4, extremes(random));
      expect(runEpisode(task, world, 3, random)).to.deep.equal(first);
    });

    it('uses every parameter in its scene', () => {
      const plain = JSON.stringify(task.scene(task.params));
      for (const name of Object.keys(task.params))
        expect(JSON.stringify(task.scene({ ...task.params, [name]: task.params[name]! + 0.125 })), name).to.not.equal(plain);
    });

    it('drives an actuator of its scene with each command', () => {
      for (const { name, high } of task.commands) {
        const actuator = task.scene(task.params).actuators.find((one) => one.name === name);
        expect(actuator?.maxForce, name).to.equal(high);
      }
    });
  });
