import { expect } from 'chai';
import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import type { BodySpec, EngineSettings, SceneSpec } from '../../src/core/scene-spec.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { boxOnPlane, cart, dynamicBody, fixedBody, gravity_mps2, hangingRod, joint, poseOf, scene, velocityOf } from './scenes.ts';

const settings: EngineSettings = { step_s: 0.01, solverIterations: 4 };

async function withWorld(spec: SceneSpec, run: (world: PhysicsWorld) => void, using: EngineSettings = settings): Promise<void> {
  const world = (await rapierEngine()).createWorld(spec, using);
  try {
    run(world);
  } finally {
    world.free();
  }
}

function steps(world: PhysicsWorld, count: number): void {
  for (let i = 0; i < count; i++) world.step();
}

function readTouch(world: PhysicsWorld): Float64Array {
  const out = new Float64Array(6);
  world.readSensor(world.sensorIndex('touch'), out);
  return out;
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

describe('Rapier against closed forms', () => {
  it('swings a rod with the period of a physical pendulum, within .1 %', () =>
    withWorld(hangingRod(), (world) => {
      const amplitude_rad = 0.1;
      world.setJoints([amplitude_rad], [0]);
      const small_s = 2 * Math.PI * Math.sqrt(2 / (3 * gravity_mps2));
      const exact_s = small_s * (1 + amplitude_rad ** 2 / 16);
      expect(measuredPeriod_s(world, 10) / exact_s).to.be.within(0.999, 1.001);
    }));

  it('never gains energy in a wide swing, and loses under 2 % of m g l in a period', () =>
    withWorld(hangingRod(), (world) => {
      world.setJoints([Math.PI / 2], [0]);
      const energy_J = () => world.jointVelocity(0) ** 2 / 6 - (gravity_mps2 / 2) * Math.cos(world.jointPosition(0));
      const before = energy_J();
      steps(world, 193); // one period of a swing of ±90° is 1.93 s
      expect(energy_J() - before).to.be.within(-0.02 * gravity_mps2, 1e-3);
    }));

  it('drops a body with the acceleration of gravity', () =>
    withWorld(scene({ bodies: [dynamicBody('stone', [0, 0, 0])] }), (world) => {
      steps(world, 100);
      expect(velocityOf(world, 'stone')[2]).to.be.closeTo(-9.81, 1e-4);
      expect(poseOf(world, 'stone')[2]).to.be.closeTo(-4.905, 0.02);
    }));

  it('accelerates a cart by force over mass, and clips the force', () =>
    withWorld(cart(), (world) => {
      world.setControl(0, 3);
      steps(world, 100);
      expect(world.jointVelocity(0)).to.be.closeTo(1.5, 1e-4);
      world.setJoints([0], [0]);
      world.setControl(0, -1000);
      steps(world, 100);
      expect(world.jointVelocity(0)).to.be.closeTo(-5, 1e-3);
      expect(world.jointPosition(0)).to.be.closeTo(-2.5, 0.03);
    }));

  it('turns a rod by torque over its moment of inertia about the hinge', () =>
    withWorld(hangingRod({}, [0, 0, 0]), (world) => {
      world.setControl(0, 0.5);
      steps(world, 100);
      expect(world.jointVelocity(0)).to.be.closeTo(1.5, 0.015); // .5 N·m · 1 s / (1/3 kg·m²)
    }));

  /** 1 kg and 3 kg floating free, the second `aside` metres off the line through the first along which it slides. */
  const pair = (aside: number) =>
    scene({
      gravity_mps2: [0, 0, 0],
      bodies: [
        dynamicBody('left', [0, 0, 0]),
        dynamicBody('right', [0.5, aside, 0], { inertial: { mass_kg: 3, inertia_kgm2: [0.1, 0.1, 0.1] } }),
      ],
      joints: [joint('slide', 'slide', 'left', 'right', { parentAnchor_m: [0.5, aside, 0] })],
      actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: 10 }],
    });

  it('pushes child and parent apart by force over reduced mass', () =>
    withWorld(pair(0), (world) => {
      world.setControl(0, 2);
      steps(world, 50);
      expect(world.jointVelocity(0)).to.be.closeTo(2 * 0.5 * (1 / 1 + 1 / 3), 1e-3);
    }));

  it('makes no momentum and no angular momentum from an inner force', () =>
    withWorld(pair(0.3), (world) => {
      world.setControl(0, 2);
      steps(world, 50);
      const [left, right] = [velocityOf(world, 'left'), velocityOf(world, 'right')];
      const [here, there] = [poseOf(world, 'left'), poseOf(world, 'right')];
      const spin = (mass_kg: number, pose: Float64Array, v: Float64Array) => mass_kg * (pose[0]! * v[1]! - pose[1]! * v[0]!);
      expect(Math.abs(left[5]!), 'the pair does turn').to.be.above(0.3);
      expect(left[0]! + 3 * right[0]!).to.be.closeTo(0, 1e-4);
      expect(spin(1, here, left) + spin(3, there, right) + 0.01 * left[5]! + 0.1 * right[5]!).to.be.closeTo(0, 0.005);
    }));

  it('slows a turning rod as exp(−d t / I) and a cart as exp(−d t / m)', async () => {
    await withWorld(hangingRod({ damping: 0.2 }, [0, 0, 0]), (world) => {
      world.setJoints([0], [1]);
      steps(world, 100);
      expect(world.jointVelocity(0)).to.be.closeTo(Math.exp(-0.2 * 3), 0.01);
    });
    await withWorld(cart({ damping: 1.5 }), (world) => {
      world.setJoints([0], [2]);
      steps(world, 100);
      expect(world.jointVelocity(0)).to.be.closeTo(2 * Math.exp(-0.75), 0.01);
    });
  });

  it('stops at the limits of slides and hinges', async () => {
    await withWorld(cart({ limits: [-1, 0.5] }), (world) => {
      for (const [push, limit] of [
        [10, 0.5],
        [-10, -1],
      ] as const) {
        world.setControl(0, push);
        steps(world, 300);
        expect(world.jointPosition(0)).to.be.closeTo(limit, 0.002);
      }
    });
    await withWorld(hangingRod({ limits: [-0.3, 2] }), (world) => {
      world.setJoints([1.5], [0]);
      let lowest = 0;
      for (let i = 0; i < 300; i++) {
        world.step();
        lowest = Math.min(lowest, world.jointPosition(0));
      }
      expect(lowest).to.be.within(-0.32, -0.29);
    });
  });

  it('carries a resting box with exactly its weight', () =>
    withWorld(boxOnPlane(), (world) => {
      steps(world, 100);
      const wrench = readTouch(world);
      expect(wrench[2]).to.be.closeTo(2 * gravity_mps2, 0.02);
      for (const i of [0, 1, 3, 4, 5]) expect(wrench[i], `element ${i}`).to.be.closeTo(0, 0.01);
    }));

  it('brakes a sliding box with friction times weight, at the ground', () =>
    withWorld(boxOnPlane(), (world) => {
      steps(world, 50);
      world.setBody(world.bodyIndex('box'), poseOf(world, 'box'), [3, 0, 0, 0, 0, 0]);
      steps(world, 20);
      const wrench = readTouch(world);
      expect(wrench[0]).to.be.closeTo(-0.5 * 2 * gravity_mps2, 0.1);
      expect(wrench[2]).to.be.closeTo(2 * gravity_mps2, 0.1);
      // It slides without tipping: pressure and friction balance about the centre of mass.
      expect(wrench[4]).to.be.closeTo(0, 0.05);
    }));

  it('feels nothing in the air', () =>
    withWorld(boxOnPlane(), (world) => {
      world.setBody(world.bodyIndex('box'), [0, 0, 5, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]);
      steps(world, 10);
      expect([...readTouch(world)]).to.deep.equal([0, 0, 0, 0, 0, 0]);
    }));

  it('bounces a ball of restitution .8 back to .64 of its height', () => {
    const shape = { form: { kind: 'sphere', radius_m: 0.1 }, restitution: 0.8 } as const;
    const bouncing = scene({
      bodies: [fixedBody('ground', [{ form: { kind: 'plane' }, restitution: 0.8 }]), dynamicBody('ball', [0, 0, 1.1], { shapes: [shape] })],
    });
    return withWorld(
      bouncing,
      (world) => {
        let highest_m = 0;
        for (let i = 0; i < 800; i++) {
          world.step();
          if (i > 460) highest_m = Math.max(highest_m, poseOf(world, 'ball')[2]! - 0.1);
        }
        expect(highest_m).to.be.closeTo(0.64, 0.02);
      },
      { step_s: 0.001, solverIterations: 4 },
    );
  });

  it('stands a cylinder and a capsule along z', () => {
    const upright = (form: 'cylinder' | 'capsule') =>
      boxOnPlane({
        bodies: [
          fixedBody('ground', [{ form: { kind: 'plane' } }]),
          dynamicBody('box', [0, 0, 0.6], { shapes: [{ form: { kind: form, radius_m: 0.1, halfLength_m: 0.5 } }] }),
        ],
      });
    const height_m = { cylinder: 0.5, capsule: 0.6 };
    return Promise.all(
      (['cylinder', 'capsule'] as const).map((form) =>
        withWorld(upright(form), (world) => {
          steps(world, 60);
          expect(poseOf(world, 'box')[2], form).to.be.closeTo(height_m[form], 0.003);
        }),
      ),
    );
  });

  it('lets shapes of joined bodies overlap without touching, unless one of them is fixed', async () => {
    const box = { form: { kind: 'box', halfExtents_m: [0.2, 0.2, 0.2] } } as const;
    const overlapping = (base: BodySpec) =>
      scene({
        gravity_mps2: [0, 0, 0],
        bodies: [base, dynamicBody('box', [0.1, 0, 0], { shapes: [box] })],
        joints: [joint('hinge', 'hinge', 'base', 'box', { childAnchor_m: [-0.1, 0, 0], axis: [0, 0, 1] })],
        sensors: [{ name: 'touch', kind: 'contactWrench', body: 'box' }],
      });
    await withWorld(overlapping(dynamicBody('base', [0, 0, 0], { shapes: [box] })), (world) => {
      steps(world, 20);
      expect([...readTouch(world)]).to.deep.equal([0, 0, 0, 0, 0, 0]);
      expect(world.jointPosition(0)).to.be.closeTo(0, 1e-6);
    });
    await withWorld(overlapping(fixedBody('base', [box])), (world) => {
      steps(world, 1);
      expect([...readTouch(world)].some((part) => Math.abs(part) > 1)).to.equal(true);
    });
  });
});
