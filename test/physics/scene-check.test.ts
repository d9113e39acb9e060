import { expect } from 'chai';
import type { BodySpec, EngineSettings, JointSpec, SceneSpec } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { liveRapierWorlds, rapierEngine } from '../../src/physics/rapier-engine.ts';
import { cart, dynamicBody, fixedBody, hangingRod, joint, robot, scene } from './scenes.ts';

const body = (parts: Partial<BodySpec>): SceneSpec => scene({ bodies: [dynamicBody('a', [0, 0, 0], parts)] });
const slide = (parts: Partial<JointSpec>): SceneSpec => cart(parts);
const sphere = (radius_m: number, parts = {}) => body({ shapes: [{ form: { kind: 'sphere', radius_m }, ...parts }] });
const triangle = ['a', 'b', 'c'].map((name) => dynamicBody(name, [0, 0, 0]));

const bad: readonly (readonly [what: string, spec: SceneSpec, message: RegExp, settings?: EngineSettings])[] = [
  ['a step of 0', cart(), /physics step is 0/, { step_s: 0 }],
  ['half an iteration', cart(), /solverIterations is 0.5/, { step_s: 0.01, solverIterations: 0.5 }],
  ['gravity that is not finite', scene({ gravity_mps2: [0, 0, Number.NaN] }), /gravity/],
  ['two bodies of one name', scene({ bodies: [fixedBody('a'), fixedBody('a')] }), /two of its body names are 'a'/],
  ['a joint without a name', slide({ name: '' }), /a joint has no name/],
  [
    'a dynamic body without mass',
    scene({ bodies: [{ name: 'a', kind: 'dynamic', pose: { position_m: [0, 0, 0] }, shapes: [] }] }),
    /no inertial/,
  ],
  ['a mass of 0', body({ inertial: { mass_kg: 0, inertia_kgm2: [1, 1, 1] } }), /mass 0 kg/],
  ['a negative inertia', body({ inertial: { mass_kg: 1, inertia_kgm2: [1, -1, 1] } }), /inertia \[1,-1,1\]/],
  ['a position that is not finite', body({ pose: { position_m: [0, Number.POSITIVE_INFINITY, 0] } }), /position/],
  ['a quaternion of length 2', body({ pose: { position_m: [0, 0, 0], orientation_xyzw: [0, 0, 0, 2] } }), /unit quaternion/],
  ['a sphere of radius 0', sphere(0), /sphere whose sizes are \[0\]/],
  ['a moving plane', body({ shapes: [{ form: { kind: 'plane' } }] }), /plane/],
  ['negative friction', sphere(1, { friction: -1 }), /friction -1/],
  ['restitution that is no number', sphere(1, { restitution: Number.NaN }), /restitution NaN/],
  ['an unknown parent', slide({ parent: 'nobody' }), /parent 'nobody'/],
  ['an unknown child', slide({ child: 'nobody' }), /child 'nobody'/],
  ['a fixed child', slide({ parent: 'cart', child: 'rail' }), /fixed child, 'rail'/],
  ['an axis of length 2', slide({ axis: [2, 0, 0] }), /unit vector/],
  ['negative damping', slide({ damping: -1 }), /damping -1/],
  ['limits the wrong way round', slide({ limits: [1, -1] }), /limits \[1,-1\]/],
  ['limits of a fixed joint', slide({ kind: 'fixed', limits: [0, 1] }), /fixed and cannot have limits/],
  ['a hinge that may turn twice', hangingRod({ limits: [-7, 7] }), /\[−π, π\]/],
  ['anchors apart at rest', slide({ parentAnchor_m: [0.1, 0, 0] }), /anchors are 0.1/],
  [
    'frames not parallel at rest',
    scene({
      bodies: [fixedBody('a'), dynamicBody('b', [0, 0, 0], { pose: { position_m: [0, 0, 0], orientation_xyzw: [0, 0, 1, 0] } })],
      joints: [joint('hinge', 'h', 'a', 'b')],
    }),
    /not parallel/,
  ],
  ['two joints on one child', { ...cart(), joints: [...cart().joints, joint('hinge', 'second', 'rail', 'cart')] }, /closed loops/],
  [
    'a ring of joints',
    scene({ bodies: triangle, joints: [joint('hinge', 'x', 'a', 'b'), joint('hinge', 'y', 'b', 'c'), joint('hinge', 'z', 'c', 'a')] }),
    /cycle/,
  ],
  ['an actuator without a joint', { ...cart(), actuators: [{ name: 'x', kind: 'force', joint: 'none', maxForce: 1 }] }, /'none'/],
  [
    'an actuator on a fixed joint',
    { ...robot(), actuators: [{ name: 'x', kind: 'force', joint: 'bolt', maxForce: 1 }] },
    /'bolt', which is fixed/,
  ],
  ['an actuator without force', { ...cart(), actuators: [{ name: 'x', kind: 'force', joint: 'slide', maxForce: 0 }] }, /maxForce 0/],
  ['a sensor on no body', { ...cart(), sensors: [{ name: 'x', kind: 'contactWrench', body: 'none' }] }, /'none'/],
  ['a sensor on a fixed body', { ...cart(), sensors: [{ name: 'x', kind: 'contactWrench', body: 'rail' }] }, /'rail', which is fixed/],
];

describe('scenes are refused', () => {
  for (const [what, spec, message, settings] of bad)
    it(`with ${what}`, async () => {
      const engine = await rapierEngine();
      const living = liveRapierWorlds();
      expect(() => engine.createWorld(spec, settings ?? { step_s: 0.01 }))
        .to.throw(message)
        .that.satisfies((error: unknown) => isGroundtwinError(error, 'SCENE_INVALID'));
      expect(liveRapierWorlds()).to.equal(living);
    });

  it('only then: the scenes of these tests are fine', async () => {
    const engine = await rapierEngine();
    for (const spec of [cart(), hangingRod(), robot(), sphere(1)]) engine.createWorld(spec, { step_s: 0.01 }).free();
  });
});
