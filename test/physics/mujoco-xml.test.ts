import loadMujoco, { type MainModule, type MjModel } from '@mujoco/mujoco';
import { expect } from 'chai';
import type { MujocoSettings, SceneSpec } from '../../src/core/scene-spec.ts';
import { sceneXml } from '../../src/physics/mujoco-xml.ts';
import { boxOnPlane, dynamicBody, fixedBody, joint, scene } from './scenes.ts';

/** Numbers that three decimals would spoil. */
const third = 1 / 3;
const tiny = 1 / 7e8;

function everyNumber(): SceneSpec {
  return scene({
    name: 'a "quoted" <name> & more',
    gravity_mps2: [0.1, third, -9.8],
    bodies: [
      { ...fixedBody('world'), pose: { position_m: [third, 2, 3], orientation_xyzw: [0, 0, Math.SQRT1_2, Math.SQRT1_2] } },
      dynamicBody('arm "1"', [third, 2, 3 + third], {
        pose: { position_m: [third, 2, 3 + third], orientation_xyzw: [0, 0, Math.SQRT1_2, Math.SQRT1_2] },
        inertial: {
          mass_kg: third,
          centreOfMass_m: [0.1, tiny, 0.3],
          inertia_kgm2: [0.01, 0.02, 0.025],
          principalAxes_xyzw: [0.5, -0.5, 0.5, 0.5],
        },
        shapes: [
          {
            form: { kind: 'box', halfExtents_m: [0.1, 0.2, third] },
            pose: { position_m: [1, 2, 3], orientation_xyzw: [0.5, 0.5, 0.5, -0.5] },
            friction: third,
            torsionalFriction_m: 0.01,
            rollingFriction_m: 0.001,
            group: 3,
            mask: 65535,
            compliance: { solref: [0.03, 1.1], solimp: [0.8, 0.9, 0.01, 0.4, 3], margin: 0.002 },
          },
          { form: { kind: 'sphere', radius_m: third } },
          { form: { kind: 'capsule', radius_m: 0.1, halfLength_m: third }, isRough: false },
          { form: { kind: 'cylinder', radius_m: 0.1, halfLength_m: third }, torsionalFriction_m: 0.02 },
          { form: { kind: 'sphere', radius_m: 9 }, collides: false },
        ],
      }),
      dynamicBody('free', [0, 0, 9]),
    ],
    joints: [
      joint('hinge', 'elbow', 'world', 'arm "1"', {
        parentAnchor_m: [0, 0, third],
        axis: [0.6, 0, 0.8],
        limits: [-third, 3],
        limitCompliance: { solref: [-1000, -20], solimp: [0.7, 0.8, 0.02], margin: 0.01 },
        damping: tiny,
        armature: third,
        stiffness: 7,
        springRest: -third,
        dryFriction: 0.25,
      }),
    ],
    actuators: [
      { name: 'push', kind: 'force', joint: 'elbow', maxForce: third },
      { name: 'hold', kind: 'position', joint: 'elbow', maxForce: 5, stiffness: 11, damping: third },
      { name: 'turn', kind: 'velocity', joint: 'elbow', maxForce: 6, damping: 13 },
    ],
  });
}

describe('a scene as MJCF', () => {
  let mujoco: MainModule;
  const made: MjModel[] = [];
  const compile = (spec: SceneSpec, settings: MujocoSettings = { step_s: 0.01 }): MjModel => {
    const model = mujoco.MjModel.from_xml_string(sceneXml(spec, settings));
    made.push(model);
    return model;
  };
  before(async () => {
    const silent = (): void => undefined;
    mujoco = await loadMujoco({ print: silent, printErr: silent });
  });
  afterEach(() => {
    for (const model of made.splice(0)) model.delete();
  });

  const is = (got: ArrayLike<number>, expected: readonly number[], what: string): void => {
    expect([...Array.from(got)], what).to.deep.equal([...expected]);
  };

  it('is compiled to exactly the bodies and joints that were asked for', () => {
    const model = compile(everyNumber());
    // The world body of MuJoCo, then ours, children after parents.
    expect([model.nbody, model.njnt, model.ngeom, model.nu, model.nq]).to.deep.equal([4, 2, 4, 3, 8]);
    is(model.body_mass, [0, 0, third, 1], 'mass');
    is(model.body_inertia.slice(6, 9), [0.01, 0.02, 0.025], 'inertia');
    is(model.body_ipos.slice(6, 9), [0.1, tiny, 0.3], 'centre of mass');
    is(model.body_iquat.slice(8, 12), [0.5, 0.5, -0.5, 0.5], 'principal axes');
    is(model.body_pos.slice(3, 9), [third, 2, 3, 0, 0, third], 'places');
    is(model.jnt_axis.slice(0, 3), [0.6, 0, 0.8], 'axis');
    is(model.jnt_range.slice(0, 2), [-third, 3], 'limits');
    is(model.jnt_solref.slice(0, 2), [-1000, -20], 'solref');
    is(model.jnt_solimp.slice(0, 5), [0.7, 0.8, 0.02, 0.5, 2], 'solimp');
    is(model.jnt_margin, [0.01, 0], 'margin');
    is(model.jnt_stiffness, [7, 0], 'stiffness');
    is(model.qpos_spring.slice(0, 1), [-third], 'spring rest');
    is(model.dof_damping, [tiny, 0, 0, 0, 0, 0, 0], 'damping');
    is(model.dof_armature, [third, 0, 0, 0, 0, 0, 0], 'armature');
    is(model.dof_frictionloss, [0.25, 0, 0, 0, 0, 0, 0], 'dry friction');
  });

  it('is compiled to exactly the shapes that were asked for, without those that touch nothing', () => {
    const model = compile(everyNumber());
    is(model.geom_condim, [6, 3, 1, 4], 'dimensions');
    is(model.geom_friction, [third, 0.01, 0.001, 0.5, 0, 0, 0.5, 0, 0, 0.5, 0.02, 0], 'friction');
    is(model.geom_contype, [3, 1, 1, 1], 'group');
    is(model.geom_conaffinity, [65535, 1, 1, 1], 'mask');
    is(model.geom_solref.slice(0, 2), [0.03, 1.1], 'solref');
    is(model.geom_solimp.slice(0, 5), [0.8, 0.9, 0.01, 0.4, 3], 'solimp');
    is(model.geom_margin, [0.002, 0, 0, 0], 'margin');
    is(model.geom_size, [0.1, 0.2, third, third, 0, 0, 0.1, third, 0, 0.1, third, 0], 'sizes');
    is(model.geom_pos.slice(0, 3), [1, 2, 3], 'place');
    is(model.geom_quat.slice(0, 4), [-0.5, 0.5, 0.5, 0.5], 'orientation');
    expect(sceneXml(boxOnPlane(), { step_s: 0.01 })).to.match(/type="plane" size="0 0 1"/);
  });

  it('is compiled to exactly the actuators that were asked for', () => {
    const model = compile(everyNumber());
    const rows = (array: Float64Array, width: number) => [0, 1, 2].map((i) => [...array.slice(i * width, i * width + 3)]);
    expect(rows(model.actuator_gainprm, model.actuator_gainprm.length / 3)).to.deep.equal([
      [1, 0, 0],
      [11, 0, 0],
      [13, 0, 0],
    ]);
    expect(rows(model.actuator_biasprm, model.actuator_biasprm.length / 3)).to.deep.equal([
      [0, 0, 0],
      [0, -11, -third],
      [0, 0, -13],
    ]);
    is(model.actuator_forcerange, [-third, third, -5, 5, -6, 6], 'cap');
    is(model.actuator_ctrlrange, [-third, third, 0, 0, 0, 0], 'only forces are clipped');
  });

  it('takes the settings, and those that are not given as documented', () => {
    const { timestep, integrator, iterations, cone, impratio, disableflags } = compile(everyNumber(), { step_s: third }).opt;
    const { mjINT_IMPLICITFAST, mjINT_RK4 } = mujoco.mjtIntegrator;
    expect([timestep, integrator, iterations, cone, impratio]).to.deep.equal([third, mjINT_IMPLICITFAST.value, 100, 0, 1]);
    expect(disableflags & mujoco.mjtDisableBit.mjDSBL_AUTORESET.value).to.not.equal(0);
    const set = compile(everyNumber(), { step_s: 0.01, integrator: 'rk4', iterations: 7, cone: 'elliptic', impratio: 10 }).opt;
    expect([set.integrator, set.iterations, set.cone, set.impratio]).to.deep.equal([mjINT_RK4.value, 7, 1, 10]);
    is(set.gravity, [0.1, third, -9.8], 'gravity');
  });
});
