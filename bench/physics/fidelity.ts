/**
 * How true an engine is at given settings, against closed forms. Every figure is an error: 0 is exact.
 * World frame: z up; SI units.
 */
import type { PhysicsEngine, PhysicsWorld } from '../../src/core/physics-world.ts';
import type { ActuatorSpec, BodySpec, EngineSettings, JointSpec, SceneSpec, ShapeSpec, Vector3 } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';

export interface Fidelity {
  /** %, period of a point mass on a rod of 1 m that swings ±.1 rad, against the elliptic integral. */
  readonly pendulum_period_pct: number;
  /** %, energy gained or lost by the same, ±.5 rad, in 10 s, of what it swings with. */
  readonly pendulum_energy_pct: number;
  /** degrees, slope at which a box of friction .5 begins to slide, against atan .5. */
  readonly friction_deg: number;
  /** %, of a ball of restitution .8 that falls 1 m: how high it rises, as the speed that would take it there; null where an engine refuses restitution. */
  readonly bounce_pct: number | null;
  /** %, change of momentum in the collision of two free balls of 1 and 3 kg at 2 m/s. */
  readonly momentum_pct: number;
  /** mm, how much less than 2 m the top of ten boxes of .2 m stands at after 3 s. */
  readonly stack_sink_mm: number;
  /** %, of 2 rad/s, velocity that a motor of 50 ms holds on light links after 1 s: a point mass of 1 kg at 1 m, and a rod of 50 g. */
  readonly motor_pct: number;
}

const g = 9.81;
const weightless: Vector3 = [0, 0, 0];

/** @throws what the engine throws, but for a refusal of restitution. */
export function fidelityOf(engine: PhysicsEngine, settings: EngineSettings): Fidelity {
  const run = <T>(spec: SceneSpec, act: (world: PhysicsWorld) => T): T => {
    const world = engine.createWorld(spec, settings);
    try {
      return act(world);
    } finally {
      world.free();
    }
  };
  const { step_s } = settings;
  return {
    pendulum_period_pct: run(pendulum, (world) => periodError(world, 0.1, step_s)),
    pendulum_energy_pct: run(pendulum, (world) => energyError(world, 0.5, step_s)),
    friction_deg: frictionError(engine, settings),
    bounce_pct: bounceError(engine, settings),
    momentum_pct: run(collision, (world) => momentumError(world, step_s)),
    stack_sink_mm: run(stack, (world) => sink(world, step_s)),
    motor_pct: Math.max(...lightLinks.map((spec) => run(spec, (world) => motorError(world, step_s)))),
  };
}

function scene(parts: Partial<SceneSpec>): SceneSpec {
  return { name: 'fidelity', gravity_mps2: [0, 0, -g], bodies: [], joints: [], actuators: [], ...parts };
}

function fixed(shapes: readonly ShapeSpec[] = []): BodySpec {
  return { name: 'ground', kind: 'fixed', pose: { position_m: [0, 0, 0] }, shapes };
}

function body(name: string, position_m: Vector3, mass_kg: number, inertia_kgm2: Vector3, shapes: readonly ShapeSpec[] = []): BodySpec {
  return { name, kind: 'dynamic', pose: { position_m }, inertial: { mass_kg, inertia_kgm2 }, shapes };
}

function hinge(childAnchor_m: Vector3): JointSpec {
  return { name: 'hinge', kind: 'hinge', parent: 'ground', child: 'link', parentAnchor_m: [0, 0, 0], childAnchor_m, axis: [0, 1, 0] };
}

/** Of 1 kg at 1 m; its own inertia is what keeps it a body. */
const bob_kgm2 = 1e-3;
const pendulum = scene({
  bodies: [fixed(), body('link', [0, 0, -1], 1, [bob_kgm2, bob_kgm2, bob_kgm2])],
  joints: [hinge([0, 0, 1])],
});

/** Period of a pendulum by the arithmetic-geometric mean (Carvalhaes and Suppes 2008). */
function exactPeriod_s(amplitude_rad: number): number {
  let [a, b] = [1, Math.cos(amplitude_rad / 2)];
  for (let i = 0; i < 20; i++) [a, b] = [(a + b) / 2, Math.sqrt(a * b)];
  return (2 * Math.PI * Math.sqrt((1 + bob_kgm2) / g)) / a;
}

/** Mean over the swings of 20 s; crossings of the bottom are interpolated. */
function periodError(world: PhysicsWorld, amplitude_rad: number, step_s: number): number {
  world.setJoints([amplitude_rad], [0]);
  const crossings: number[] = [];
  let before = world.jointPosition(0);
  for (let i = 1; i * step_s <= 20; i++) {
    world.step();
    const now = world.jointPosition(0);
    if (before > 0 !== now > 0) crossings.push((i - now / (now - before)) * step_s);
    before = now;
  }
  const period_s = (2 * (crossings.at(-1)! - crossings[0]!)) / (crossings.length - 1);
  return 100 * Math.abs(period_s / exactPeriod_s(amplitude_rad) - 1);
}

function energyError(world: PhysicsWorld, amplitude_rad: number, step_s: number): number {
  const energy_J = () => ((1 + bob_kgm2) * world.jointVelocity(0) ** 2) / 2 + g * (1 - Math.cos(world.jointPosition(0)));
  world.setJoints([amplitude_rad], [0]);
  const before_J = energy_J();
  for (let i = 0; i < Math.round(10 / step_s); i++) world.step();
  return 100 * Math.abs(energy_J() / before_J - 1);
}

const cube: ShapeSpec = { form: { kind: 'box', halfExtents_m: [0.1, 0.1, 0.1] }, friction: 0.5 };
const cube_kgm2 = 1 / 150;

/** Bisects the slope (gravity is turned instead of the ground) above which a box gathers speed. */
function frictionError(engine: PhysicsEngine, settings: EngineSettings): number {
  const gathersSpeed = (slope_rad: number): boolean => {
    const world = engine.createWorld(
      scene({
        gravity_mps2: [g * Math.sin(slope_rad), 0, -g * Math.cos(slope_rad)],
        bodies: [
          fixed([{ form: { kind: 'plane' }, friction: 0.5 }]),
          body('box', [0, 0, 0.1], 1, [cube_kgm2, cube_kgm2, cube_kgm2], [cube]),
        ],
      }),
      settings,
    );
    const speed = new Float64Array(6);
    const after = (time_s: number): number => {
      for (let i = 0; i < Math.round(time_s / settings.step_s); i++) world.step();
      world.bodyVelocity(1, speed);
      return speed[0]!;
    };
    const early = after(2);
    const late = after(10);
    world.free();
    // A creeping box keeps its pace, give or take some hopping; one that slides .1° beyond the angle of friction gains .19 m/s in ten seconds.
    return late - early > 0.05;
  };
  const exact_rad = Math.atan(0.5);
  let [low, high] = [exact_rad - 0.05, exact_rad + 0.05];
  for (let i = 0; i < 10; i++) {
    const middle = (low + high) / 2;
    if (gathersSpeed(middle)) high = middle;
    else low = middle;
  }
  return (180 / Math.PI) * Math.abs((low + high) / 2 - exact_rad);
}

function bounceError(engine: PhysicsEngine, settings: EngineSettings): number | null {
  // Two touching shapes use the mean of their restitutions.
  const ball: ShapeSpec = { form: { kind: 'sphere', radius_m: 0.1 }, restitution: 0.8 };
  const spec = scene({
    bodies: [fixed([{ form: { kind: 'plane' }, restitution: 0.8 }]), body('ball', [0, 0, 1.1], 1, [4e-3, 4e-3, 4e-3], [ball])],
  });
  let world: PhysicsWorld;
  try {
    world = engine.createWorld(spec, settings);
  } catch (error) {
    if (isGroundtwinError(error) && /restitution/.test(error.message)) return null;
    throw error;
  }
  const pose = new Float64Array(7);
  const speed = new Float64Array(6);
  let hasBounced = false;
  let highest_m = 0;
  for (let i = 0; i < Math.round(1.2 / settings.step_s); i++) {
    world.step();
    world.bodyVelocity(1, speed);
    world.bodyPose(1, pose);
    hasBounced ||= speed[2]! > 0;
    // Between two steps it flies as a stone does.
    if (hasBounced) highest_m = Math.max(highest_m, pose[2]! - 0.1 + speed[2]! ** 2 / (2 * g));
  }
  world.free();
  return 100 * Math.abs(Math.sqrt(highest_m) / 0.8 - 1);
}

const collision = scene({
  gravity_mps2: weightless,
  bodies: [
    body('light', [-0.5, 0, 0], 1, [4e-3, 4e-3, 4e-3], [{ form: { kind: 'sphere', radius_m: 0.1 } }]),
    body('heavy', [0, 0.05, 0], 3, [12e-3, 12e-3, 12e-3], [{ form: { kind: 'sphere', radius_m: 0.1 } }]),
  ],
});

function momentumError(world: PhysicsWorld, step_s: number): number {
  world.setJoints([], []);
  world.setBody(0, [-0.5, 0, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 0]);
  for (let i = 0; i < Math.round(1 / step_s); i++) world.step();
  const [light, heavy] = [new Float64Array(6), new Float64Array(6)];
  world.bodyVelocity(0, light);
  world.bodyVelocity(1, heavy);
  const change = [0, 1, 2].map((i) => light[i]! + 3 * heavy[i]! - (i === 0 ? 2 : 0));
  return (100 * Math.hypot(...change)) / 2;
}

const stack = scene({
  bodies: [
    fixed([{ form: { kind: 'plane' } }]),
    ...Array.from({ length: 10 }, (_, i) => body(`box${i}`, [0, 0, 0.1 + 0.2 * i], 1, [cube_kgm2, cube_kgm2, cube_kgm2], [cube])),
  ],
});

function sink(world: PhysicsWorld, step_s: number): number {
  for (let i = 0; i < Math.round(3 / step_s); i++) world.step();
  const pose = new Float64Array(7);
  world.bodyPose(10, pose);
  return 1000 * Math.abs(1.9 - pose[2]!);
}

/** Reaches a speed with a time constant of 50 ms. @param inertia_kgm2 - about the hinge. */
function motor(inertia_kgm2: number): ActuatorSpec {
  return { name: 'motor', kind: 'velocity', joint: 'hinge', damping: inertia_kgm2 / 0.05, maxForce: 50 };
}
const rod = { mass_kg: 0.05, length_m: 0.4 };
const rod_kgm2 = (rod.mass_kg * rod.length_m ** 2) / 12;
const lightLinks: readonly SceneSpec[] = [
  scene({ gravity_mps2: weightless, bodies: pendulum.bodies, joints: pendulum.joints, actuators: [motor(1 + bob_kgm2)] }),
  scene({
    gravity_mps2: weightless,
    bodies: [fixed(), body('link', [0, 0, -rod.length_m / 2], rod.mass_kg, [rod_kgm2, rod_kgm2, 1e-6])],
    joints: [hinge([0, 0, rod.length_m / 2])],
    actuators: [motor(4 * rod_kgm2)],
  }),
];

function motorError(world: PhysicsWorld, step_s: number): number {
  world.setJoints([0], [0]);
  world.setControl(0, 2);
  for (let i = 0; i < Math.round(1 / step_s); i++) world.step();
  return 100 * Math.abs(world.jointVelocity(0) / 2 - 1);
}
