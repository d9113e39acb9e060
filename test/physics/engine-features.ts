/** What every engine must do with each feature of a scene, against closed forms. */
import { expect } from 'chai';
import type { PhysicsEngine, PhysicsWorld } from '../../src/core/physics-world.ts';
import type { EngineSettings, JointSpec, SceneSpec, ShapeSpec } from '../../src/core/scene-spec.ts';
import { boxOnPlane, dynamicBody, fixedBody, gravity_mps2, hangingRod, joint, scene } from './scenes.ts';

export interface Tolerances {
  /** Relative, of motions without contact. */
  readonly motion: number;
  /** Relative, of forces of contact. */
  readonly force: number;
}

const weightless = [0, 0, 0] as const;
/** Of `hangingRod` about its hinge. */
const rodInertia_kgm2 = 1 / 3;
const cube: ShapeSpec = { form: { kind: 'box', halfExtents_m: [0.1, 0.1, 0.1] } };

/** Two rods end to end on hinges about y, floating; the first turns freely about its own end. */
function twoRods(parts: Partial<JointSpec>): SceneSpec {
  const inertial = { mass_kg: 1, inertia_kgm2: [1 / 12, 1 / 12, 1e-3] } as const;
  return scene({
    gravity_mps2: weightless,
    bodies: [fixedBody('base'), dynamicBody('upper', [0, 0, -0.5], { inertial }), dynamicBody('lower', [0, 0, -1.5], { inertial })],
    joints: [
      joint('hinge', 'shoulder', 'base', 'upper', { childAnchor_m: [0, 0, 0.5], axis: [0, 1, 0] }),
      joint('hinge', 'elbow', 'upper', 'lower', { parentAnchor_m: [0, 0, -0.5], childAnchor_m: [0, 0, 0.5], axis: [0, 1, 0], ...parts }),
    ],
    actuators: [{ name: 'torque', kind: 'force', joint: 'elbow', maxForce: 10 }],
  });
}

/** Mocha tests of every feature. @param step_s - of `settings`; fine enough for the tolerances. */
export function hasTheFeatures(engineOf: () => Promise<PhysicsEngine>, settings: EngineSettings, tolerance: Tolerances): void {
  const { step_s } = settings;
  const inWorld = async (spec: SceneSpec, act: (world: PhysicsWorld) => void): Promise<void> => {
    const world = (await engineOf()).createWorld(spec, settings);
    try {
      act(world);
    } finally {
      world.free();
    }
  };
  const run = (world: PhysicsWorld, time_s: number) => {
    for (let i = 0; i < Math.round(time_s / step_s); i++) world.step();
  };
  const near = (value: number, expected: number, share: number = tolerance.motion) =>
    expect(value).to.be.closeTo(expected, Math.max(Math.abs(expected), 1e-3) * share);
  const sensed = (world: PhysicsWorld, name: string, size: number): number[] => {
    const out = new Float64Array(size);
    world.readSensor(world.sensorIndex(name), out);
    return [...out];
  };

  it('resists the acceleration of a joint with its armature', () =>
    inWorld(hangingRod({ armature: 0.5 }, weightless), (world) => {
      world.setControl(0, 1);
      run(world, 0.5);
      near(world.jointVelocity(0), 0.5 / (rodInertia_kgm2 + 0.5));
    }));

  it('gives a motor its gain, up to its force', () => {
    const strong = {
      ...hangingRod({}, weightless),
      actuators: [{ name: 'torque', kind: 'force', joint: 'hinge', maxForce: 2, gain: 4 }],
    } as const;
    return inWorld(strong, (world) => {
      world.setControl(0, 0.25);
      run(world, 0.1);
      near(world.jointVelocity(0), 0.1 / rodInertia_kgm2, 2 * tolerance.motion);
      world.setJoints([0], [0]);
      world.setControl(0, 2);
      run(world, 0.1);
      near(world.jointVelocity(0), 0.2 / rodInertia_kgm2, 2 * tolerance.motion);
    });
  });

  it('loads nothing but the joint with its armature', async () => {
    // A torque on a locked-like elbow: with a rotor far above the links the two rods keep turning as without any torque between them.
    await inWorld(twoRods({ armature: 100 }), (world) => {
      world.setJoints([0, 0], [1, 0]);
      world.setControl(0, 1);
      run(world, 0.3);
      near(world.jointVelocity(1), 0.3 / 100, 0.2);
      near(world.jointVelocity(0), 1, 0.02);
    });
  });

  it('damps a joint exponentially', () =>
    inWorld(hangingRod({ damping: 0.4 }, weightless), (world) => {
      world.setJoints([0], [2]);
      run(world, 1);
      near(world.jointVelocity(0), 2 * Math.exp(-0.4 / rodInertia_kgm2), 2 * tolerance.motion);
    }));

  it('swings on a spring about its rest with the period of its stiffness and inertia', () =>
    inWorld(hangingRod({ stiffness: 12, springRest: 0.3, armature: 0.1 }, weightless), (world) => {
      const period_s = 2 * Math.PI * Math.sqrt((rodInertia_kgm2 + 0.1) / 12);
      world.setJoints([0.5], [0]);
      run(world, period_s / 2);
      expect(world.jointPosition(0)).to.be.closeTo(0.1, 0.02);
      run(world, period_s / 2);
      expect(world.jointPosition(0)).to.be.closeTo(0.5, 0.03);
    }));

  it('holds a joint by dry friction up to its torque, and brakes it beyond', async () => {
    await inWorld(hangingRod({ dryFriction: 0.5 }, weightless), (world) => {
      world.setControl(0, 0.45);
      run(world, 1);
      expect(Math.abs(world.jointPosition(0))).to.be.below(0.02);
    });
    await inWorld(hangingRod({ dryFriction: 0.5 }, weightless), (world) => {
      world.setControl(0, 1.5);
      run(world, 0.5);
      near(world.jointVelocity(0), (0.5 * (1.5 - 0.5)) / rodInertia_kgm2, 4 * tolerance.motion);
    });
  });

  it('tracks a position with a spring and a damper, as far as its force goes', async () => {
    const driven = (maxForce: number): SceneSpec => ({
      ...hangingRod({}, weightless),
      actuators: [{ name: 'servo', kind: 'position', joint: 'hinge', stiffness: 20, damping: 5, maxForce }],
    });
    await inWorld(driven(100), (world) => {
      world.setControl(0, 0.8);
      run(world, 3);
      near(world.jointPosition(0), 0.8);
    });
    await inWorld(driven(0.5), (world) => {
      world.setControl(0, 0.8);
      run(world, 0.3);
      near(world.jointVelocity(0), (0.3 * 0.5) / rodInertia_kgm2, 4 * tolerance.motion);
    });
  });

  it('tracks a velocity, against gravity as far as its force goes', () =>
    inWorld(
      { ...hangingRod({}, weightless), actuators: [{ name: 'motor', kind: 'velocity', joint: 'hinge', damping: 50, maxForce: 20 }] },
      (world) => {
        world.setControl(0, 2);
        run(world, 0.5);
        near(world.jointVelocity(0), 2);
      },
    ));

  it('swings a ball joint as a spherical pendulum', () =>
    inWorld(
      {
        ...hangingRod(),
        joints: [joint('ball', 'ball', 'base', 'rod', { childAnchor_m: [0, 0, 0.5] })],
        actuators: [],
      },
      (world) => {
        // A small tilt about x: half a period later it is on the other side.
        const tilt = 0.1;
        world.setJoints([Math.sin(tilt / 2), 0, 0, Math.cos(tilt / 2)], [0, 0, 0]);
        const half_s = Math.PI * Math.sqrt(rodInertia_kgm2 / (0.5 * gravity_mps2));
        run(world, half_s);
        expect(2 * Math.asin(world.jointPosition(0, 0))).to.be.closeTo(-tilt, 0.005);
        expect(world.jointPosition(0, 1)).to.be.closeTo(0, 1e-3);
      },
    ));

  it('keeps a planar body in its plane and lets it move as thrown', () => {
    const slideAxes = [
      [1, 0, 0],
      [0, 0, 1],
    ] as const;
    return inWorld(
      scene({
        bodies: [fixedBody('world'), dynamicBody('box', [0, 0, 1])],
        joints: [joint('planar', 'root', 'world', 'box', { parentAnchor_m: [0, 0, 1], axis: [0, 1, 0], slideAxes })],
      }),
      (world) => {
        world.setJoints([0.1, 0.2, 0.3], [1, 2, 3]);
        run(world, 0.2);
        near(world.jointPosition(0, 0), 0.1 + 0.2);
        expect(world.jointPosition(0, 1)).to.be.closeTo(0.2 + 2 * 0.2 - (gravity_mps2 * 0.2 ** 2) / 2, 0.02);
        near(world.jointPosition(0, 2), 0.3 + 0.6);
        near(world.jointVelocity(0, 0), 1);
        near(world.jointVelocity(0, 1), 2 - gravity_mps2 * 0.2);
        near(world.jointVelocity(0, 2), 3);
      },
    );
  });

  it('moves welded bodies as the one body they are', async () => {
    // A dumb-bell of two point-like masses, 1 m apart, on a hinge in its middle: m r² each.
    const ball = { mass_kg: 2, inertia_kgm2: [1e-3, 1e-3, 1e-3] } as const;
    await inWorld(
      scene({
        gravity_mps2: weightless,
        bodies: [
          fixedBody('base'),
          dynamicBody('left', [-0.5, 0, 0], { inertial: ball }),
          dynamicBody('right', [0.5, 0, 0], { inertial: ball }),
        ],
        joints: [
          joint('hinge', 'hinge', 'base', 'left', { childAnchor_m: [0.5, 0, 0], axis: [0, 0, 1] }),
          joint('fixed', 'weld', 'left', 'right', { parentAnchor_m: [1, 0, 0] }),
        ],
        actuators: [{ name: 'torque', kind: 'force', joint: 'hinge', maxForce: 5 }],
      }),
      (world) => {
        world.setControl(0, 1);
        run(world, 0.5);
        near(world.jointVelocity(0), 0.5 / (2 * (2 * 0.25 + 1e-3)));
        const pose = new Float64Array(7);
        world.bodyPose(world.bodyIndex('right'), pose);
        expect(Math.hypot(pose[0]!, pose[1]!)).to.be.closeTo(0.5, 1e-3);
      },
    );
  });

  it('lets shapes meet as their groups and masks say, either way round', async () => {
    const falls = async (ground: Partial<ShapeSpec>, box: Partial<ShapeSpec>): Promise<boolean> => {
      let height_m = 0;
      await inWorld(
        scene({
          bodies: [
            fixedBody('ground', [{ form: { kind: 'plane' }, ...ground }]),
            dynamicBody('box', [0, 0, 0.1], { inertial: { mass_kg: 1, inertia_kgm2: [0.01, 0.01, 0.01] }, shapes: [{ ...cube, ...box }] }),
          ],
        }),
        (world) => {
          run(world, 0.5);
          const pose = new Float64Array(7);
          world.bodyPose(1, pose);
          height_m = pose[2]!;
        },
      );
      return height_m < -0.5;
    };
    expect(await falls({ group: 1, mask: 0 }, { group: 0, mask: 1 }), 'met by the mask of one').to.equal(false);
    expect(await falls({ group: 1, mask: 1 }, { group: 2, mask: 2 }), 'strangers').to.equal(true);
    expect(await falls({ group: 1, mask: 2 }, { group: 2, mask: 4 }), 'met by the mask of the other').to.equal(false);
  });

  it('feels weight at rest and nothing in free fall with an IMU', async () => {
    const site = { position_m: [0.05, 0, 0], orientation_xyzw: [Math.SQRT1_2, 0, 0, Math.SQRT1_2] } as const;
    const sensors = [{ name: 'imu', kind: 'imu', body: 'box', site }] as const;
    await inWorld(boxOnPlane({ sensors }), (world) => {
      run(world, 1);
      const [x, y, z, ...turning] = sensed(world, 'imu', 6);
      // The site is turned a quarter about x: the world's z is its y.
      near(y!, gravity_mps2, tolerance.force);
      for (const part of [x!, z!, ...turning]) expect(part).to.be.closeTo(0, 0.05);
    });
    await inWorld(boxOnPlane({ sensors }), (world) => {
      world.setJoints([], []);
      world.setBody(1, [0, 0, 5, 0, 0, 0, 1], [1, 2, 0, 0, 0, 0]);
      run(world, 0.3);
      for (const part of sensed(world, 'imu', 6)) expect(part).to.be.closeTo(0, 0.02);
    });
  });

  it('measures the weight of a box by what touches it, about the box and about the robot', () =>
    inWorld(
      boxOnPlane({
        sensors: [
          { name: 'touch', kind: 'contactWrench', body: 'box' },
          { name: 'whole', kind: 'contactWrench', body: 'box', about: 'robot' },
        ],
      }),
      (world) => {
        run(world, 1);
        for (const name of ['touch', 'whole']) {
          const [x, y, z, ...torque] = sensed(world, name, 6);
          near(z!, 2 * gravity_mps2, tolerance.force);
          for (const part of [x!, y!, ...torque]) expect(part, name).to.be.closeTo(0, 0.2);
        }
      },
    ));

  it('sees as far as the nearest shape of another body with a ray', () =>
    inWorld(
      boxOnPlane({
        sensors: [
          { name: 'down', kind: 'ray', body: 'box', site: { position_m: [0, 0, 0], orientation_xyzw: [1, 0, 0, 0] }, range_m: 10 },
          { name: 'up', kind: 'ray', body: 'box', range_m: 7 },
        ],
      }),
      (world) => {
        world.setJoints([], []);
        world.setBody(1, [0, 0, 3, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]);
        world.step();
        expect(sensed(world, 'down', 1)[0]).to.be.closeTo(3, 0.005);
        expect(sensed(world, 'up', 1)[0]).to.equal(7);
      },
    ));

  it('reads joints and frames as sensors', () =>
    inWorld(
      {
        ...hangingRod({}, weightless),
        sensors: [
          { name: 'angle', kind: 'jointPosition', joint: 'hinge' },
          { name: 'rate', kind: 'jointVelocity', joint: 'hinge' },
          { name: 'tip', kind: 'framePose', body: 'rod', site: { position_m: [0, 0, -0.5] } },
        ],
      },
      (world) => {
        world.setJoints([Math.PI / 2], [0.5]);
        expect(sensed(world, 'angle', 1)[0]).to.be.closeTo(Math.PI / 2, 1e-5);
        expect(sensed(world, 'rate', 1)[0]).to.be.closeTo(0.5, 1e-5);
        const tip = [-1, 0, 0, 0, Math.SQRT1_2, 0, Math.SQRT1_2];
        sensed(world, 'tip', 7).forEach((part, i) => void expect(part).to.be.closeTo(tip[i]!, 1e-5));
      },
    ));

  it('rests a mesh on a face as the box that it is', () => {
    const corners = [-0.1, 0.1].flatMap((x) => [-0.1, 0.1].flatMap((y) => [-0.1, 0.1].flatMap((z) => [x, y, z])));
    const triangles = [0, 1, 3, 0, 3, 2, 4, 6, 7, 4, 7, 5, 0, 4, 5, 0, 5, 1, 2, 3, 7, 2, 7, 6, 0, 2, 6, 0, 6, 4, 1, 5, 7, 1, 7, 3];
    const form = { kind: 'mesh', vertices_m: Float32Array.from(corners), triangles: Uint32Array.from(triangles) } as const;
    return inWorld(
      scene({
        bodies: [
          fixedBody('ground', [{ form: { kind: 'plane' } }]),
          dynamicBody('box', [0, 0, 0.15], { inertial: { mass_kg: 1, inertia_kgm2: [0.01, 0.01, 0.01] }, shapes: [{ form }] }),
        ],
      }),
      (world) => {
        run(world, 1);
        const pose = new Float64Array(7);
        world.bodyPose(1, pose);
        expect(pose[2]).to.be.closeTo(0.1, 0.003);
      },
    );
  });

  it('carries what hangs on a free body when that is moved', () =>
    inWorld(
      scene({
        gravity_mps2: weightless,
        bodies: [dynamicBody('torso', [0, 0, 1]), dynamicBody('leg', [0, 0, 0.5])],
        joints: [joint('hinge', 'hip', 'torso', 'leg', { parentAnchor_m: [0, 0, -0.25], childAnchor_m: [0, 0, 0.25], axis: [0, 1, 0] })],
      }),
      (world) => {
        world.setJoints([Math.PI / 2], [1]);
        world.setBody(0, [3, 2, 1, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0]);
        expect(world.jointPosition(0)).to.be.closeTo(Math.PI / 2, 1e-5);
        const pose = new Float64Array(7);
        world.bodyPose(1, pose);
        // The torso is turned half about z, so the leg, a quarter about its y, points along +x.
        [3 + 0.25, 2, 0.75].forEach((part, i) => void expect(pose[i]).to.be.closeTo(part, 1e-5));
        run(world, 0.1);
        expect(world.problem()).to.equal(null);
      },
    ));
}
