import { expect } from 'chai';
import { elementsOf } from '../../../src/gap/paired-rollouts.ts';
import { centreOfMass } from '../../../src/gap/plausibility/energy.ts';
import { energyBalance } from '../../../src/gap/plausibility/energy-residual.ts';
import { collisionErrors, curvature, freeFall, loosePairs } from '../../../src/gap/plausibility/free-flight.ts';
import { overshoot, stretch, unexplainedMotion } from '../../../src/gap/plausibility/kinematics.ts';
import { type Motion, PhysicsProbe } from '../../../src/gap/plausibility/physics-probe.ts';
import { sensorNoise } from '../../../src/gap/plausibility/sensor-noise.ts';
import { accuracy, smallestToldApart, surpriseAt, toldApart } from '../../../src/gap/plausibility/surprise.ts';
import { registry } from '../../../src/index.ts';
import { rapierEngine } from '../../../src/physics/rapier-engine.ts';
import { loadShapeGaps } from '../../../src/physics/shape-gaps.ts';
import type { AnyTask } from '../../../src/task/task.ts';
import { predictedEntries } from '../../../src/world-model/contract.ts';
import { pendulum } from '../pendulums.ts';
import { twoBalls } from './two-balls.ts';

async function motionOf<T>(
  task: AnyTask,
  rows: readonly (readonly number[])[],
  commands: readonly number[],
  use: (motion: Motion) => T,
): Promise<T> {
  const probe = new PhysicsProbe({ task, engine: await rapierEngine(), gapsOf: await loadShapeGaps() }, task.params);
  const motion = probe.motion(rows.length - 1);
  probe.read(new Float64Array(rows[0]!.length), Float64Array.from(rows.flat()), Float64Array.from(commands), motion);
  const used = use(motion);
  probe.close();
  return used;
}

describe('what physics says of a rod on its hinge', () => {
  // A uniform rod of 1 kg and 1 m: inertia 1/3 kg m² about the hinge, centre half a metre up at angle 0; g = 10.
  const energy = (angle: number, velocity: number) => velocity ** 2 / 6 + 5 * Math.cos(angle);

  it('is the energy of its closed form', () =>
    motionOf(
      pendulum,
      [
        [0.4, 3],
        [2, -1],
      ],
      [0],
      ({ kinetic_J, potential_J }) => {
        expect(kinetic_J[0]! + potential_J[0]!).to.be.closeTo(energy(0.4, 3), 1e-5);
        expect(kinetic_J[1]! + potential_J[1]!).to.be.closeTo(energy(2, -1), 1e-5);
      },
    ));

  it('takes the work of its motor, and no more than that', () =>
    motionOf(
      pendulum,
      [
        [3.1, 2],
        [-3.1, 1],
        [-3, 1],
      ],
      [2, 50],
      (motion) => {
        const { residual_J, turnover_J } = energyBalance(motion);
        // The short way through π; a command beyond the motor's 2 N·m is cut.
        const way = 2 * Math.PI - 6.2;
        expect(residual_J[1]).to.be.closeTo(energy(3.1, 1) - energy(3.1, 2) - 2 * way, 1e-5);
        expect(residual_J[2]).to.be.closeTo(energy(3, 1) - energy(3.1, 2) - 2 * (way + 0.1), 1e-5);
        expect(turnover_J).to.be.closeTo(2 * (way + 0.1), 1e-5);
      },
    ));

  it('has no opinion from the first number on that is none', () =>
    motionOf(
      pendulum,
      [
        [0, 0],
        [Number.NaN, 0],
        [0, 0],
      ],
      [0, 0],
      (motion) => {
        expect([...motion.isWhole]).to.deep.equal([1, 0, 1]);
        expect([...energyBalance(motion).residual_J]).to.deep.equal([0, Number.NaN, Number.NaN]);
        expect([...unexplainedMotion(motion)].every(Number.isNaN)).to.equal(true);
      },
    ));

  it('sees a jump that its velocities do not explain', () =>
    motionOf(
      pendulum,
      [
        [0, 2],
        [0.1, 2],
        [0.5, 2],
      ],
      [0, 0],
      (motion) => {
        const strays = unexplainedMotion(motion);
        expect(strays[0]).to.be.below(1e-3);
        // .3 rad too far, half of it at the end of the body; the centre moves 15 cm of 110.
        expect(strays[1]).to.be.closeTo(0.15, 0.002);
        expect(Math.max(...stretch(motion))).to.be.below(1e-6);
      },
    ));
});

it('joint stops are overrun by as much as they are, the short way round', async () => {
  const cart = registry.task('CartPoleSwingUp-v0');
  await motionOf(
    cart,
    [
      [1.8, 0, 0, 0],
      [1.85, 0, 0, 0],
      [-1.9, 0, 0, 0],
    ],
    [0, 0],
    (motion) => {
      const beyond = overshoot(motion);
      [0, 0.05, 0.1].forEach((expected, i) => void expect(beyond[i]).to.be.closeTo(expected, 1e-6));
    },
  );
});

describe('two balls in the air', () => {
  const still = [0, 0, 0, 1];
  const drop = 0.5 * 9.81 * 0.02 ** 2;
  /** Masses 1 and 3, radius .2; they meet in step 2 and part in step 3. */
  const meeting = (after: readonly [number, number]) => {
    const fall = (step: number) => -9.81 * 0.02 * step;
    const row = (step: number, a: number, b: number, va: number, vb: number) => [
      ...[a, 0, -drop * step * step],
      ...[b, 0, -drop * step * step],
      ...still,
      ...[va, 0, fall(step)],
      ...[vb, 0, fall(step)],
    ];
    return [
      row(0, -0.26, 0.26, 2, -1),
      row(1, -0.22, 0.24, 2, -1),
      row(2, -0.2, 0.24, after[0], after[1]),
      row(3, -0.24, 0.26, after[0], after[1]),
    ];
  };
  const errors = (after: readonly [number, number]) =>
    motionOf(twoBalls, meeting(after), [], (motion) => collisionErrors(motion, loosePairs(motion.facts)));

  it('keep their momentum when they meet, or are told how much of it they lose', async () => {
    // Elastic: relative velocity 3 → −3 about the common −.25.
    const [kept] = await errors([-2.5, 0.5]);
    expect(kept).to.be.closeTo(0, 1e-4);
    // Only the first turns round: 1 kg · 4.5 m/s of reduced mass .75 kg · 3 m/s.
    expect((await errors([-2.5, -1]))[0]).to.be.closeTo(2, 1e-3);
    expect(await errors([2, -1]), 'they pass by').to.deep.equal([]);
  });

  it('fall as they should, or by how much they do not', async () => {
    const falls = (factor: number) =>
      Array.from({ length: 6 }, (_, i) => [0, 0, -factor * drop * i * i, 3, 0, -drop * i * i, ...still, 0, 0, 0, 0, 0, 0]);
    const error = (factor: number) => motionOf(twoBalls, falls(factor), [], (motion) => freeFall(motion, [0]).error);
    expect(await error(1)).to.be.closeTo(0, 1e-3);
    expect(await error(0.5)).to.be.closeTo(0.5, 1e-3);
    expect(await error(-1)).to.be.closeTo(2, 1e-3);
  });

  it('have centres that move as their bodies do', () => {
    const out = new Float64Array(6);
    const rod = {
      ...twoBalls.scene(twoBalls.params),
      bodies: [
        {
          name: 'a',
          kind: 'dynamic',
          pose: { position_m: [0, 0, 0] },
          inertial: { mass_kg: 1, inertia_kgm2: [1, 1, 1], centreOfMass_m: [1, 0, 0] },
          shapes: [],
        },
      ],
    } as const;
    centreOfMass(rod, Float64Array.of(5, 0, 0, ...still, 0, 0, 1, 0, 0, 2), 0, out);
    expect([...out]).to.deep.equal([6, 0, 0, 0, 2, 1]);
  });
});

it('curvature is that of the parabola, whatever its start and velocity', () => {
  const path = [0, 1, 2, 3, 4, 5].map((i) => [1 + 2 * i, -i, 7 - 3 * (0.1 * i) ** 2] as const);
  const { acceleration, weight } = curvature(path, 0.1);
  [0, 0, -6].forEach((expected, i) => void expect(acceleration[i]).to.be.closeTo(expected, 1e-9));
  expect(weight).to.be.above(0);
  expect(curvature(path.slice(0, 3), 0.1).weight).to.equal(0);
});

describe('surprise', () => {
  it('is the mean square of errors in sensor noises, angles the short way round', () => {
    const elements = elementsOf(predictedEntries(pendulum));
    const units = { scale: Float64Array.of(1, 4), unit: Float64Array.of(0.1, 2) };
    const surprise = surpriseAt(elements, units, Float64Array.of(3.1, 1), Float64Array.of(-3.1, 3), 0);
    expect(surprise).to.be.closeTo((((2 * Math.PI - 6.2) / 0.1) ** 2 + 1) / 2, 1e-9);
    expect([toldApart(2, 1), toldApart(1, 2), toldApart(1, 1)]).to.deep.equal([1, 0, 0.5]);
  });

  it('has for unit what a sensor tells: of a velocity the difference of two positions', () => {
    const noise = sensorNoise(predictedEntries(pendulum), Float64Array.of(2, 3), 0.05);
    expect(noise[0]).to.be.closeTo(1e-3, 1e-12);
    expect(noise[1]).to.be.closeTo((Math.SQRT2 * 1e-3) / 0.05, 1e-12);
    expect(sensorNoise(predictedEntries(pendulum), Float64Array.of(2, 300), 0.05)[1], 'no better than a position').to.be.closeTo(
      0.15,
      1e-12,
    );
    const alone = predictedEntries(pendulum).filter(({ kind }) => kind === 'angularVelocity');
    expect([...sensorNoise(alone, Float64Array.of(3), 0.05)]).to.deep.equal([0.0015]);
  });

  it('tells apart from the size on at which three of four pairs are right', () => {
    expect(smallestToldApart([1, 2, 4, 8], [0.5, 0.5, 1, 1])).to.be.closeTo(2 ** 1.5, 1e-9);
    expect(smallestToldApart([1, 2, 4], [1, 0.5, 1]), 'a lucky small one does not count').to.be.closeTo(2 ** 1.5, 1e-9);
    expect(smallestToldApart([1, 2, 4], [0.9, 0.9, 0.9])).to.equal(1);
    expect(smallestToldApart([1, 2, 4], [0.5, 0.6, 0.7])).to.equal(8);
    expect(smallestToldApart([1, 2], [Number.NaN, Number.NaN])).to.be.NaN;
    const outcomes = Float64Array.of(1, 1, 1, 1, 1, 1, 0, 0, Number.NaN);
    expect(accuracy(outcomes)).to.equal(0.75);
    expect(accuracy(outcomes.subarray(2)), 'too few pairs').to.be.NaN;
    expect(accuracy(outcomes, [2, 2, 2, 2, 0, 0, 0, 0, 5])).to.equal(1);
  });
});
