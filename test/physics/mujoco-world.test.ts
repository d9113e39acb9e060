import start, { type MainModule, type MjData, type MjModel } from '@mujoco/mujoco';
import { expect } from 'chai';
import fc from 'fast-check';
import { jointLayout } from '../../src/core/joints.ts';
import { type PhysicsEngine, type PhysicsWorld, sensorSize } from '../../src/core/physics-world.ts';
import type { EngineSettings, MujocoSettings, SceneSpec } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { Rng } from '../../src/math/rng.ts';
import { liveMujocoWorlds, loadMujoco, mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { MujocoWorld } from '../../src/physics/mujoco-world.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { boxOnPlane, cart, dynamicBody, fixedBody, hangingRod, joint, robot, scene } from './scenes.ts';

const settings: EngineSettings = { step_s: 0.01 };

/** Every body's pose and velocity and every sensor: equal lists mean equal bits. */
function everything(world: PhysicsWorld): number[] {
  const { bodies, sensors = [] } = world.scene;
  const out = new Float64Array(13 * bodies.length + 7 * sensors.length);
  bodies.forEach((_, i) => {
    world.bodyPose(i, out, 13 * i);
    world.bodyVelocity(i, out, 13 * i + 7);
  });
  for (let i = 0; i < sensors.length; i++) world.readSensor(i, out, 13 * bodies.length + 7 * i);
  return [...out];
}

function drive(world: PhysicsWorld, rng: Rng, steps: number): void {
  for (let i = 0; i < steps; i++) {
    if (i % 4 === 0)
      for (const [actuator, { maxForce }] of world.scene.actuators.entries()) world.setControl(actuator, rng.uniform(-maxForce, maxForce));
    world.step();
  }
}

/** The robot, and on it and beside it everything else there is: planar and ball joints, a mesh, a free body, every sensor and actuator. */
function zoo(): SceneSpec {
  const base = robot();
  const corners = [-0.1, 0.1].flatMap((x) => [-0.1, 0.1].flatMap((y) => [-0.1, 0.1].map((z) => [x, y, z])));
  const faces = [0, 1, 3, 0, 3, 2, 4, 6, 7, 4, 7, 5, 0, 4, 5, 0, 5, 1, 2, 3, 7, 2, 7, 6, 0, 2, 6, 0, 6, 4, 1, 5, 7, 1, 7, 3];
  const mesh = { kind: 'mesh', vertices_m: Float32Array.from(corners.flat()), triangles: Uint32Array.from(faces) } as const;
  return scene({
    bodies: [
      ...base.bodies,
      dynamicBody('sled', [2, 0, 0.3], {
        shapes: [{ form: { kind: 'capsule', radius_m: 0.1, halfLength_m: 0.25 }, rollingFriction_m: 1e-3 }],
      }),
      dynamicBody('mace', [0.5, 0.1, 0], { shapes: [{ form: { kind: 'sphere', radius_m: 0.1 } }] }),
      dynamicBody('brick', [-1, 0, 0.15], { shapes: [{ form: mesh, torsionalFriction_m: 0.01 }] }),
      dynamicBody('tail', [-1.3, 0, 0.15], { shapes: [{ form: { kind: 'cylinder', radius_m: 0.05, halfLength_m: 0.1 } }] }),
    ],
    joints: [
      ...base.joints,
      joint('planar', 'sliding', 'ground', 'sled', {
        axis: [0, 1, 0],
        slideAxes: [
          [1, 0, 0],
          [0, 0, 1],
        ],
        parentAnchor_m: [2, 0, 0.3],
        armature: 0.1,
      }),
      joint('ball', 'shoulder', 'hand', 'mace', { parentAnchor_m: [0, 0, -0.6], damping: 0.01 }),
      joint('hinge', 'wag', 'brick', 'tail', {
        parentAnchor_m: [-0.15, 0, 0],
        childAnchor_m: [0.15, 0, 0],
        axis: [0, 1, 0],
        dryFriction: 0.01,
      }),
    ],
    actuators: [
      ...base.actuators,
      { name: 'wagging', kind: 'position', joint: 'wag', maxForce: 0.5, stiffness: 1, damping: 0.01 },
      { name: 'spinning', kind: 'velocity', joint: 'turn', maxForce: 1, damping: 0.1 },
    ],
    sensors: [
      { name: 'touch', kind: 'contactWrench', body: 'hand' },
      { name: 'whole', kind: 'contactWrench', body: 'tail', about: 'robot' },
      { name: 'feel', kind: 'imu', body: 'hand', site: { position_m: [0, 0.1, 0.2], orientation_xyzw: [0.5, 0.5, 0.5, 0.5] } },
      { name: 'float', kind: 'imu', body: 'brick' },
      { name: 'look', kind: 'ray', body: 'arm', site: { position_m: [0, 0, 0], orientation_xyzw: [1, 0, 0, 0] }, range_m: 9 },
      { name: 'tip', kind: 'framePose', body: 'mace', site: { position_m: [0, 0, -0.1] } },
      { name: 'angle', kind: 'jointPosition', joint: 'wrist' },
      { name: 'rate', kind: 'jointVelocity', joint: 'wag' },
    ],
  });
}

function rest(spec: SceneSpec): [number[], number[]] {
  const layout = jointLayout(spec.joints);
  const positions = new Array<number>(layout.positions).fill(0);
  spec.joints.forEach(({ kind }, j) => {
    if (kind === 'ball') positions[layout.positionAt[j]! + 3] = 1;
  });
  return [positions, new Array<number>(layout.velocities).fill(0)];
}

const unit = fc
  .tuple(...([1, 2, 3, 4].map(() => fc.double({ min: -1, max: 1, noNaN: true })) as [fc.Arbitrary<number>, ...fc.Arbitrary<number>[]]))
  .filter((q) => Math.hypot(...q) > 0.1)
  .map((q) => q.map((part) => part / Math.hypot(...q)));
const angle = fc.double({ min: -3.14, max: 3.14, noNaN: true });
const length = fc.double({ min: -2, max: 2, noNaN: true });
const rate = fc.double({ min: -5, max: 5, noNaN: true });

describe('a MuJoCo world', () => {
  let engine: PhysicsEngine;
  let mujoco: MainModule;
  /** MuJoCo, in parts another. */
  const variant = (parts: object): MainModule => Object.assign(Object.create(mujoco), parts);
  const made: PhysicsWorld[] = [];
  /** Of other suites in the same process. */
  let others = 0;
  const make = (spec: SceneSpec, using = settings): PhysicsWorld => {
    const world = engine.createWorld(spec, using);
    made.push(world);
    return world;
  };
  before(async () => {
    engine = await mujocoEngine();
    const silent = (): void => undefined;
    mujoco = await start({ print: silent, printErr: silent });
    others = liveMujocoWorlds();
  });
  afterEach(() => {
    for (const world of made.splice(0)) world.free();
    expect(liveMujocoWorlds()).to.equal(others);
  });

  describe('joint coordinates', () => {
    it('come back as they were set, in any order of joints and of every kind', () => {
      const spec = zoo();
      const world = make(spec);
      const layout = jointLayout(spec.joints);
      const positions = fc.tuple(angle, length, angle, length, length, angle, unit, angle).map((values) => values.flat());
      const velocities = fc.array(rate, { minLength: layout.velocities, maxLength: layout.velocities });
      fc.assert(
        fc.property(positions, velocities, (set, moving) => {
          expect(set).to.have.length(layout.positions);
          world.setJoints(set, moving);
          const read = spec.joints.flatMap(({ kind }, j) =>
            Array.from({ length: { hinge: 1, slide: 1, fixed: 0, planar: 3, ball: 4 }[kind] }, (_, axis) => world.jointPosition(j, axis)),
          );
          const rates = spec.joints.flatMap(({ kind }, j) =>
            Array.from({ length: { hinge: 1, slide: 1, fixed: 0, planar: 3, ball: 3 }[kind] }, (_, axis) => world.jointVelocity(j, axis)),
          );
          expect(read).to.deep.equal(set);
          expect(rates).to.deep.equal(moving);
        }),
        { numRuns: 100 },
      );
    });

    it('unwind half turns into (−π, π], when set and when read', () => {
      const world = make(hangingRod({}, [0, 0, 0]));
      expect(world.jointPosition(0)).to.equal(0);
      for (const [set, read] of [
        [Math.PI, Math.PI],
        [-Math.PI, Math.PI],
        [1.5 * Math.PI, -0.5 * Math.PI],
        [-4 * Math.PI + 1, 1],
      ] as const) {
        world.setJoints([set], [0]);
        expect(world.jointPosition(0)).to.be.closeTo(read, 1e-12);
      }
      world.setJoints([3], [1]);
      for (let i = 0; i < 30; i++) world.step();
      expect(world.jointPosition(0)).to.be.closeTo(3.3 - 2 * Math.PI, 1e-9);
    });

    it('forget their turns when set: a spring pulls the short way back', () => {
      const [wound, near] = [make(hangingRod({ stiffness: 3 })), make(hangingRod({ stiffness: 3 }))];
      wound.setJoints([2 * Math.PI + 0.5], [0]);
      near.setJoints([0.5], [0]);
      for (const world of [wound, near]) for (let i = 0; i < 20; i++) world.step();
      expect(wound.jointPosition(0)).to.be.closeTo(near.jointPosition(0), 1e-12);
    });

    it('place bodies and their velocities where Rapier has them', async () => {
      const plain = { mass_kg: 1, inertia_kgm2: [0.01, 0.01, 0.01] } as const;
      const bodies = robot().bodies.map((body) => (body.name === 'ground' ? body : { ...body, kind: 'dynamic' as const, inertial: plain }));
      const spec = { ...robot(), bodies: [...bodies, dynamicBody('stone', [5, 6, 7])] };
      const rapier = (await rapierEngine()).createWorld(spec, { step_s: 0.01, solverIterations: 4 });
      made.push(rapier);
      const world = make(spec);
      const base = world.bodyIndex('base');
      const velocity = fc.array(rate, { minLength: 6, maxLength: 6 });
      const joints = fc.tuple(angle, length, angle);
      fc.assert(
        fc.property(
          joints,
          fc.tuple(rate, rate, rate),
          unit,
          velocity,
          fc.tuple(length, length, length),
          (set, moving, turn, flight, place) => {
            rapier.setBody(base, [...place, ...turn], flight);
            rapier.setJoints(set, moving);
            world.setJoints(set, moving);
            world.setBody(base, [...place, ...turn], flight);
            const [a, b] = [new Float64Array(7), new Float64Array(7)];
            spec.bodies.forEach((body, i) => {
              rapier.bodyPose(i, a);
              world.bodyPose(i, b);
              const sign = Math.sign(a[3]! * b[3]! + a[4]! * b[4]! + a[5]! * b[5]! + a[6]! * b[6]!);
              a.forEach((value, k) => {
                expect(b[k]! * (k < 3 ? 1 : sign), `${body.name} pose ${k}`).to.be.closeTo(value, 1e-5);
              });
              rapier.bodyVelocity(i, a);
              world.bodyVelocity(i, b);
              for (let k = 0; k < 6; k++) expect(b[k], `${body.name} velocity ${k}`).to.be.closeTo(a[k]!, 1e-4);
            });
          },
        ),
        { numRuns: 100 },
      );
    });

    it('of a planar joint slide along its axes, then turn', () => {
      const world = make(
        scene({
          bodies: [fixedBody('ground'), dynamicBody('sled', [0, 0, 1])],
          joints: [
            joint('planar', 'root', 'ground', 'sled', {
              axis: [0, 1, 0],
              slideAxes: [
                [1, 0, 0],
                [0, 0, 1],
              ],
              parentAnchor_m: [0, 0, 1.5],
              childAnchor_m: [0, 0, 0.5],
            }),
          ],
        }),
      );
      world.setJoints([3, 2, Math.PI / 2], [0.1, 0.2, 4]);
      const pose = new Float64Array(7);
      const velocity = new Float64Array(6);
      world.bodyPose(1, pose);
      world.bodyVelocity(1, velocity);
      // The anchor at (3, 0, 3.5); a quarter turn about y takes the body's −.5 z to −.5 x; there ω × arm is +4 · .5 along z.
      for (const [i, value] of [2.5, 0, 3.5, 0, Math.SQRT1_2, 0, Math.SQRT1_2].entries()) expect(pose[i]).to.be.closeTo(value, 1e-12);
      for (const [i, value] of [0.1, 0, 2.2, 0, 4, 0].entries()) expect(velocity[i]).to.be.closeTo(value, 1e-12);
    });

    it('of a ball joint turn the child in the frame of its parent, and its velocity is in its own', () => {
      const parent = {
        ...fixedBody('post'),
        pose: { position_m: [1, 0, 0], orientation_xyzw: [0, 0, Math.SQRT1_2, Math.SQRT1_2] } as const,
      };
      const child = dynamicBody('bob', [1, 0, -1]);
      const spec = scene({
        bodies: [parent, { ...child, pose: { position_m: [1, 0, -1], orientation_xyzw: parent.pose.orientation_xyzw } }],
        joints: [joint('ball', 'ball', 'post', 'bob', { childAnchor_m: [0, 0, 1] })],
      });
      const world = make(spec);
      // A quarter turn about the parent's x, which is the world's y: the bob, 1 m below, comes to −x.
      world.setJoints([Math.SQRT1_2, 0, 0, Math.SQRT1_2], [2, 0, 0]);
      const pose = new Float64Array(7);
      const velocity = new Float64Array(6);
      world.bodyPose(1, pose);
      world.bodyVelocity(1, velocity);
      for (const [i, value] of [0, 0, 0, 0.5, 0.5, 0.5, 0.5].entries()) expect(pose[i]).to.be.closeTo(value, 1e-12);
      for (const [i, value] of [0, 0, 2, 0, 2, 0].entries()) expect(velocity[i]).to.be.closeTo(value, 1e-12);
    });
  });

  describe('a free body', () => {
    it('stands and moves as it was set', () => {
      const world = make(
        scene({
          bodies: [dynamicBody('stone', [0, 0, 0], { inertial: { mass_kg: 1, centreOfMass_m: [0.3, 0.2, 0.1], inertia_kgm2: [1, 1, 1] } })],
        }),
      );
      const triple = fc.tuple(rate, rate, rate);
      fc.assert(
        fc.property(triple, unit, triple, triple, (place, turn, moving, turning) => {
          world.setBody(0, [...place, ...turn], [...moving, ...turning]);
          const [pose, velocity] = [new Float64Array(7), new Float64Array(6)];
          world.bodyPose(0, pose);
          world.bodyVelocity(0, velocity);
          expect([...pose]).to.deep.equal([...place, ...turn]);
          [...moving, ...turning].forEach((value, i) => {
            expect(velocity[i]).to.be.closeTo(value, 1e-9);
          });
        }),
      );
    });

    it('is refused to be moved when it is not free', () => {
      const world = make(robot());
      for (const name of ['hand', 'ground'])
        expect(() => world.setBody(world.bodyIndex(name), [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]))
          .to.throw(`'${name}'`)
          .that.satisfies((error: unknown) => isGroundtwinError(error, 'SCENE_INVALID'));
    });
  });

  describe('reset', () => {
    it('leaves no trace of the past, with every kind of joint and sensor, in and out of contact', () => {
      const spec = zoo();
      const [positions, velocities] = rest(spec);
      const [used, fresh] = [make(spec), make(spec)];
      drive(used, new Rng(1), 500);
      everything(used);
      for (const world of [used, fresh]) {
        world.setJoints(positions, velocities);
        world.setBody(world.bodyIndex('brick'), [-1, 0, 0.1, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0.5]);
      }
      expect(everything(used)).to.deep.equal(everything(fresh));
      for (const world of [used, fresh]) drive(world, new Rng(2), 300);
      expect(everything(used)).to.deep.equal(everything(fresh));
      expect(Buffer.compare(used.save(), fresh.save())).to.equal(0);
    });

    it('leaves free bodies where they are', () => {
      const world = make(boxOnPlane());
      world.setBody(1, [1, 2, 3, 0, 0, 0, 1], [4, 5, 6, 0, 0, 0]);
      world.setJoints([], []);
      const [pose, velocity] = [new Float64Array(7), new Float64Array(6)];
      world.bodyPose(1, pose);
      world.bodyVelocity(1, velocity);
      expect([...pose.slice(0, 3), ...velocity.slice(0, 3)]).to.deep.equal([1, 2, 3, 4, 5, 6]);
    });
  });

  describe('reading', () => {
    for (const integrator of ['implicitfast', 'rk4'] as const)
      it(`never changes what follows (${integrator})`, () => {
        const using: MujocoSettings = { step_s: 0.01, integrator };
        const [read, left] = [make(zoo(), using), make(zoo(), using)];
        for (let i = 0; i < 200; i++) {
          for (const world of [read, left]) drive(world, new Rng(i), 1);
          if (i % 3 !== 0) everything(read);
          if (i % 5 === 0) read.save();
        }
        expect(everything(read)).to.deep.equal(everything(left));
      });

    it('gives the same in any order, and after an outside change what was of the last step stays', () => {
      const spec = zoo();
      const [forward, backward] = [make(spec), make(spec)];
      const sensors = spec.sensors!;
      for (const world of [forward, backward]) drive(world, new Rng(3), 60);
      const readings = [forward, backward].map(() => sensors.map(({ kind }) => new Float64Array(sensorSize[kind])));
      everything(forward);
      sensors.forEach((_, i) => {
        forward.readSensor(i, readings[0]![i]!);
      });
      for (let i = sensors.length - 1; i >= 0; i--) backward.readSensor(i, readings[1]![i]!);
      expect(readings[0]).to.deep.equal(readings[1]);
      drive(forward, new Rng(3), 4);
      drive(backward, new Rng(3), 4);
      const float = forward.sensorIndex('float');
      const [expected, kept] = [new Float64Array(6), new Float64Array(6)];
      forward.readSensor(float, expected);
      backward.setBody(backward.bodyIndex('brick'), [5, 5, 5, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]);
      backward.readSensor(float, kept);
      expect([...kept.slice(0, 3)]).to.deep.equal([...expected.slice(0, 3)]);
    });

    it('outlives the growth of the memory that all worlds share', () => {
      const world = make(hangingRod());
      world.setJoints([0.5], [0]);
      const many = Array.from({ length: 40 }, () => make(zoo()));
      expect(world.jointPosition(0)).to.equal(0.5);
      world.setControl(0, 1);
      const again = make(hangingRod());
      again.setJoints([0.5], [0]);
      again.setControl(0, 1);
      for (const one of [world, again]) for (let i = 0; i < 20; i++) one.step();
      expect(everything(world)).to.deep.equal(everything(again));
      expect(many).to.have.length(40);
    });
  });

  describe('saved and loaded', () => {
    it('goes on bit-identically, from moments in and out of contact, whatever the other world did', () => {
      const spec = zoo();
      const original = make(spec);
      const rng = new Rng(5);
      const touch = new Float64Array(6);
      const tail = original.sensorIndex('whole');
      let touching = 0;
      for (let moment = 0; moment < 48; moment++) {
        drive(original, rng, 7);
        const saved = original.save();
        original.readSensor(tail, touch);
        if (touch.some((value) => value !== 0)) touching++;
        const copy = engine.createWorld(spec, settings);
        drive(copy, new Rng(99), moment);
        copy.load(saved);
        // Controls in force are part of the state: none is set here.
        for (let i = 0; i < 20; i++) {
          expect(everything(copy)).to.deep.equal(everything(original));
          copy.step();
          original.step();
        }
        copy.free();
        original.load(saved);
      }
      expect(touching).to.be.within(5, 47);
    });

    it('holds a control that was set and not yet stepped', () => {
      const [world, copy] = [make(cart()), make(cart())];
      world.setControl(0, 4);
      world.step();
      world.setControl(0, -3);
      copy.load(world.save());
      for (const one of [world, copy]) one.step();
      expect(copy.jointVelocity(0)).to.be.closeTo(0.005, 1e-12); // (4 N − 3 N) · .01 s / 2 kg
      expect(everything(copy)).to.deep.equal(everything(world));
    });

    it('gives back the same bytes, from any place in a buffer', () => {
      const world = make(zoo());
      drive(world, new Rng(3), 100);
      const saved = world.save();
      const shifted = new Uint8Array(saved.byteLength + 3);
      shifted.set(saved, 3);
      drive(world, new Rng(4), 50);
      world.load(shifted.subarray(3));
      expect(Buffer.compare(world.save(), saved)).to.equal(0);
    });

    it('refuses bytes that are not its own, and stays usable', () => {
      const world = make(cart());
      drive(world, new Rng(3), 20);
      const before = everything(world);
      const good = world.save();
      const damaged = (change: (numbers: Float64Array) => void): Uint8Array => {
        const bytes = good.slice();
        change(new Float64Array(bytes.buffer));
        return bytes;
      };
      const wrong = [
        new Uint8Array(0),
        new Uint8Array(good.byteLength),
        new Uint8Array(good.byteLength).fill(255),
        good.subarray(0, -8),
        damaged((numbers) => numbers.fill(Number.NaN, 1, 2)),
        damaged((numbers) => numbers.fill(Number.POSITIVE_INFINITY, 3, 4)),
        make(cart({ damping: 1 })).save(),
        make(cart(), { step_s: 0.02 }).save(),
      ];
      for (const bytes of wrong)
        expect(() => world.load(bytes))
          .to.throw()
          .that.satisfies((error: unknown) => isGroundtwinError(error, 'SNAPSHOT_INVALID'));
      expect(everything(world)).to.deep.equal(before);
      world.step();
      expect(world.problem()).to.equal(null);
    });
  });

  describe('gone wrong', () => {
    it('says so after the same step when a control is not a number or too large, and recovers by a reset or a load', () => {
      for (const [spec, value] of [
        [hangingRod(), Number.NaN],
        [zoo(), Number.NaN],
        [zoo(), 1e12],
      ] as const) {
        const world = make(spec);
        const good = world.save();
        expect(world.problem()).to.equal(null);
        const last = spec.actuators.length - 1;
        world.setControl(last, value);
        world.step();
        expect(world.problem()).to.equal(`the control of actuator '${spec.actuators[last]!.name}' is ${value}`);
        world.load(good);
        expect(world.problem()).to.equal(null);
        world.setControl(last, value);
        world.step();
        const [positions, velocities] = rest(spec);
        world.setJoints(positions, velocities);
        expect(world.problem()).to.equal(null);
      }
    });

    it('says so after the step in which a state explodes, and never starts over by itself', () => {
      // A spring far too stiff for the step, integrated explicitly.
      const world = make(cart({ stiffness: 1e9 }), { step_s: 0.01, integrator: 'rk4' });
      world.setJoints([1], [0]);
      let steps = 0;
      while (world.problem() === null && steps < 1000) {
        world.step();
        steps++;
      }
      expect(steps).to.be.within(1, 20);
      expect(world.problem()).to.match(/body 'cart'/);
      const before = world.problem();
      world.step();
      expect(world.problem()).to.not.equal(null);
      expect(before).to.not.equal(null);
      world.setJoints([0], [0]);
      expect(world.problem()).to.equal(null);
      world.step();
      expect(world.problem()).to.equal(null);
    });

    it('says so when it is put where nothing is, and brings a lost free body back by a reset', () => {
      const world = make(hangingRod());
      world.setJoints([Number.NaN], [0]);
      expect(world.problem()).to.match(/body 'rod' is not finite/);
      world.setJoints([0], [Number.POSITIVE_INFINITY]);
      expect(world.problem()).to.match(/body 'rod' is not finite/);
      const box = make(boxOnPlane());
      box.setBody(1, [Number.NaN, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]);
      box.step();
      expect(box.problem()).to.match(/body 'box' is not finite/);
      box.setJoints([], []);
      expect(box.problem()).to.equal(null);
      expect(everything(box)).to.deep.equal(everything(make(boxOnPlane())));
    });

    it('says so when MuJoCo gives up in a step, and recovers by a reset or a load', () => {
      let fails = false;
      const failing = variant({
        mj_step: (model: MjModel, data: MjData) => {
          if (fails) throw new Error('MuJoCo Error: out of\n  stack');
          mujoco.mj_step(model, data);
        },
      });
      const world = new MujocoWorld(failing, cart(), settings as MujocoSettings, engine);
      made.push(world);
      const saved = world.save();
      for (const recover of [() => world.setJoints([0], [0]), () => world.load(saved)]) {
        fails = true;
        world.step();
        expect(world.problem()).to.equal('MuJoCo gave up: out of stack');
        fails = false;
        recover();
        world.step();
        expect(world.problem()).to.equal(null);
      }
    });

    it('says so when there was no memory for all contacts', () => {
      const cramped = variant({
        MjModel: { from_xml_string: (text: string) => mujoco.MjModel.from_xml_string(text.replace(/memory="\d+K"/, 'memory="100K"')) },
      });
      const box = { form: { kind: 'box', halfExtents_m: [0.1, 0.1, 0.1] } } as const;
      const boxes = Array.from({ length: 20 }, (_, i) => dynamicBody(`box ${i}`, [0.3 * i, 0, 0.1], { shapes: [box] }));
      const spec = scene({ bodies: [fixedBody('ground', [{ form: { kind: 'plane' } }]), ...boxes] });
      const [small, roomy] = [new MujocoWorld(cramped, spec, { step_s: 0.01 }, engine), make(spec)];
      made.push(small);
      const saved = small.save();
      for (const world of [small, roomy]) for (let i = 0; i < 3; i++) world.step();
      expect(roomy.problem()).to.equal(null);
      expect(small.problem()).to.equal('there are more contacts than MuJoCo has memory for; it left some out');
      small.load(saved);
      expect(small.problem()).to.equal(null);
      for (let i = 0; i < 3; i++) small.step();
      expect(small.problem()).to.not.equal(null);
      small.setJoints([], []);
      expect(small.problem()).to.equal(null);
    });

    it('refuses names it does not have', () => {
      const world = make(robot());
      for (const call of [
        () => world.jointIndex('elbow'),
        () => world.bodyIndex('head'),
        () => world.actuatorIndex('wrist'),
        () => world.sensorIndex(''),
      ])
        expect(call)
          .to.throw()
          .that.satisfies((error: unknown) => isGroundtwinError(error, 'SCENE_INVALID'));
    });

    it('refuses what MuJoCo refuses, in its words', () => {
      const flat = dynamicBody('flat', [0, 0, 0], { inertial: { mass_kg: 1, inertia_kgm2: [1, 1, 3] } });
      const bouncing = dynamicBody('ball', [0, 0, 0], { shapes: [{ form: { kind: 'sphere', radius_m: 1 }, restitution: 0.5 }] });
      for (const [body, words] of [
        [flat, /MuJoCo refuses it: .*inertia.*body\.flat/],
        [bouncing, /'ball' has a shape with restitution/],
      ] as const)
        expect(() => make(scene({ bodies: [body] })))
          .to.throw(words)
          .that.satisfies((error: unknown) => isGroundtwinError(error, 'SCENE_INVALID'));
    });

    it('says that the engine is missing when the package does not load', async () => {
      const absent = () => Promise.reject(new Error("Cannot find package '@mujoco/mujoco'"));
      const error: unknown = await loadMujoco(absent).catch((caught: unknown) => caught);
      expect(isGroundtwinError(error, 'ENGINE_MISSING')).to.equal(true);
      expect((error as Error).message).to.contain('npm install @mujoco/mujoco');
    });
  });

  describe('memory', () => {
    it('is given back: worlds are counted, and freeing twice is freeing once', () => {
      const world = make(cart());
      make(cart());
      expect(liveMujocoWorlds()).to.equal(others + 2);
      world.free();
      world.free();
      expect(liveMujocoWorlds()).to.equal(others + 1);
      let model: MjModel | undefined;
      const watched = variant({ MjModel: { from_xml_string: (text: string) => (model = mujoco.MjModel.from_xml_string(text)) } });
      new MujocoWorld(watched, cart(), { step_s: 0.01 }, engine).free();
      expect(model?.isDeleted()).to.equal(true);
    });

    it('is given back when there is none for the data of a model', () => {
      const models: MjModel[] = [];
      const full = variant({
        MjModel: {
          from_xml_string: (text: string) => {
            models.push(mujoco.MjModel.from_xml_string(text));
            return models[0];
          },
        },
        MjData: class {
          constructor() {
            throw new Error('MuJoCo Error: Could not allocate memory');
          }
        },
      });
      expect(() => new MujocoWorld(full, cart(), { step_s: 0.01 }, engine)).to.throw('MuJoCo refuses it: Could not allocate memory');
      expect(models.map((model) => model.isDeleted())).to.deep.equal([true]);
      expect(liveMujocoWorlds()).to.equal(others);
    });

    it('does not grow with loads, resets, readings and new worlds', () => {
      const world = make(zoo());
      const [positions, velocities] = rest(zoo());
      const saved = world.save();
      const round = (): void => {
        for (let i = 0; i < 200; i++) {
          world.load(saved);
          world.step();
          everything(world);
          world.problem();
          world.setJoints(positions, velocities);
        }
        for (let i = 0; i < 20; i++) engine.createWorld(zoo(), settings).free();
      };
      for (let i = 0; i < 4; i++) round();
      const before_bytes = process.memoryUsage().rss;
      // 400 worlds of 4 MiB and more would not fit into the 2 GiB there are.
      for (let i = 0; i < 20; i++) round();
      expect((process.memoryUsage().rss - before_bytes) / 2 ** 20, 'MiB').to.be.below(64);
    });

    it('that runs out refuses the next world, and no other', () => {
      const world = make(hangingRod());
      const shapes = Array.from({ length: 1200 }, () => ({ form: { kind: 'sphere', radius_m: 0.1 } }) as const);
      const large = scene({ bodies: [fixedBody('wall', shapes), dynamicBody('stone', [0, 0, 5])] });
      let problem: unknown;
      for (let i = 0; i < 10 && problem === undefined; i++)
        try {
          make(large);
        } catch (error) {
          problem = error;
        }
      expect(isGroundtwinError(problem, 'SCENE_INVALID')).to.equal(true);
      expect((problem as Error).message).to.match(/MuJoCo refuses it: .*memory/);
      world.step();
      expect(world.problem()).to.equal(null);
    });
  });

  describe('hash', () => {
    it('depends on the engine, the scene and the settings', async () => {
      const hash = make(cart()).sceneHash;
      expect(hash).to.match(/^[0-9a-f]{64}$/);
      expect(make(cart()).sceneHash).to.equal(hash);
      expect(make(cart({ damping: 1 })).sceneHash).to.not.equal(hash);
      expect(make(cart(), { step_s: 0.01, cone: 'elliptic' }).sceneHash).to.not.equal(hash);
      const rapier = (await rapierEngine()).createWorld(cart(), settings);
      made.push(rapier);
      expect(rapier.sceneHash).to.not.equal(hash);
    });
  });
});
