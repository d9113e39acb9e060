/** Boxes dropped onto each other: one scene, told to our engines and as MJCF to a native MuJoCo. */
import type { BodySpec, SceneSpec, Vector3 } from '../../src/core/scene-spec.ts';
import { Rng } from '../../src/math/rng.ts';

const half_m = 0.1;
const mass_kg = 1;
const friction = 0.5;
/** Each layer is a grid of so many columns each way. */
const columns = 5;
const spacing_m = 0.22;
const layerHeight_m = 0.3;
const lowest_m = 0.3;
/** How far a box is from its place in the grid, too little to meet its neighbour, and a layer from the one below: boxes come to lie across each other. */
const scatter_m = 0.008;
const shift_m = 0.1;
const g = 9.81;
export const PILE_STEP_s = 1 / 60;

/** Where each box starts, upright, m. */
export function pilePositions(boxes: number, seed: number): Vector3[] {
  const rng = new Rng(seed);
  const within = (most_m: number) => rng.uniform(-most_m, most_m);
  const perLayer = columns ** 2;
  const shifts = Array.from({ length: Math.ceil(boxes / perLayer) }, () => [within(shift_m), within(shift_m)] as const);
  const along = (place: number) => (place - (columns - 1) / 2) * spacing_m + within(scatter_m);
  return Array.from({ length: boxes }, (_, i) => {
    const layer = Math.floor(i / perLayer);
    const [x, y] = [along(i % columns), along(Math.floor(i / columns) % columns)];
    return [x + shifts[layer]![0], y + shifts[layer]![1], lowest_m + layer * layerHeight_m] as const;
  });
}

export function pileScene(boxes: number, seed: number): SceneSpec {
  const moment = (mass_kg * (2 * half_m) ** 2) / 6;
  return {
    name: 'pile',
    gravity_mps2: [0, 0, -g],
    bodies: [
      { name: 'ground', kind: 'fixed', pose: { position_m: [0, 0, 0] }, shapes: [{ form: { kind: 'plane' }, friction }] },
      ...pilePositions(boxes, seed).map(
        (position_m, i): BodySpec => ({
          name: `box${i}`,
          kind: 'dynamic',
          pose: { position_m },
          inertial: { mass_kg, inertia_kgm2: [moment, moment, moment] },
          shapes: [{ form: { kind: 'box', halfExtents_m: [half_m, half_m, half_m] }, friction }],
        }),
      ),
    ],
    joints: [],
    actuators: [],
  };
}

/** The same scene; MuJoCo's own defaults for everything else. */
export function pileMjcf(boxes: number, seed: number): string {
  const box = (position_m: Vector3, i: number) =>
    `<body name="box${i}" pos="${position_m.join(' ')}"><freejoint/><geom type="box" size="${half_m} ${half_m} ${half_m}" mass="${mass_kg}" friction="${friction}"/></body>`;
  return [
    `<mujoco model="pile"><option timestep="${PILE_STEP_s}" gravity="0 0 ${-g}"/><size memory="256M"/><worldbody>`,
    `<geom type="plane" size="0 0 1" friction="${friction}"/>`,
    ...pilePositions(boxes, seed).map(box),
    '</worldbody></mujoco>',
  ].join('\n');
}
