import { expect } from 'chai';
import { checkScene } from '../../src/physics/scene-check.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import {
  joined,
  prefixed,
  shifted,
  withBodies,
  withBody,
  withCameras,
  withGround,
  withParams,
  withSensors,
} from '../../src/scene/compose.ts';

const { scene: hopper } = assetRobot('robots/hopper.xml');
const { scene: pendulum } = assetRobot('robots/dm-pendulum.xml');
const settings = { step_s: 0.002 };
const massOf = (scene: typeof hopper) => scene.bodies.reduce((sum, { inertial }) => sum + (inertial?.mass_kg ?? 0), 0);

describe('composing scenes', () => {
  it('varies masses, frictions, dampings, motors and gravity, and leaves the scene it came from alone', () => {
    const before = structuredClone(hopper);
    const varied = withParams(hopper, { massScale: 2, frictionScale: 0.5, dampingScale: 3, motorScale: 0.1, gravity_mps2: 5 });
    checkScene(varied, settings);
    expect(massOf(varied)).to.be.closeTo(2 * massOf(hopper), 1e-12);
    expect(varied.bodies[1]!.inertial!.inertia_kgm2[0]).to.equal(2 * hopper.bodies[1]!.inertial!.inertia_kgm2[0]);
    expect(varied.bodies.map(({ shapes }) => shapes[0]!.friction)).to.deep.equal([0.5, 0.45, 0.45, 0.45, 1]);
    expect(varied.joints.map(({ damping }) => damping)).to.deep.equal([undefined, 3, 3, 3]);
    expect(varied.joints.map(({ armature }) => armature)).to.deep.equal([undefined, 1, 1, 1]);
    expect(varied.actuators.map(({ maxForce }) => maxForce)).to.deep.equal([20, 20, 20]);
    expect(varied.gravity_mps2).to.deep.equal([0, 0, -5]);
    expect(hopper).to.deep.equal(before);
  });

  it('changes nothing at scales of 1', () => expect(withParams(hopper, {})).to.deep.equal(hopper));

  it('puts a ground into the world, or a world under a scene that has none', () => {
    const bare = { ...hopper, bodies: hopper.bodies.slice(1), joints: hopper.joints.slice(1) };
    for (const scene of [hopper, bare]) {
      const grounded = withGround(scene, { height_m: -0.5, friction: 0.3 });
      checkScene(grounded, settings);
      expect(grounded.bodies[0]!.name).to.equal('world');
      expect(grounded.bodies[0]!.shapes.at(-1)).to.deep.include({
        form: { kind: 'plane' },
        friction: 0.3,
        pose: { position_m: [0, 0, -0.5] },
      });
      expect(grounded.bodies.length).to.equal(hopper.bodies.length);
    }
  });

  it('adds bodies, sensors and cameras, and changes one body', () => {
    const ball = {
      name: 'ball',
      kind: 'dynamic' as const,
      pose: { position_m: [1, 0, 1] as const },
      inertial: { mass_kg: 1, inertia_kgm2: [0.1, 0.1, 0.1] as const },
      shapes: [],
    };
    const scene = withCameras(withSensors(withBodies(hopper, [ball]), [{ name: 'wrench', kind: 'contactWrench', body: 'foot' }]), [
      { name: 'top', position_m: [0, 0, 5], target_m: [0, 0, 0], fieldOfView_rad: 1 },
    ]);
    checkScene(scene, settings);
    expect([scene.bodies.length, scene.sensors?.length, scene.cameras?.length]).to.deep.equal([6, 1, 2]);
    expect(withBody(scene, 'ball', (body) => ({ ...body, shapes: [] })).bodies.at(-1)!.shapes).to.deep.equal([]);
    expect(() => withBody(scene, 'nobody', (body) => body)).to.throw(/no body 'nobody'/);
  });

  it('sets two robots side by side under one world', () => {
    const two = joined(
      'pair',
      prefixed(hopper, 'left/'),
      shifted(prefixed(hopper, 'right/'), [0, 3, 0]),
      shifted(prefixed(pendulum, 'p/'), [1, 0, 0]),
    );
    checkScene(two, settings);
    expect(two.bodies.map(({ name }) => name).slice(0, 6)).to.deep.equal([
      'world',
      'left/torso',
      'left/thigh',
      'left/shank',
      'left/foot',
      'right/torso',
    ]);
    expect(two.bodies[0]).to.deep.equal(hopper.bodies[0]);
    expect(two.bodies[5]!.pose.position_m).to.deep.equal([0, 3, 1.25]);
    expect(two.actuators.map(({ joint }) => joint)).to.include('right/knee');
    expect(two.cameras!.find(({ name }) => name === 'p/side')!.position_m).to.deep.equal([1, -1.5, 0.6]);
  });

  it('refuses to join scenes whose names meet', () => {
    expect(() => joined('pair', hopper, hopper)).to.throw(/two of the joined scenes have a 'torso'/);
  });
});
