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
  /** Entries that are not 0. */
  readonly state: Readonly<Record<string, number>>;
}

const fromTheFront = (height_m: number, distance_m: number): Camera => ({
  position_m: [0.25 * distance_m, -distance_m, height_m + 0.3 * distance_m],
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
  for (const [name, value] of Object.entries(state)) row[entries.find((entry) => entry.name === name)!.offset] = value;
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
