import { expect } from 'chai';
import fc from 'fast-check';
import type { PhysicsEngine, PhysicsWorld } from '../../src/core/physics-world.ts';
import type { EngineSettings, SceneSpec } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { Rng } from '../../src/math/rng.ts';
import { liveRapierWorlds, rapierEngine } from '../../src/physics/rapier-engine.ts';
import { boxOnPlane, cart, dynamicBody, hangingRod, robot, scene } from './scenes.ts';

const settings: EngineSettings = { step_s: 0.01, solverIterations: 4 };

/** Every body's pose and velocity and every sensor: equal lists mean equal bits. */
function everything(world: PhysicsWorld): number[] {
  const { bodies, sensors = [] } = world.scene;
  const out = new Float64Array(13 * bodies.length + 6 * sensors.length);
  bodies.forEach((_, i) => {
    world.bodyPose(i, out, 13 * i);
    world.bodyVelocity(i, out, 13 * i + 7);
  });
  for (let i = 0; i < sensors.length; i++) world.readSensor(i, out, 13 * bodies.length + 6 * i);
  return [...out];
}

function drive(world: PhysicsWorld, rng: Rng, steps: number): void {
  for (let i = 0; i < steps; i++) {
    if (i % 4 === 0)
      for (const [actuator, { maxForce }] of world.scene.actuators.entries()) world.setControl(actuator, rng.uniform(-maxForce, maxForce));
    world.step();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('a Rapier world', () => {
  let engine: PhysicsEngine;
  const made: PhysicsWorld[] = [];
  /** Of other suites in the same process. */
  let others = 0;
  const make = (spec: SceneSpec, using = settings): PhysicsWorld => {
    const world = engine.createWorld(spec, using);
    made.push(world);
    return world;
  };
  before(async () => {
    engine = await rapierEngine();
    others = liveRapierWorlds();
  });
  afterEach(() => {
    for (const world of made.splice(0)) world.free();
    expect(liveRapierWorlds()).to.equal(others);
  });

  describe('joint coordinates', () => {
    it('come back as they were set, in any order of joints, with centres of mass off their frames', () => {
      const world = make(robot());
      const angle = fc.double({ min: -3.14, max: 3.14, noNaN: true });
      const rate = fc.double({ min: -5, max: 5, noNaN: true });
      const length = fc.double({ min: -2, max: 2, noNaN: true });
      fc.assert(
        fc.property(angle, length, angle, rate, rate, rate, (wrist, reach, turn, wristRate, reachRate, turnRate) => {
          const positions = [wrist, reach, turn, 0];
          const velocities = [wristRate, reachRate, turnRate, 0];
          world.setJoints(positions, velocities);
          for (let j = 0; j < 4; j++) {
            expect(world.jointPosition(j)).to.be.closeTo(positions[j]!, 1e-5);
            expect(world.jointVelocity(j)).to.be.closeTo(velocities[j]!, 3e-5);
          }
        }),
        { numRuns: 200 },
      );
    });

    it('are 0 in the rest pose and unwind half turns into (−π, π]', () => {
      const world = make(hangingRod());
      expect(world.jointPosition(0)).to.equal(0);
      for (const [set, read] of [
        [Math.PI, Math.PI],
        [1.5 * Math.PI, -0.5 * Math.PI],
        [-4 * Math.PI + 1, 1],
      ] as const) {
        world.setJoints([set], [0]);
        expect(Math.abs(Math.sin((world.jointPosition(0) - read) / 2))).to.be.below(1e-6);
        expect(world.jointPosition(0)).to.be.within(-Math.PI, Math.PI);
      }
    });

    it('place bodies by forward kinematics', () => {
      const world = make(hangingRod());
      world.setJoints([Math.PI / 2], [2]);
      const pose = new Float64Array(7);
      const velocity = new Float64Array(6);
      world.bodyPose(world.bodyIndex('rod'), pose);
      world.bodyVelocity(world.bodyIndex('rod'), velocity);
      // A quarter turn about +y takes −z to −x; turning on, the centre half a metre out rises with 2 rad/s · .5 m.
      for (const [i, value] of [-0.5, 0, 0, 0, Math.SQRT1_2, 0, Math.SQRT1_2].entries()) expect(pose[i]).to.be.closeTo(value, 1e-6);
      for (const [i, value] of [0, 0, 1, 0, 2, 0].entries()) expect(velocity[i]).to.be.closeTo(value, 1e-6);
    });

    it('follow the free body they hang on', () => {
      const rod = hangingRod();
      const world = make({ ...rod, bodies: [dynamicBody('base', [0, 0, 0]), rod.bodies[1]!] });
      world.setBody(0, [1, 2, 3, 0, 0, Math.SQRT1_2, Math.SQRT1_2], [0.5, 0, 0, 0, 0, 0]);
      world.setJoints([Math.PI / 2], [0]);
      const pose = new Float64Array(7);
      world.bodyPose(1, pose);
      // The base is turned so that its x points along world y: −x of the base is −y.
      for (const [i, value] of [1, 1.5, 3].entries()) expect(pose[i]).to.be.closeTo(value, 1e-6);
      expect(world.jointVelocity(0)).to.be.closeTo(0, 1e-6);
    });
  });

  describe('reset', () => {
    const starts: readonly (readonly [string, () => SceneSpec, number[], number[]])[] = [
      ['without contacts', hangingRod, [2], [0.3]],
      ['with contacts', robot, [0.3, -0.2, 0.4, 0], [0.1, 0.2, 0.3, 0]],
    ];
    for (const [what, spec, positions, velocities] of starts)
      it(`leaves no trace of the past, ${what}`, () => {
        const [used, fresh] = [make(spec()), make(spec())];
        drive(used, new Rng(1), 500);
        for (const world of [used, fresh]) world.setJoints(positions, velocities);
        for (const world of [used, fresh]) drive(world, new Rng(2), 300);
        expect(everything(used)).to.deep.equal(everything(fresh));
      });

    it('forgets contacts of a box that no joint holds', () => {
      const [used, fresh] = [make(boxOnPlane()), make(boxOnPlane())];
      for (let i = 0; i < 100; i++) used.step();
      for (const world of [used, fresh]) {
        world.setJoints([], []);
        world.setBody(1, [0, 0, 0.1, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0.5]);
        for (let i = 0; i < 50; i++) world.step();
      }
      expect(everything(used)).to.deep.equal(everything(fresh));
    });
  });

  describe('saved and loaded', () => {
    it('goes on bit-identically, in 64 other worlds, from moments in and out of contact', async () => {
      const original = make(robot());
      original.setJoints([0.2, 0.1, 0, 0], [0, 0, 0, 0]);
      const rng = new Rng(5);
      let touching = 0;
      for (let moment = 0; moment < 64; moment++) {
        drive(original, rng, 7);
        const saved = original.save();
        const touch = new Float64Array(6);
        original.readSensor(0, touch);
        if (touch.some((value) => value !== 0)) touching++;
        const copy = engine.createWorld(robot(), settings);
        drive(copy, new Rng(99), moment);
        copy.load(saved);
        // Controls in force are part of the state: none is set here.
        for (let i = 0; i < 40; i++) {
          expect(everything(copy)).to.deep.equal(everything(original));
          copy.step();
          original.step();
        }
        copy.free();
        original.load(saved);
        await nextTurn();
      }
      expect(touching).to.be.within(5, 64);
    });

    it('holds a control that was set and not yet stepped', () => {
      const [world, copy] = [make(cart()), make(cart())];
      world.setControl(0, 4);
      world.step();
      world.setControl(0, -3);
      copy.load(world.save());
      for (const one of [world, copy]) one.step();
      expect(copy.jointVelocity(0)).to.be.closeTo(0.005, 1e-6); // (4 N − 3 N) · .01 s / 2 kg
      expect(everything(copy)).to.deep.equal(everything(world));
    });

    it('gives back the same bytes', () => {
      const world = make(robot());
      drive(world, new Rng(3), 100);
      const saved = world.save();
      drive(world, new Rng(4), 50);
      world.load(saved);
      expect(Buffer.compare(Buffer.from(world.save()), Buffer.from(saved))).to.equal(0);
    });

    it('refuses bytes that are not its own, and stays usable', () => {
      const world = make(robot());
      drive(world, new Rng(3), 20);
      const before = everything(world);
      const other = make(cart());
      const damaged = world.save().subarray(0, 2000);
      for (const bytes of [new Uint8Array(0), new Uint8Array(4096), new Uint8Array(4096).fill(255), damaged, other.save()])
        expect(() => world.load(bytes))
          .to.throw()
          .that.satisfies((error: unknown) => isGroundtwinError(error, 'SNAPSHOT_INVALID'));
      expect(everything(world)).to.deep.equal(before);
      world.step();
      expect(world.problem()).to.equal(null);
    });
  });

  describe('gone wrong', () => {
    it('says so when a control is not a number, and recovers by a reset', () => {
      for (const spec of [hangingRod(), robot()]) {
        const world = make(spec);
        const rest = spec.joints.map(() => 0);
        expect(world.problem()).to.equal(null);
        world.setControl(0, Number.NaN);
        world.step();
        world.step();
        expect(world.problem()).to.match(/control of actuator '\w+' is not finite/);
        world.setJoints(rest, rest);
        expect(world.problem()).to.equal(null);
        const fresh = make(spec);
        fresh.setJoints(rest, rest);
        for (const one of [world, fresh]) drive(one, new Rng(1), 50);
        expect(everything(world)).to.deep.equal(everything(fresh));
      }
    });

    it('says so when it is put where nothing is', () => {
      const world = make(hangingRod());
      world.setJoints([Number.NaN], [0]);
      expect(world.problem()).to.match(/body 'rod' is not finite/);
      world.setJoints([0], [Number.POSITIVE_INFINITY]);
      expect(world.problem()).to.match(/body 'rod' is not finite/);
    });

    it('refuses names it does not have and bodies it must not move', () => {
      const world = make(robot());
      const wrong = [
        () => world.jointIndex('elbow'),
        () => world.bodyIndex('head'),
        () => world.actuatorIndex('wrist'),
        () => world.sensorIndex(''),
        () => world.setBody(world.bodyIndex('hand'), [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]),
        () => world.setBody(world.bodyIndex('ground'), [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]),
      ];
      for (const call of wrong)
        expect(call)
          .to.throw()
          .that.satisfies((error: unknown) => isGroundtwinError(error, 'SCENE_INVALID'));
    });
  });

  describe('memory', () => {
    it('is given back: worlds are counted, and freeing twice is freeing once', () => {
      const world = make(cart());
      const other = make(cart());
      expect(liveRapierWorlds()).to.equal(others + 2);
      world.free();
      world.free();
      other.load(other.save());
      expect(liveRapierWorlds()).to.equal(others + 1);
    });

    it('does not grow with loads, resets and new worlds, even while the event loop stands still', () => {
      const world = make(robot());
      const saved = world.save();
      const round = (): void => {
        for (let i = 0; i < 300; i++) world.load(saved);
        for (let i = 0; i < 100; i++) world.setJoints([0, 0, 0, 0], [0, 0, 0, 0]);
        for (let i = 0; i < 20; i++) engine.createWorld(robot(), settings).free();
      };
      for (let i = 0; i < 4; i++) round();
      const before_bytes = process.memoryUsage().rss;
      for (let i = 0; i < 10; i++) round();
      expect((process.memoryUsage().rss - before_bytes) / 2 ** 20, 'MiB').to.be.below(64);
    });
  });

  describe('hash', () => {
    it('depends on the scene and the settings, not on colours or the order of keys', () => {
      const hash = make(cart()).sceneHash;
      const painted = cart();
      const bodies = painted.bodies.map(({ shapes, pose, ...rest }) => ({ shapes, ...rest, pose }));
      expect(hash).to.match(/^[0-9a-f]{64}$/);
      expect(make({ ...painted, bodies }).sceneHash).to.equal(hash);
      expect(make(cart({ damping: 1 })).sceneHash).to.not.equal(hash);
      expect(make(cart(), { step_s: 0.01, solverIterations: 2 }).sceneHash).to.not.equal(hash);
      const coloured = (colour: string) =>
        scene({ bodies: [dynamicBody('a', [0, 0, 0], { shapes: [{ form: { kind: 'sphere', radius_m: 1 }, colour }] })] });
      expect(make(coloured('#ff0000')).sceneHash).to.equal(make(coloured('#00ff00')).sceneHash);
    });
  });
});
