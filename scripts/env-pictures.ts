/** `npm run pictures`: draws envs/<name>/picture.png anew, each environment in a state that shows what it is about. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encode } from 'fast-png';
import type { Camera, PixelArray } from '../src/core/picture.ts';
import { layOut } from '../src/core/state-spec.ts';
import { registry } from '../src/index.ts';
import { TaskPainter } from '../src/task/task-painter.ts';

export interface EnvPicture {
  readonly id: string;
  readonly folder: string;
  /** Default that of `render()`. */
  readonly camera?: string | Camera;
  /** Entries that are not 0: a number, or one an element. */
  readonly state: Readonly<Record<string, number | readonly number[]>>;
}

const fromTheFront = (height_m: number, distance_m: number): Camera => ({
  position_m: [0.25 * distance_m, -distance_m, height_m + 0.3 * distance_m],
  target_m: [0, 0, height_m],
  fieldOfView_rad: 0.7,
});

/** Of an arm that lies in the x–y plane; y is up in the picture. */
const fromAbove = (height_m: number): Camera => ({
  position_m: [0, -0.35 * height_m, height_m],
  target_m: [0, 0, 0],
  fieldOfView_rad: 0.8,
});

/** Of a robot in the x–z plane, from ahead and above. */
const beside = (height_m: number, distance_m: number): Camera => ({
  position_m: [0.45 * distance_m, -0.85 * distance_m, height_m + 0.35 * distance_m],
  target_m: [0, 0, height_m],
  fieldOfView_rad: 0.7,
});

export const envPictures: readonly EnvPicture[] = [
  {
    id: 'CartPoleSwingUp-v0',
    folder: 'cart-pole-swing-up',
    camera: fromTheFront(0.1, 3.5),
    state: { cartPosition_m: 0.3, poleAngle_rad: -0.5 },
  },
  { id: 'CartPole-v0', folder: 'cart-pole', camera: fromTheFront(0.2, 3.5), state: { cartPosition_m: -0.2, poleAngle_rad: 0.12 } },
  { id: 'Pendulum-v0', folder: 'pendulum', camera: fromTheFront(0, 3.6), state: { angle_rad: 0.7 } },
  {
    id: 'InvertedPendulum-v0',
    folder: 'inverted-pendulum',
    camera: fromTheFront(0.25, 2.8),
    state: { cartPosition_m: 0.2, poleAngle_rad: 0.12 },
  },
  {
    id: 'InvertedDoublePendulum-v0',
    folder: 'inverted-double-pendulum',
    camera: fromTheFront(0.5, 3.6),
    state: { cartPosition_m: -0.15, lowerAngle_rad: 0.2, upperAngle_rad: -0.35 },
  },
  {
    id: 'Reacher-v0',
    folder: 'reacher',
    camera: fromAbove(0.8),
    state: { shoulder_rad: 0.5, elbow_rad: 0.9, target_m: [-0.05, 0.14] },
  },
  {
    id: 'Hopper-v0',
    folder: 'hopper',
    camera: beside(0.7, 3.3),
    state: { height_m: 1.12, pitch_rad: 0.15, angles_rad: [-0.1, -0.3, 0.55] },
  },
  {
    id: 'HalfCheetah-v0',
    folder: 'half-cheetah',
    camera: beside(0.5, 2.9),
    state: { height_m: 0.028, pitch_rad: -0.1, angles_rad: [0.6, -0.5, 0.3, -0.6, 0.5, -0.2] },
  },
  {
    id: 'Walker2d-v0',
    folder: 'walker2d',
    camera: beside(0.75, 3.4),
    state: { height_m: 1.176, pitch_rad: 0.15, angles_rad: [-0.05, -0.1, 0.3, -0.5, -0.6, 0.3] },
  },
  {
    id: 'Ant-v0',
    folder: 'ant',
    camera: { position_m: [2.2, -2.6, 2], target_m: [0, 0, 0.35], fieldOfView_rad: 0.7 },
    state: { position_m: [0, 0, 0.55], orientation_xyzw: [0, 0, 0, 1], angles_rad: [0.3, 1, -0.3, -1, 0.3, -1, -0.3, 1] },
  },
  {
    id: 'DmCartPoleSwingUp-v0',
    folder: 'dm-cart-pole-swing-up',
    camera: fromTheFront(1, 4),
    state: { cartPosition_m: -0.3, poleAngle_rad: 1.9 },
  },
  { id: 'DmPendulumSwingUp-v0', folder: 'dm-pendulum-swing-up', camera: fromTheFront(0.6, 2.2), state: { angle_rad: 0.9 } },
  {
    id: 'DmReacherEasy-v0',
    folder: 'dm-reacher',
    camera: fromAbove(0.75),
    state: { shoulder_rad: 0.4, wrist_rad: 1.2, target_m: [-0.06, 0.14] },
  },
  {
    id: 'DmWalkerRun-v0',
    folder: 'dm-walker',
    camera: beside(0.75, 3.4),
    state: { height_m: -0.052, pitch_rad: 0.08, angles_rad: [0.6, -0.4, 0.1, -0.2, -0.6, -0.3] },
  },
  {
    id: 'DmCheetahRun-v0',
    folder: 'dm-cheetah-run',
    camera: beside(0.5, 2.9),
    state: { height_m: -0.076, pitch_rad: -0.1, angles_rad: [0.8, -0.5, -0.6, -0.7, 0.5, -0.2] },
  },
  {
    id: 'DmHopperHop-v0',
    folder: 'dm-hopper-hop',
    camera: beside(0.6, 2.9),
    state: { height_m: -0.18, pitch_rad: 0.1, angles_rad: [0.1, -0.7, 1.2, -0.7] },
  },
];

const width = 384;
const height = 240;
/** Rays a pixel, each way: edges are averaged over them. */
const fineness = 4;

/** The picture as it should stand in the env's folder. */
export async function drawEnv({ id, camera, state }: EnvPicture): Promise<PixelArray<Uint8Array>> {
  const task = registry.task(id);
  const { size, entries } = layOut(task.state);
  const row = new Float64Array(size);
  for (const [name, value] of Object.entries(state)) row.set([value].flat(), entries.find((entry) => entry.name === name)!.offset);
  const painter = new TaskPainter(task, () => registry.engine('rapier'));
  const view = { ...(camera ? { camera } : {}), width: fineness * width, height: fineness * height, shadows: true };
  const fine = await painter.render('rgb_array', { row, params: task.params }, view);
  painter.free();
  return averaged(fine);
}

function averaged({ data }: PixelArray<Uint8Array>): PixelArray<Uint8Array> {
  const sums = new Float64Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const column = Math.floor((pixel % (fineness * width)) / fineness);
    const row = Math.floor(pixel / (fineness * width) / fineness);
    const to = 3 * (row * width + column) + (i % 3);
    sums[to] = sums[to]! + data[i]! / fineness ** 2;
  }
  return { width, height, channels: 3, data: Uint8Array.from(sums, Math.round) };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const picture of envPictures) {
    const file = fileURLToPath(new URL(`../envs/${picture.folder}/picture.png`, import.meta.url));
    writeFileSync(file, encode(await drawEnv(picture)));
  }
