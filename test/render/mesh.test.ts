import { expect } from 'chai';
import type { Camera, Picture } from '../../src/core/picture.ts';
import type { ShapeForm } from '../../src/core/scene-spec.ts';
import { Rng } from '../../src/math/rng.ts';
import { type DrawnBody, Renderer, type RenderOptions } from '../../src/render/index.ts';
import { boxesAsMesh, type MeshForm } from './meshes.ts';

const front: Camera = { position_m: [0, -4, 0], target_m: [0, 0, 0], fieldOfView_rad: Math.PI / 2 };
const still = [0, 0, 0, 0, 0, 0, 1];
const size = 48;

function body(...forms: ShapeForm[]): DrawnBody {
  return { name: 'body', shapes: forms.map((form) => ({ form, colour: '#ff8040' })) };
}

function look(bodies: DrawnBody[], poses: readonly number[], options: Partial<RenderOptions> = {}): Picture {
  return new Renderer(bodies, { camera: front, width: size, height: size, ...options }).render(Float64Array.from(poses));
}

function randomPose(rng: Rng): number[] {
  const q = Array.from({ length: 4 }, () => rng.normal());
  const norm = Math.hypot(...q);
  return [rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-0.5, 1), ...q.map((value) => value / norm)];
}

/** Pixels where one picture shows something else than the other. */
function differing(a: Picture, b: Picture): number {
  let count = 0;
  for (let i = 0; i < a.segments.length; i++) {
    const near = a.depth_m[i] === b.depth_m[i] || Math.abs(a.depth_m[i]! - b.depth_m[i]!) < 1e-5 * a.depth_m[i]!;
    const alike = [0, 1, 2].every((k) => Math.abs(a.rgb[3 * i + k]! - b.rgb[3 * i + k]!) <= 1);
    if (a.segments[i] !== b.segments[i] || !near || !alike) count++;
  }
  return count;
}

/** Möller and Trumbore 1997, one-sided: another way to the same picture. */
function meetTriangle(corners: readonly number[][], origin: readonly number[], direction: readonly number[]): number {
  const minus = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value - b[i]!);
  const dot = (a: readonly number[], b: readonly number[]) => a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
  const cross = (a: readonly number[], b: readonly number[]) => [
    a[1]! * b[2]! - a[2]! * b[1]!,
    a[2]! * b[0]! - a[0]! * b[2]!,
    a[0]! * b[1]! - a[1]! * b[0]!,
  ];
  const [ab, ac] = [minus(corners[1]!, corners[0]!), minus(corners[2]!, corners[0]!)];
  const p = cross(direction, ac);
  const determinant = dot(ab, p);
  if (determinant <= 0) return Number.POSITIVE_INFINITY;
  const offset = minus(origin, corners[0]!);
  const [u, q] = [dot(offset, p) / determinant, cross(offset, ab)];
  const v = dot(direction, q) / determinant;
  const t = dot(ac, q) / determinant;
  return u >= 0 && v >= 0 && u + v <= 1 && t > 0 ? t : Number.POSITIVE_INFINITY;
}

function soup(rng: Rng, triangles: number): MeshForm {
  const vertices: number[] = [];
  for (let triangle = 0; triangle < triangles; triangle++) {
    const middle = [rng.uniform(-4, 4), rng.uniform(-7, 3), rng.uniform(-4, 4)];
    for (let i = 0; i < 9; i++) vertices.push(middle[i % 3]! + rng.uniform(-1.5, 1.5));
  }
  return { kind: 'mesh', vertices_m: Float32Array.from(vertices), triangles: Uint32Array.from({ length: 3 * triangles }, (_, i) => i) };
}

describe('meshes', () => {
  it('given as a box look like a box, shadows too: 40 poses', () => {
    const rng = new Rng(3);
    let wrong = 0;
    for (let round = 0; round < 40; round++) {
      const half = [0.25, 0.5, 0.75] as const;
      const poses = [0, 0, -1.5, 0, 0, 0, 1, ...randomPose(rng)];
      const options = { shadows: round % 2 === 0 };
      const box = look([body({ kind: 'plane' }), body({ kind: 'box', halfExtents_m: half })], poses, options);
      expect(box.segments.includes(1)).to.equal(true);
      wrong += differing(box, look([body({ kind: 'plane' }), body(boxesAsMesh({ half }))], poses, options));
    }
    expect(wrong / (40 * size * size)).to.be.below(0.0005);
  });

  it('that are not convex shade themselves: two boxes in one mesh look like two', () => {
    const camera: Camera = { position_m: [2, -3, 3], target_m: [0, 0, 0.5], fieldOfView_rad: 1 };
    const table = { half: [1, 1, 0.125] };
    const block = { half: [0.25, 0.25, 0.25], at: [-0.5, -0.25, 0.625] };
    const boxes: DrawnBody = {
      name: 'boxes',
      shapes: [table, block].map(({ half, at }: { half: number[]; at?: number[] }) => ({
        form: { kind: 'box', halfExtents_m: half as unknown as [number, number, number] },
        pose: { position_m: (at ?? [0, 0, 0]) as unknown as [number, number, number] },
        colour: '#ff8040',
      })),
    };
    const options = { camera, shadows: true };
    const two = look([boxes], still, options);
    expect(differing(two, look([boxes], still, { camera })), 'a shadow falls').to.be.above(20);
    expect(differing(two, look([body(boxesAsMesh(table, block))], still, options))).to.be.below(4);
  });

  it('are met where rays meet their triangles, with some of them round and behind the camera', () => {
    const rng = new Rng(5);
    const form = soup(rng, 400);
    const { depth_m, segments } = look([body(form)], still);
    const corners = Array.from({ length: 400 }, (_, i) =>
      [0, 1, 2].map((k) => Array.from(form.vertices_m.subarray(9 * i + 3 * k, 9 * i + 3 * k + 3))),
    );
    let [wrong, hits] = [0, 0];
    for (let pixel = 0; pixel < size * size; pixel++) {
      const [u, v] = [(2 * (pixel % size) + 1) / size - 1, (2 * Math.floor(pixel / size) + 1) / size - 1];
      const wanted = Math.min(...corners.map((triangle) => meetTriangle(triangle, [0, -4, 0], [u, 1, -v])));
      if (wanted < Infinity) hits++;
      const seen = segments[pixel] === 0 ? depth_m[pixel]! : Infinity;
      if (!(seen === wanted || Math.abs(seen - wanted) < 1e-5 * (1 + wanted))) wrong++;
    }
    expect(hits).to.be.within(size * size * 0.3, size * size * 0.99);
    expect(wrong).to.be.below(4);
  });

  it('have no seams between triangles', () => {
    const rng = new Rng(7);
    const steps = 40;
    const vertices: number[] = [];
    for (let row = 0; row <= steps; row++)
      for (let column = 0; column <= steps; column++)
        vertices.push((column / steps - 0.5) * 12 + rng.uniform(-0.1, 0.1), rng.uniform(-0.05, 0.05), (row / steps - 0.5) * 12);
    const triangles: number[] = [];
    for (let row = 0; row < steps; row++)
      for (let column = 0; column < steps; column++) {
        const at = row * (steps + 1) + column;
        triangles.push(at, at + 1, at + steps + 2, at, at + steps + 2, at + steps + 1);
      }
    const wall: MeshForm = { kind: 'mesh', vertices_m: Float32Array.from(vertices), triangles: Uint32Array.from(triangles) };
    const { segments } = look([body(wall)], still, { width: 160, height: 160 });
    expect(new Set(segments)).to.deep.equal(new Set([0]));
    // From behind nothing of it is seen.
    const behind = look([body(wall)], still, { camera: { ...front, position_m: [0, 4, 0] } });
    expect(new Set(behind.segments)).to.deep.equal(new Set([-1]));
  });

  it('are hidden by nearer shapes and hide further ones', () => {
    const cube = boxesAsMesh({ half: [0.5, 0.5, 0.5] });
    const order = (depths: readonly [number, number]) =>
      look([body(cube), body({ kind: 'sphere', radius_m: 0.3 })], [0, depths[0], 0, 0, 0, 0, 1, 0, depths[1], 0, 0, 0, 0, 1]).segments[
        (size / 2) * size + size / 2
      ];
    expect([order([0, 2]), order([2, 0])]).to.deep.equal([0, 1]);
  });

  it('give the same bytes every time', () => {
    const bytes = () => {
      const { rgb, depth_m } = look([body({ kind: 'plane' }), body(soup(new Rng(9), 60))], [0, 0, -2, 0, 0, 0, 1, ...still], {
        shadows: true,
      });
      return [Buffer.from(rgb), Buffer.from(depth_m.buffer)];
    };
    expect(bytes()).to.deep.equal(bytes());
  });

  it('without area, or with triangles without area, are no trouble', () => {
    const flat: MeshForm = {
      kind: 'mesh',
      vertices_m: new Float32Array(12),
      triangles: Uint32Array.of(0, 1, 2, 0, 2, 3, 1, 1, 1, 3, 2, 1),
    };
    expect(new Set(look([body(flat)], still, { shadows: true }).segments)).to.deep.equal(new Set([-1]));
  });
});
