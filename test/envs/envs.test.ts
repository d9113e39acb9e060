import { expect } from 'chai';
import { envs } from '../../envs/index.ts';
import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import type { EngineName } from '../../src/core/scene-spec.ts';
import { elementDifference, layOut, type StateView, viewsOver } from '../../src/core/state-spec.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, type Box, contains, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { elementsOf, makeWorld, namesWithRole, type Policy, runEpisode, stateOf } from './harness.ts';

const STARTS = 20;
const EPISODES = 10;

/** What the originals start the same way each time. Everything else that physics moves, and every goal, is drawn. */
const fixedAtStart: Readonly<Record<string, readonly string[]>> = {
  'DmPendulumSwingUp-v0': ['velocity_radps'],
  'DmReacherEasy-v0': ['shoulderRate_radps', 'wristRate_radps'],
  'DmReacherHard-v0': ['shoulderRate_radps', 'wristRate_radps'],
  'DmWalkerWalk-v0': ['x_m', 'height_m', 'vx_mps', 'vz_mps', 'pitchRate_radps', 'angleRates_radps'],
  'DmWalkerRun-v0': ['x_m', 'height_m', 'vx_mps', 'vz_mps', 'pitchRate_radps', 'angleRates_radps'],
  'DmCheetahRun-v0': ['x_m', 'pitch_rad', 'vx_mps', 'vz_mps', 'pitchRate_radps', 'angleRates_radps'],
  'DmHopperHop-v0': ['x_m', 'height_m', 'vx_mps', 'vz_mps', 'pitchRate_radps', 'angleRates_radps'],
};

/** Full blast, changing sides now and then: further out than random actions reach. */
const extremes =
  (random: Policy): Policy =>
  (observation, rng, action) => {
    if (rng.uniform() < 0.1) random(observation, rng, action);
  };

function observed(task: AnyTask): readonly string[] {
  return (task.observationSpace as Box).names!;
}

/** The largest difference of two states in these entries; a quaternion and its negative are one orientation. */
function largestDifference(task: AnyTask, names: readonly string[], a: StateView, b: StateView): number {
  let largest = 0;
  for (const name of names) {
    const { kind } = task.state[name]!;
    const [one, other] = [elementsOf(a, name), elementsOf(b, name)];
    const sign = kind === 'quaternion' && one.reduce((dot, value, i) => dot + value * other[i]!, 0) < 0 ? -1 : 1;
    for (const [i, value] of one.entries()) {
      const difference = Math.abs(elementDifference(kind, value, sign * other[i]!));
      largest = Number.isNaN(difference) ? Number.NaN : Math.max(largest, difference);
    }
  }
  return largest;
}

for (const task of envs) {
  const random: Policy = (_, rng, action) => sampleInto(task.actionSpace, rng, action);

  describe(`${task.id} as a task`, () => {
    it('starts somewhere else each time, in every element but those its original fixes', () => {
      const rows = new Float64Array(STARTS * layOut(task.state).size);
      const starts = viewsOver(task.state, rows, STARTS);
      for (const [seed, state] of starts.entries()) task.initial(new Rng(seed), task.params, state);
      const fixed = [...(fixedAtStart[task.id] ?? []), ...namesWithRole(task, 'signal', 'memory')];
      for (const name of Object.keys(task.state))
        for (const i of elementsOf(starts[0]!, name).keys()) {
          const different = new Set(starts.map((state) => elementsOf(state, name)[i])).size;
          expect(different, `${name}[${i}]`).to.equal(fixed.includes(name) ? 1 : STARTS);
        }
      expect(rows.every(Number.isFinite), 'all finite').to.equal(true);
    });

    it('starts within the stops of its mechanism, with orientations of length 1', () => {
      for (let seed = 0; seed < 100; seed++) {
        const state = stateOf(task);
        task.initial(new Rng(seed), task.params, state);
        for (const [name, { kind, limits }] of Object.entries(task.state)) {
          const elements = elementsOf(state, name);
          if (limits) for (const element of elements) expect(element, name).to.be.within(...limits);
          if (kind === 'angle') for (const element of elements) expect(element, name).to.be.within(-Math.PI, Math.PI);
          if (kind === 'quaternion') expect(Math.hypot(...elements), name).to.be.closeTo(1, 1e-12);
        }
      }
    });

    if (task.infer)
      it('infers the state from the observation', () => {
        const names = namesWithRole(task, 'dynamic', 'context');
        const observation = allocate(task.observationSpace, 1) as TypedArray;
        for (let seed = 0; seed < 200; seed++) {
          const [state, inferred] = [stateOf(task), stateOf(task)];
          task.initial(new Rng(seed), task.params, state);
          task.observe(state, observation);
          task.infer!(observation, inferred);
          expect(largestDifference(task, names, state, inferred)).to.be.at.most(1e-6);
        }
      });

    it('uses every parameter in its scene', () => {
      const plain = JSON.stringify(task.scene(task.params));
      for (const name of Object.keys(task.params))
        expect(JSON.stringify(task.scene({ ...task.params, [name]: task.params[name]! + 0.125 })), name).to.not.equal(plain);
    });

    it('drives an actuator of its scene with each command', () => {
      expect(new Set(task.commands.map(({ name }) => name)).size).to.equal(task.commands.length);
      for (const { name, low, high } of task.commands) {
        const actuator = task.scene(task.params).actuators.find((one) => one.name === name);
        expect([low, high], name).to.deep.equal([-actuator!.maxForce, actuator!.maxForce]);
      }
    });

    it('names only elements of its observation as quiet', () => {
      expect(observed(task)).to.include.members([...(task.quiet ?? [])]);
    });
  });

  for (const engine of Object.keys(task.engines) as EngineName[])
    describe(`${task.id} as a task on ${engine}`, () => {
      let world: PhysicsWorld;
      before(async () => {
        world = await makeWorld(task, engine);
      });
      after(() => world.free());

      it('observes members of its space, and no element is constant', () => {
        const short = { ...task, horizon: Math.min(task.horizon, 300) };
        const seen: number[][] = [];
        for (let seed = 0; seed < EPISODES; seed++)
          seen.push(...runEpisode(short, world, seed, seed % 2 ? random : extremes(random)).observations);
        for (const row of seen) expect(contains(task.observationSpace, Float32Array.from(row)), row.join(' ')).to.equal(true);
        observed(task).forEach((name, i) => {
          if (task.quiet?.includes(name)) return;
          expect(new Set(seen.map((row) => row[i])).size, name).to.be.at.least(EPISODES);
        });
      });

      it('reads the state it placed', () => {
        const names = namesWithRole(task, 'dynamic');
        for (let seed = 0; seed < 50; seed++) {
          const [state, read] = [stateOf(task), stateOf(task)];
          task.initial(new Rng(seed), task.params, state);
          // Starts are often at rest, which a lost velocity would not show.
          for (const name of names) if (/elocity/.test(task.state[name]!.kind)) nudge(state, name, seed);
          task.place(world, state);
          task.read(world, read);
          expect(largestDifference(task, names, state, read)).to.be.at.most(2e-6);
        }
      });

      it('repeats an episode bit by bit, whatever happened in the world before', () => {
        const short = { ...task, horizon: Math.min(task.horizon, 200) };
        const first = runEpisode(short, world, 3, random);
        runEpisode(short, world, 4, extremes(random));
        expect(runEpisode(short, world, 3, random)).to.deep.equal(first);
      });
    });
}

/** Adds something else to each element. */
function nudge(state: Record<string, number | Float64Array>, name: string, seed: number): void {
  const value = state[name]!;
  if (typeof value === 'number') state[name] = value + Math.sin(1 + seed);
  else for (let i = 0; i < value.length; i++) value[i] = value[i]! + Math.sin(1 + seed + i);
}
