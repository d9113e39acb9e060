/** Frames a second of the software renderer: 64 × 64, colours, depth and segments, a floor and 20 bodies that move from frame to frame. */
import type { BodySpec, ShapeForm } from '../../src/core/scene-spec.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { Rng } from '../../src/math/rng.ts';
import { Renderer } from '../../src/render/index.ts';

const side = 64;
const bodyCount = 20;
const frames = 50;
const warmRounds = 10;

export interface RenderFigures {
  /** Frames a second of CPU time, one core. */
  readonly framesPerSecond: number;
  readonly withShadows: number;
  /** sha256 of all frames of one round, of a first and a second renderer. */
  readonly hashes: readonly [string, string];
}

const forms: readonly ShapeForm[] = [
  { kind: 'sphere', radius_m: 0.2 },
  { kind: 'box', halfExtents_m: [0.2, 0.15, 0.2] },
  { kind: 'capsule', radius_m: 0.1, halfLength_m: 0.2 },
  { kind: 'cylinder', radius_m: 0.15, halfLength_m: 0.2 },
];

/** @param rounds - of 50 frames that are timed. */
export function renderBench(rounds = 60): RenderFigures {
  const bodies: Pick<BodySpec, 'name' | 'shapes'>[] = [{ name: 'floor', shapes: [{ form: { kind: 'plane' } }] }];
  for (let i = 0; i < bodyCount; i++) bodies.push({ name: `body ${i}`, shapes: [{ form: forms[i % forms.length]! }] });
  const poses = randomPoses(new Rng(1));
  const renderer = (shadows: boolean) =>
    new Renderer(bodies, {
      camera: { position_m: [0, -4, 2.5], target_m: [0, 0, 0.5], fieldOfView_rad: 0.9 },
      width: side,
      height: side,
      shadows,
    });
  return {
    framesPerSecond: speedOf(renderer(false), poses, rounds),
    withShadows: speedOf(renderer(true), poses, rounds),
    hashes: [hashOf(renderer(false), poses), hashOf(renderer(false), poses)],
  };
}

function randomPoses(rng: Rng): Float64Array[] {
  return Array.from({ length: frames }, () => {
    const poses = [0, 0, 0, 0, 0, 0, 1];
    for (let i = 0; i < bodyCount; i++) {
      const turn = Array.from({ length: 4 }, () => rng.normal());
      const length = Math.hypot(...turn);
      poses.push(rng.uniform(-1.5, 1.5), rng.uniform(-1.5, 1.5), rng.uniform(0.2, 1.5), ...turn.map((value) => value / length));
    }
    return Float64Array.from(poses);
  });
}

function speedOf(renderer: Renderer, poses: readonly Float64Array[], rounds: number): number {
  const play = (count: number) => {
    for (let round = 0; round < count; round++) for (const pose of poses) renderer.render(pose);
  };
  play(warmRounds);
  const before = process.cpuUsage();
  play(rounds);
  const { user, system } = process.cpuUsage(before);
  return (rounds * frames * 1e6) / (user + system);
}

function hashOf(renderer: Renderer, poses: readonly Float64Array[]): string {
  const hashes = poses.map((pose) => {
    const { rgb, depth_m, segments } = renderer.render(pose);
    return [rgb, depth_m, segments].map((part) => sha256Hex(new Uint8Array(part.buffer))).join();
  });
  return sha256Hex(hashes.join());
}
