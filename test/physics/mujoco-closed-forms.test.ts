import { expect } from 'chai';
import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import type { JointSpec, MujocoSettings, Quaternion, SceneSpec, SensorSpec, ShapeSpec } from '../../src/core/scene-spec.ts';
import { mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { boxOnPlane, cart, dynamicBody, fixedBody, gravity_mps2, hangingRod, joint, poseOf, scene, velocityOf } from './scenes.ts';

const settings: MujocoSettings = { step_s: 0.002 };
const weightless = [0, 0, 0] as const;

async function withWorld(spec: SceneSpec, run: (world: PhysicsWorld) => void, using = settings): Promise<void> {
  const world = (await mujocoEngine()).createWorld(spec, using);
  try {
    run(world);
  } finally {
    world.free();
  }
}

function pass(world: PhysicsWorld, seconds: number): void {
  for (let i = 0; i < Math.round(seconds / settings.step_s); i++) world.step();
}

function read(world: PhysicsWorld, sensor: string): number[] {
  const out = new Float64Array(7).fill(Number.NaN);
  world.readSensor(world.sensorIndex(sensor), out);
  return [...out].filter((value) => !Number.isNaN(value));
}

function expectClose(got: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(got.length).to.equal(expected.length);
  expected.forEach((value, i) => {
    expect(got[i], `element ${i}`).to.be.closeTo(value, tolerance);
  });
}

/** Mean time between upward crossings of 0, interpolated. */
function measuredPeriod_s(world: PhysicsWorld, duration_s: number): number {
  const crossings: number[] = [];
  let before = world.jointPosition(0);
  for (let i = 1; i * settings.step_s <= duration_s; i++) {
    world.step();
    const now = world.jointPosition(0);
    if (before < 0 && now >= 0) crossings.push((i - now / (now - before)) * settings.step_s);
    before = now;
  }
  return (crossings.at(-1)! - crossings[0]!) / (crossings.length - 1);
}

/** A box of 2 kg, sides .2, .4 and .6 m, centre off its frame. */
function spinning(inertia: readonly [number, number, number]): SceneSpec {
  return scene({ gravity_mps2: weightless, bodies: [dynamicBody('top', [0, 0, 0], { inertial: { mass_kg: 2, inertia_kgm2: inertia } })] });
}

describe('MuJoCo against closed forms: bodies and joints', () => {
  it('drops a body with the acceleration of gravity', () =>
    withWorld(scene({ bodies: [dynamicBody('stone', [0, 0, 0])] }), (world) => {
      pass(world, 1);
      expect(velocityOf(world, 'stone')[2]).to.be.closeTo(-9.81, 1e-9);
      expect(poseOf(world, 'stone')[2]).to.be.closeTo(-4.905, 0.01);
    }));

  it('swings a rod with the period of a physical pendulum, within .1 %', () =>
    withWorld(hangingRod(), (world) => {
      const amplitude_rad = 0.1;
      world.setJoints([amplitude_rad], [0]);
      const small_s = 2 * Math.PI * Math.sqrt(2 / (3 * gravity_mps2));
      expect(measuredPeriod_s(world, 10) / (small_s * (1 + amplitude_rad ** 2 / 16))).to.be.within(0.999, 1.001);
    }));

  it('turns a body free of torques with constant angular momentum, precessing at the rate of Euler', () =>
    withWorld(
      spinning([0.02, 0.02, 0.03]),
      (world) => {
        // A symmetric top: in its own frame its angular velocity turns about z at (I3 − I1) / I1 · ωz = 2 rad/s.
        world.setBody(0, [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 4]);
        for (let i = 0; i < 500; i++) world.step();
        const [pose, velocity] = [poseOf(world, 'top'), velocityOf(world, 'top')];
        const own = turned([-pose[3]!, -pose[4]!, -pose[5]!, pose[6]!], velocity.subarray(3));
        expectClose(own, [Math.cos(2), Math.sin(2), 4], 1e-6);
        const momentum = turned([pose[3]!, pose[4]!, pose[5]!, pose[6]!], [0.02 * own[0]!, 0.02 * own[1]!, 0.03 * own[2]!]);
        expectClose(momentum, [0.02, 0, 0.12], 1e-7);
      },
      { step_s: 0.002, integrator: 'rk4' },
    ));

  it('has principal axes where they were put', () =>
    withWorld(
      scene({
        gravity_mps2: weightless,
        bodies: [
          fixedBody('base'),
          dynamicBody('bar', [0, 0, 0], {
            // The small moment along (1, 0, 1)/√2: about z it is the mean of .1 and .3.
            inertial: {
              mass_kg: 1,
              inertia_kgm2: [0.3, 0.3, 0.1],
              principalAxes_xyzw: [0, Math.sin(Math.PI / 8), 0, Math.cos(Math.PI / 8)],
            },
          }),
        ],
        joints: [joint('hinge', 'axle', 'base', 'bar', { axis: [0, 0, 1] })],
        actuators: [{ name: 'torque', kind: 'force', joint: 'axle', maxForce: 2 }],
      }),
      (world) => {
        world.setControl(0, 0.2);
        pass(world, 1);
        expect(world.jointVelocity(0)).to.be.closeTo(1, 1e-9);
      },
    ));

  it('swings a bob on a ball joint round a cone at the rate of a conical pendulum', () =>
    withWorld(
      scene({
        bodies: [fixedBody('post'), dynamicBody('bob', [0, 0, -1], { inertial: { mass_kg: 1, inertia_kgm2: [1e-6, 1e-6, 1e-6] } })],
        joints: [joint('ball', 'ball', 'post', 'bob', { childAnchor_m: [0, 0, 1] })],
      }),
      (world) => {
        const tilt_rad = 0.5;
        const turning = Math.sqrt(gravity_mps2 / Math.cos(tilt_rad));
        // Leaning to −x, revolving about the world's z, which the bob sees tilted.
        const velocity = [-turning * Math.sin(tilt_rad), 0, turning * Math.cos(tilt_rad)];
        world.setJoints([0, Math.sin(tilt_rad / 2), 0, Math.cos(tilt_rad / 2)], velocity);
        for (let i = 0; i < 500; i++) world.step();
        const [x, y, z] = poseOf(world, 'bob');
        expect(Math.atan2(-y!, -x!)).to.be.closeTo(turning - 2 * Math.PI * Math.round(turning / (2 * Math.PI)), 1e-3);
        expect(z).to.be.closeTo(-Math.cos(tilt_rad), 1e-4);
      },
      { step_s: 0.002, integrator: 'rk4' },
    ));

  it('lets a planar body fall, slide and turn in its plane only, its armature on all three', () => {
    const planar = joint('planar', 'root', 'ground', 'sled', {
      axis: [0, 1, 0],
      slideAxes: [
        [1, 0, 0],
        [0, 0, 1],
      ],
      armature: 1,
    });
    return withWorld(scene({ bodies: [fixedBody('ground'), dynamicBody('sled', [0, 0, 0])], joints: [planar] }), (world) => {
      world.setJoints([0, 0, 0], [2, 0, 3]);
      pass(world, 1);
      expect(world.jointPosition(0, 0)).to.be.closeTo(2, 1e-9);
      expect(world.jointVelocity(0, 1), 'half the weight moves twice the inertia').to.be.closeTo(-gravity_mps2 / 2, 1e-9);
      expect(world.jointPosition(0, 2)).to.be.closeTo(3, 1e-9);
    });
  });

  it('adds armature to what a torque has to turn, and to nothing else', () =>
    withWorld(hangingRod({ armature: 2 / 3 }, weightless), (world) => {
      world.setControl(0, 0.5);
      pass(world, 1);
      expect(world.jointVelocity(0)).to.be.closeTo(0.5 / (1 / 3 + 2 / 3), 1e-9);
    }));

  it('slows a turning rod as exp(−d t / I), and a cart on a spring as a damped oscillator', async () => {
    await withWorld(hangingRod({ damping: 0.2 }, weightless), (world) => {
      world.setJoints([0], [1]);
      pass(world, 1);
      expect(world.jointVelocity(0)).to.be.closeTo(Math.exp(-0.2 * 3), 1e-3);
    });
    await withWorld(cart({ damping: 1.2, stiffness: 50, springRest: 0.3 }), (world) => {
      world.setJoints([1], [0]);
      pass(world, 2);
      const [decay, rate] = [0.3, Math.sqrt(25 - 0.09)];
      const expected = 0.3 + 0.7 * Math.exp(-decay * 2) * (Math.cos(rate * 2) + (decay / rate) * Math.sin(rate * 2));
      expect(world.jointPosition(0)).to.be.closeTo(expected, 0.01);
    });
  });

  it('holds still under less than its dry friction, and slows by friction over mass', () =>
    withWorld(cart({ dryFriction: 4 }), (world) => {
      world.setControl(0, 3.9);
      pass(world, 1);
      expect(Math.abs(world.jointPosition(0))).to.be.below(0.02);
      world.setJoints([0], [3]);
      pass(world, 1);
      expect(world.jointVelocity(0)).to.be.closeTo(3 - 4 / 2, 0.01);
      pass(world, 1);
      expect(Math.abs(world.jointVelocity(0))).to.be.below(1e-3);
    }));

  it('stops at limits, within their softness; a margin acts before them', async () => {
    const reach = async (parts: Partial<JointSpec>): Promise<number> => {
      let reached = 0;
      await withWorld(cart({ limits: [-1, 0.5], ...parts }), (world) => {
        world.setControl(0, 10);
        pass(world, 5);
        reached = world.jointPosition(0);
      });
      return reached;
    };
    expect(await reach({})).to.be.within(0.5, 0.52);
    expect(await reach({ limitCompliance: { margin: 0.2 } })).to.be.within(0.3, 0.45);
    // Given as stiffness k, with impedance d throughout, a stop gives way by (1 − d) · a / k under a push that would accelerate by a = 5 m/s².
    const soft = { solref: [-100, -20], solimp: [0.8, 0.8, 0.001] } as const;
    expect(await reach({ limitCompliance: soft })).to.be.closeTo(0.5 + (0.2 * 5) / 100, 1e-6);
    expect(await reach({ limitCompliance: { ...soft, solref: [-400, -40] } })).to.be.closeTo(0.5 + (0.2 * 5) / 400, 1e-6);
  });
});

describe('MuJoCo against closed forms: actuators', () => {
  it('a force accelerates by force over mass and is clipped', () =>
    withWorld(cart(), (world) => {
      world.setControl(0, 3);
      pass(world, 1);
      expect(world.jointVelocity(0)).to.be.closeTo(1.5, 1e-9);
      world.setJoints([0], [0]);
      world.setControl(0, -1000);
      pass(world, 1);
      expect(world.jointVelocity(0)).to.be.closeTo(-5, 1e-9);
    }));

  it('a position holds a load as far off as its stiffness says, or lets it go beyond its cap', () => {
    const held = (maxForce: number): SceneSpec =>
      scene({
        bodies: [fixedBody('top'), dynamicBody('load', [0, 0, 0])],
        joints: [joint('slide', 'lift', 'top', 'load', { axis: [0, 0, 1] })],
        actuators: [{ name: 'winch', kind: 'position', joint: 'lift', stiffness: 100, damping: 30, maxForce }],
      });
    return Promise.all([
      withWorld(held(50), (world) => {
        world.setControl(0, 1);
        pass(world, 10);
        expect(world.jointPosition(0)).to.be.closeTo(1 - gravity_mps2 / 100, 1e-6);
      }),
      withWorld(held(9), (world) => {
        world.setControl(0, 1);
        pass(world, 1);
        expect(world.jointVelocity(0)).to.be.closeTo(-0.81, 1e-6);
      }),
    ]);
  });

  it('a velocity is approached as exp(−d t / m), under its cap', () => {
    const driven = (maxForce: number): SceneSpec => ({
      ...cart(),
      actuators: [{ name: 'push', kind: 'velocity', joint: 'slide', damping: 4, maxForce }],
    });
    return Promise.all([
      withWorld(driven(100), (world) => {
        world.setControl(0, 2);
        pass(world, 0.5);
        expect(world.jointVelocity(0)).to.be.closeTo(2 * (1 - Math.exp(-1)), 1e-2);
      }),
      withWorld(driven(1), (world) => {
        world.setControl(0, 2);
        pass(world, 1);
        expect(world.jointVelocity(0)).to.be.closeTo(0.5, 1e-9);
      }),
    ]);
  });
});

describe('MuJoCo against closed forms: contacts', () => {
  const sphere = (parts: Partial<ShapeSpec> = {}): ShapeSpec => ({ form: { kind: 'sphere', radius_m: 0.2 }, ...parts });
  /** A ball 5 cm deep in another that stands on nothing. */
  const overlap = (ground: Partial<ShapeSpec>, ball: Partial<ShapeSpec>): SceneSpec =>
    scene({
      gravity_mps2: weightless,
      bodies: [fixedBody('ground', [sphere(ground)]), dynamicBody('ball', [0, 0, 0.35], { shapes: [sphere(ball)] })],
    });
  const isPushed = async (spec: SceneSpec): Promise<boolean> => {
    let pushed = false;
    await withWorld(spec, (world) => {
      pass(world, 0.1);
      pushed = Math.abs(velocityOf(world, 'ball')[2]!) > 1e-6;
    });
    return pushed;
  };

  it('brakes a sliding box with the larger friction times weight', () =>
    withWorld(
      boxOnPlane({
        bodies: [
          fixedBody('ground', [{ form: { kind: 'plane' }, friction: 0.3 }]),
          dynamicBody('box', [0, 0, 0.1], { shapes: [{ form: { kind: 'box', halfExtents_m: [0.1, 0.1, 0.1] }, friction: 0.1 }] }),
        ],
      }),
      (world) => {
        pass(world, 0.2);
        world.setBody(1, poseOf(world, 'box'), [3, 0, 0, 0, 0, 0]);
        pass(world, 0.2);
        expect(velocityOf(world, 'box')[0]).to.be.closeTo(3 - 0.3 * gravity_mps2 * 0.2, 0.02);
      },
    ));

  it('does not brake when neither is rough, and brakes when one is', async () => {
    for (const [isRough, kept] of [
      [false, 3],
      [true, 3 - 0.5 * gravity_mps2 * 0.2],
    ] as const) {
      const spec = boxOnPlane();
      const bodies = spec.bodies.map((body) => ({
        ...body,
        shapes: body.shapes.map((shape) => ({ ...shape, isRough: isRough && body.name === 'box' })),
      }));
      await withWorld({ ...spec, bodies }, (world) => {
        world.setBody(1, poseOf(world, 'box'), [3, 0, 0, 0, 0, 0]);
        pass(world, 0.2);
        expect(velocityOf(world, 'box')[0]).to.be.closeTo(kept, 0.05);
      });
    }
  });

  it('slows a spinning ball by torsional friction, and a rolling one by rolling friction', async () => {
    const spun = async (parts: Partial<ShapeSpec>, velocity: readonly number[]): Promise<Float64Array> => {
      let after: Float64Array = new Float64Array(6);
      const ball = dynamicBody('ball', [0, 0, 0.2], {
        inertial: { mass_kg: 1, inertia_kgm2: [0.016, 0.016, 0.016] },
        shapes: [sphere(parts)],
      });
      await withWorld(scene({ bodies: [fixedBody('ground', [{ form: { kind: 'plane' } }]), ball] }), (world) => {
        pass(world, 0.2);
        world.setBody(1, poseOf(world, 'ball'), velocity);
        pass(world, 0.2);
        after = velocityOf(world, 'ball');
      });
      return after;
    };
    const upright = [0, 0, 0, 0, 0, 10];
    expect((await spun({}, upright))[5]).to.be.closeTo(10, 1e-6);
    // Torque μ · weight over the moment of inertia.
    expect((await spun({ torsionalFriction_m: 0.01 }, upright))[5]).to.be.closeTo(10 - (0.01 * gravity_mps2 * 0.2) / 0.016, 0.1);
    const rolling = [1, 0, 0, 0, 5, 0];
    expect((await spun({}, rolling))[0]).to.be.closeTo(1, 1e-3);
    expect((await spun({ rollingFriction_m: 0.01 }, rolling))[0]).to.be.within(0.8, 0.98);
  });

  it('are between groups and masks that share a bit, either way round', async () => {
    expect(await isPushed(overlap({}, {}))).to.equal(true);
    expect(await isPushed(overlap({ group: 1, mask: 2 }, { group: 4, mask: 8 }))).to.equal(false);
    expect(await isPushed(overlap({ group: 1, mask: 2 }, { group: 4, mask: 9 }))).to.equal(true);
    expect(await isPushed(overlap({ group: 8, mask: 4 }, { group: 4, mask: 0 }))).to.equal(true);
    expect(await isPushed(overlap({ collides: false }, {}))).to.equal(false);
  });

  it('begin at a margin, and give way as their compliance says', async () => {
    const height_m = async (parts: Partial<ShapeSpec>): Promise<number> => {
      let height = 0;
      const ball = dynamicBody('ball', [0, 0, 0.25], { shapes: [sphere(parts)] });
      await withWorld(scene({ bodies: [fixedBody('ground', [{ form: { kind: 'plane' }, ...parts }]), ball] }), (world) => {
        pass(world, 5);
        height = poseOf(world, 'ball')[2]!;
      });
      return height;
    };
    expect(await height_m({})).to.be.within(0.1995, 0.2);
    expect(await height_m({ compliance: { margin: 0.05 } })).to.be.above(0.21);
    // As with stops: (1 − d) · g / k.
    const soft = { solref: [-300, -30], solimp: [0.8, 0.8, 0.001] } as const;
    expect(await height_m({ isRough: false, compliance: soft })).to.be.closeTo(0.2 - (0.2 * gravity_mps2) / 300, 1e-5);
  });

  /** base – a – b – c, boxes that overlap all around the origin; the kinds of the three joints. */
  const chain = (kinds: readonly JointSpec['kind'][], touching: readonly string[]): SceneSpec => {
    const box = { form: { kind: 'box', halfExtents_m: [0.2, 0.2, 0.2] } } as const;
    const names = ['base', 'a', 'b', 'c'].slice(0, kinds.length + 1);
    const shapesOf = (name: string) => (touching.includes(name) ? [box] : []);
    return scene({
      gravity_mps2: weightless,
      bodies: names.map((name, i) =>
        i === 0 ? fixedBody(name, shapesOf(name)) : dynamicBody(name, [0.01 * i, 0.02 * i, 0], { shapes: shapesOf(name) }),
      ),
      joints: kinds.map((kind, i) =>
        joint(kind, `joint ${i}`, names[i]!, names[i + 1]!, { parentAnchor_m: [0.01, 0.02, 0], axis: [0, 0, 1] }),
      ),
      sensors: names.slice(1).map((name) => ({ name, kind: 'contactWrench', body: name })),
    });
  };
  for (const [what, kinds, touching, expected] of [
    ['of two joined bodies never', ['slide', 'slide'], ['a', 'b'], false],
    ['of a body and the fixed one it is joined to', ['slide'], ['base', 'a'], true],
    ['of a body and the one after the next', ['slide', 'slide', 'slide'], ['a', 'c'], true],
    ['within a rigid thing never', ['slide', 'fixed', 'fixed'], ['a', 'b', 'c'], false],
    ['of a body with anything of the rigid thing it is joined to never', ['slide', 'fixed', 'slide'], ['a', 'c'], false],
    ['of a body and the bolted one it is joined to never', ['fixed', 'slide'], ['a', 'b'], false],
    ['of a body and what that is bolted to', ['fixed', 'slide'], ['base', 'b'], true],
  ] as const)
    it(`${what}${expected ? ' are felt' : ''}`, () =>
      withWorld(chain(kinds, touching), (world) => {
        world.step();
        const felt = world.scene.sensors!.some(({ name }) => read(world, name).some((value) => value !== 0));
        expect(felt).to.equal(expected);
      }));

  it('rest a mesh on its face, wherever its corners lie in its frame', () => {
    const corners = [0, 0.4].flatMap((x) => [0, 0.2].flatMap((y) => [0.5, 0.7].map((z) => [x, y, z])));
    const faces = [0, 1, 3, 0, 3, 2, 4, 6, 7, 4, 7, 5, 0, 4, 5, 0, 5, 1, 2, 3, 7, 2, 7, 6, 0, 2, 6, 0, 6, 4, 1, 5, 7, 1, 7, 3];
    const form = { kind: 'mesh', vertices_m: Float32Array.from(corners.flat()), triangles: Uint32Array.from(faces) } as const;
    const block = dynamicBody('block', [0, 0, -0.4], {
      inertial: { mass_kg: 1, centreOfMass_m: [0.2, 0.1, 0.6], inertia_kgm2: [0.01, 0.01, 0.01] },
      shapes: [{ form }],
    });
    return withWorld(scene({ bodies: [fixedBody('ground', [{ form: { kind: 'plane' } }]), block] }), (world) => {
      pass(world, 3);
      expectClose(poseOf(world, 'block'), [0, 0, -0.5, 0, 0, 0, 1], 2e-3);
    });
  });

  it('stand a cylinder and a capsule along z', async () => {
    for (const [kind, height_m] of [
      ['cylinder', 0.5],
      ['capsule', 0.6],
    ] as const) {
      const pillar = dynamicBody('box', [0, 0, height_m + 0.01], { shapes: [{ form: { kind, radius_m: 0.1, halfLength_m: 0.5 } }] });
      await withWorld(boxOnPlane({ bodies: [fixedBody('ground', [{ form: { kind: 'plane' } }]), pillar] }), (world) => {
        pass(world, 0.5);
        expect(poseOf(world, 'box')[2], kind).to.be.closeTo(height_m, 3e-3);
      });
    }
  });
});

describe('MuJoCo against closed forms: sensors', () => {
  it('a wrench at rest is the weight, and in the air there is nothing', () =>
    withWorld(boxOnPlane(), (world) => {
      expect(read(world, 'touch')).to.deep.equal([0, 0, 0, 0, 0, 0]);
      pass(world, 2);
      expectClose(read(world, 'touch'), [0, 0, 2 * gravity_mps2, 0, 0, 0], 1e-3);
      world.setBody(1, [0, 0, 5, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]);
      pass(world, 0.1);
      expect(read(world, 'touch')).to.deep.equal([0, 0, 0, 0, 0, 0]);
    }));

  it('a wrench is what changes momentum and angular momentum in its step, friction included', () =>
    withWorld(boxOnPlane(), (world) => {
      world.setBody(1, [0, 0, 0.15, 0, Math.sin(0.2), 0, Math.cos(0.2)], [3, 0, 0, 0, 1, 0]);
      let touching = 0;
      for (let i = 0; i < 300; i++) {
        const before = velocityOf(world, 'box');
        world.step();
        const after = velocityOf(world, 'box');
        const wrench = read(world, 'touch');
        if (wrench[0]! < -1) touching++;
        const change = (k: number, inertia: number): number => (inertia * (after[k]! - before[k]!)) / settings.step_s;
        expect(wrench[0]).to.be.closeTo(change(0, 2), 1e-6);
        expect(wrench[2]).to.be.closeTo(change(2, 2) + 2 * gravity_mps2, 1e-6);
        expect(wrench[4]).to.be.closeTo(change(4, 0.0133), 1e-6);
      }
      expect(touching).to.be.above(10);
    }));

  it('a wrench is about the body or about the whole robot', () => {
    // Two spheres of 1 kg, 1 m apart, bolted together: each carries its weight, half a metre from the middle.
    const ball = { form: { kind: 'sphere', radius_m: 0.1 } } as const;
    const spec = scene({
      bodies: [
        fixedBody('ground', [{ form: { kind: 'plane' } }]),
        dynamicBody('left', [0, 0, 0.1], { shapes: [ball] }),
        dynamicBody('right', [1, 0, 0.1], { shapes: [ball] }),
      ],
      joints: [joint('fixed', 'rod', 'left', 'right', { parentAnchor_m: [1, 0, 0] })],
      sensors: (['left', 'right'] as const).flatMap((body) =>
        (['body', 'robot'] as const).map((about) => ({ name: `${body} ${about}`, kind: 'contactWrench', body, about }) as const),
      ),
    });
    return withWorld(spec, (world) => {
      pass(world, 2);
      for (const [name, torque] of [
        ['left body', 0],
        ['right body', 0],
        ['left robot', 0.5 * gravity_mps2],
        ['right robot', -0.5 * gravity_mps2],
      ] as const)
        expectClose(read(world, name), [0, 0, gravity_mps2, 0, torque, 0], 0.02);
    });
  });

  it('a torque about the robot is that about the body and force times arm', () => {
    const ball = (radius_m: number): ShapeSpec => ({ form: { kind: 'sphere', radius_m } });
    const about = (['body', 'robot'] as const).map((name) => ({ name, kind: 'contactWrench', body: 'large', about: name }) as const);
    const spec = scene({
      bodies: [
        fixedBody('ground', [{ form: { kind: 'plane' } }]),
        dynamicBody('small', [0, 0, 0.1], { shapes: [ball(0.1)] }),
        dynamicBody('large', [0.7, 0.7, 0.3], { shapes: [ball(0.3)] }),
      ],
      joints: [joint('fixed', 'rod', 'small', 'large', { parentAnchor_m: [0.7, 0.7, 0.2] })],
      sensors: about,
    });
    return withWorld(spec, (world) => {
      world.setBody(1, [0, 0, 0.1, 0, 0, 0, 1], [2, -1, 0, 0, 0, 0.5]);
      for (let i = 0; i < 50; i++) world.step();
      const [small, large] = [poseOf(world, 'small'), poseOf(world, 'large')];
      world.step();
      const [own, whole] = [read(world, 'body'), read(world, 'robot')];
      expect(Math.abs(own[0]!), 'it slides').to.be.above(1);
      const [x, y, z] = [0, 1, 2].map((i) => (large[i]! - small[i]!) / 2) as [number, number, number];
      const [fx, fy, fz] = own as [number, number, number];
      expectClose(whole, [fx, fy, fz, own[3]! + y * fz - z * fy, own[4]! + z * fx - x * fz, own[5]! + x * fy - y * fx], 1e-6);
    });
  });

  it('an imu at rest feels 9.81 up, in free fall nothing, on a wheel the pull to its middle; its axes are the site’s', async () => {
    const tilt: Quaternion = [0, Math.SQRT1_2, 0, Math.SQRT1_2];
    const feel = (parts: Partial<SensorSpec & { kind: 'imu' }> = {}): SensorSpec => ({ name: 'feel', kind: 'imu', body: 'box', ...parts });
    await withWorld(
      boxOnPlane({ sensors: [feel(), { ...feel({ site: { position_m: [0.1, 0, 0], orientation_xyzw: tilt } }), name: 'tilted' }] }),
      (world) => {
        pass(world, 2);
        expectClose(read(world, 'feel'), [0, 0, gravity_mps2, 0, 0, 0], 1e-6);
        // The site's −x is the world's z.
        expectClose(read(world, 'tilted'), [-gravity_mps2, 0, 0, 0, 0, 0], 1e-6);
        world.setBody(1, [0, 0, 5, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]);
        world.step();
        expectClose(read(world, 'feel'), [0, 0, 0, 0, 0, 0], 1e-9);
        world.setBody(1, [0, 0, 5, 0, 0, 0, 1], [0, 0, 0, 1, 2, 3]);
        expectClose(read(world, 'tilted').slice(3), [-3, 2, 1], 1e-9);
      },
    );
    const wheel = {
      ...hangingRod({ axis: [0, 1, 0] }, weightless),
      sensors: [{ name: 'feel', kind: 'imu', body: 'rod', site: { position_m: [0, 0, -0.5] } } as const],
    };
    await withWorld(wheel, (world) => {
      world.setJoints([0.3], [3]);
      pass(world, 0.5);
      // ω² r = 9 m/s² towards the hinge, which is the rod's +z; half a step of turning off it.
      expectClose(read(world, 'feel'), [0, 0, 9, 0, 3, 0], 0.05);
    });
  });

  it('a ray measures to the next shape of another body, or its range', () => {
    const down: Quaternion = [1, 0, 0, 0];
    const spec = boxOnPlane({
      sensors: [
        { name: 'down', kind: 'ray', body: 'box', site: { position_m: [0, 0, 0], orientation_xyzw: down }, range_m: 10 },
        { name: 'short', kind: 'ray', body: 'box', site: { position_m: [0, 0, 0], orientation_xyzw: down }, range_m: 2 },
        { name: 'up', kind: 'ray', body: 'box', range_m: 7 },
        { name: 'onto', kind: 'ray', body: 'ground', site: { position_m: [0, 0, 9], orientation_xyzw: down }, range_m: 20 },
      ],
    });
    return withWorld(spec, (world) => {
      world.setBody(1, [0, 0, 3, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]);
      for (const [name, distance_m] of [
        ['down', 3],
        ['short', 2],
        ['up', 7],
        ['onto', 5.9],
      ] as const)
        expectClose(read(world, name), [distance_m], 1e-9);
    });
  });

  it('a frame pose is that of the site after the step, joint sensors are the coordinates', () => {
    const spec = hangingRod({}, weightless);
    const site = { position_m: [0, 0, -0.5], orientation_xyzw: [0, 0, Math.SQRT1_2, Math.SQRT1_2] } as const;
    const sensors: SensorSpec[] = [
      { name: 'tip', kind: 'framePose', body: 'rod', site },
      { name: 'angle', kind: 'jointPosition', joint: 'hinge' },
      { name: 'rate', kind: 'jointVelocity', joint: 'hinge' },
    ];
    return withWorld({ ...spec, sensors }, (world) => {
      world.setJoints([0], [1]);
      expectClose(read(world, 'tip'), [0, 0, -1, 0, 0, Math.SQRT1_2, Math.SQRT1_2], 1e-9);
      pass(world, 0.5);
      // Turned by half a rad about +y the tip, 1 m below, stands at −x; the site's turn about z comes first.
      const [s, c] = [Math.sin(0.25) * Math.SQRT1_2, Math.cos(0.25) * Math.SQRT1_2];
      expectClose(read(world, 'tip'), [-Math.sin(0.5), 0, -Math.cos(0.5), s, s, c, c], 1e-9);
      expectClose(read(world, 'angle'), [0.5], 1e-9);
      expectClose(read(world, 'rate'), [1], 1e-9);
    });
  });
});

/** v turned by q, by the textbook's formula. */
function turned(q: readonly [number, number, number, number], v: ArrayLike<number>): [number, number, number] {
  const [x, y, z, w] = q;
  const [a, b, c] = [v[0]!, v[1]!, v[2]!];
  return [
    (1 - 2 * (y * y + z * z)) * a + 2 * (x * y - w * z) * b + 2 * (x * z + w * y) * c,
    2 * (x * y + w * z) * a + (1 - 2 * (x * x + z * z)) * b + 2 * (y * z - w * x) * c,
    2 * (x * z - w * y) * a + 2 * (y * z + w * x) * b + (1 - 2 * (x * x + y * y)) * c,
  ];
}
