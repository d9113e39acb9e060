/** `npm run pictures`: draws envs/<name>/picture.png anew, each environment in a state that shows what it is about. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encode } from 'fast-png';
import { layOut } from '../src/core/state-spec.ts';
import { registry } from '../src/index.ts';
import { rapierEngine } from '../src/physics/rapier-engine.ts';
import { type Camera, type Picture, Renderer } from '../src/render/index.ts';
import { BodyPoses } from '../src/task/body-poses.ts';

interface Scene {
  readonly id: string;
  readonly folder: string;
  readonly camera: Camera;
  /** Entries that are not 0. */
  readonly state: Readonly<Record<string, number>>;
}

const fromTheFront = (height_m: number, distance_m: number): Camera => ({
  position_m: [0.25 * distance_m, -distance_m, height_m + 0.3 * distance_m],
  target_m: [0, 0, height_m],
  fieldOfView_rad: 0.7,
});

const scenes: readonly Scene[] = [
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

async function draw({ id, folder, camera, state }: Scene): Promise<void> {
  const task = registry.task(id);
  const world = (await rapierEngine()).createWorld(task.scene(task.params), task.engines.rapier);
  const poses = new BodyPoses(task, world);
  const row = new Float64Array(layOut(task.state).size);
  for (const [name, value] of Object.entries(state)) row[layOut(task.state).entries.find((entry) => entry.name === name)!.offset] = value;
  const renderer = new Renderer(poses.bodies, { camera, width: fineness * width, height: fineness * height, shadows: true });
  const data = averaged(renderer.render(poses.of(row)));
  world.free();
  const file = fileURLToPath(new URL(`../envs/${folder}/picture.png`, import.meta.url));
  writeFileSync(file, encode({ width, height, data, channels: 3 }));
}

function averaged({ rgb }: Picture): Uint8Array {
  const sums = new Float64Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const pixel = Math.floor(i / 3);
    const column = Math.floor((pixel % (fineness * width)) / fineness);
    const row = Math.floor(pixel / (fineness * width) / fineness);
    const to = 3 * (row * width + column) + (i % 3);
    sums[to] = sums[to]! + rgb[i]! / fineness ** 2;
  }
  return Uint8Array.from(sums, Math.round);
}

for (const scene of scenes) await draw(scene);
