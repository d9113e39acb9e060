import { expect } from 'chai';
import type { Camera } from '../../src/core/picture.ts';
import type { BodySpec, ShapeForm, Vector3 } from '../../src/core/scene-spec.ts';
import { Rng } from '../../src/math/rng.ts';
import { Renderer } from '../../src/render/index.ts';
import { thrown } from '../onnx/run-graph.ts';

const front: Camera = { position_m: [0, -4, 0], target_m: [0, 0, 0], fieldOfView_rad: Math.PI / 2 };
const still = [0, 0, 0, 0, 0, 0, 1];

function body(form: ShapeForm, extra: Partial<BodySpec['shapes'][number]> = {}): Pick<BodySpec, 'name' | 'shapes'> {
  return { name: form.kind, shapes: [{ form, ...extra }] };
}

function look(
  bodies: Pick<BodySpec, 'name' | 'shapes'>[],
  poses: readonly number[],
  options: Partial<ConstructorParameters<typeof Renderer>[1]> = {},
) {
  const renderer = new Renderer(bodies, { camera: front, width: 65, height: 65, ...options });
  return renderer.render(Float64Array.from(poses));
}

type Rotation = (v: Vector3, inverse: boolean) => Vector3;

function rotation([x, y, z, w]: readonly number[]): Rotation {
  return (v, inverse) => {
    const s = inverse ? -1 : 1;
    const [a, b, c] = [s * x!, s * y!, s * z!];
    const tx = 2 * (b * v[2] - c * v[1]);
    const ty = 2 * (c * v[0] - a * v[2]);
    const tz = 2 * (a * v[1] - b * v[0]);
    return [v[0] + w! * tx + b * tz - c * ty, v[1] + w! * ty + c * tx - a * tz, v[2] + w! * tz + a * ty - b * tx];
  };
}

/** Distance to a shape's surface, negative inside (Quilez, "distance functions"): another way to the same picture. */
function distanceTo(form: ShapeForm, [x, y, z]: Vector3): number {
  switch (form.kind) {
    case 'plane':
      return z;
    case 'sphere':
      return Math.hypot(x, y, z) - form.radius_m;
    case 'box': {
      const q = [x, y, z].map((value, i) => Math.abs(value) - form.halfExtents_m[i]!);
      return Math.hypot(...q.map((value) => Math.max(value, 0))) + Math.min(Math.max(...q), 0);
    }
    case 'capsule':
      return Math.hypot(x, y, z - Math.max(-form.halfLength_m, Math.min(form.halfLength_m, z))) - form.radius_m;
    case 'mesh':
      return Number.POSITIVE_INFINITY;
    case 'cylinder': {
      const [across, along] = [Math.hypot(x, y) - form.radius_m, Math.abs(z) - form.halfLength_m];
      return Math.min(Math.max(across, along), 0) + Math.hypot(Math.max(across, 0), Math.max(along, 0));
    }
  }
}

/** Marches along a ray of `front` to the nearest surface; the depth and whose it is. */
function march(forms: readonly ShapeForm[], poses: readonly number[], direction: Vector3): { depth: number; segment: number } {
  const length = Math.hypot(...direction);
  for (let t = 0, i = 0; t < 100 && i < 4000; i++) {
    const point = front.position_m.map((value, k) => value + t * direction[k]!) as unknown as Vector3;
    const distances = forms.map((form, at) => {
      const pose = poses.slice(7 * at, 7 * at + 7);
      return distanceTo(form, rotation(pose.slice(3))(point.map((value, k) => value - pose[k]!) as unknown as Vector3, true));
    });
    const nearest = Math.min(...distances);
    if (nearest < 1e-6) return { depth: t, segment: distances.indexOf(nearest) };
    t += nearest / length;
  }
  return { depth: Number.POSITIVE_INFINITY, segment: -1 };
}

describe('the renderer', () => {
  it('sees what marching along distance functions sees: 40 random scenes of every shape, turned anyhow', () => {
    const rng = new Rng(11);
    const size = 24;
    let [pixels, foreign, hits] = [0, 0, 0];
    for (let scene = 0; scene < 40; scene++) {
      const between = (low: number, high: number) => rng.uniform(low, high);
      const forms: ShapeForm[] = [
        { kind: 'plane' },
        { kind: 'sphere', radius_m: between(0.2, 0.9) },
        { kind: 'box', halfExtents_m: [between(0.1, 0.8), between(0.1, 0.8), between(0.1, 0.8)] },
        { kind: 'capsule', radius_m: between(0.1, 0.4), halfLength_m: between(0.1, 1) },
        { kind: 'cylinder', radius_m: between(0.1, 0.6), halfLength_m: between(0.1, 1) },
      ];
      const poses = forms.flatMap((form) => {
        if (form.kind === 'plane') return [0, 0, -1.5, 0, 0, 0, 1];
        const q = Array.from({ length: 4 }, () => rng.normal());
        const norm = Math.hypot(...q);
        return [between(-1.5, 1.5), between(-1, 2), between(-1, 1.5), ...q.map((value) => value / norm)];
      });
      const { depth_m, segments } = look(
        forms.map((form) => body(form)),
        poses,
        { width: size, height: size },
      );
      for (let row = 0; row < size; row++)
        for (let column = 0; column < size; column++) {
          const [u, v] = [(2 * column + 1) / size - 1, (2 * row + 1) / size - 1];
          const seen = march(forms, poses, [u, 1, -v]);
          const pixel = row * size + column;
          pixels++;
          if (seen.segment >= 0) hits++;
          // Marching past an edge may stop a hair off it, on the other side.
          if (segments[pixel] !== seen.segment) foreign++;
          else if (seen.segment >= 0 && seen.depth < 30) expect(depth_m[pixel]).to.be.closeTo(seen.depth, 2e-3 * (1 + seen.depth));
        }
    }
    expect(hits).to.be.above(pixels / 3);
    expect(foreign / pixels).to.be.below(0.004);
  });

  it('gives depth along the line of sight, right and down as they are', () => {
    const poses = [-1, 0, 1, 0, 0, 0, 1, 1, 2, -1, 0, 0, 0, 1];
    const { depth_m, segments } = look(
      [body({ kind: 'sphere', radius_m: 0.5 }), body({ kind: 'box', halfExtents_m: [0.5, 0.5, 0.5] })],
      poses,
    );
    const at = (x: number, z: number, ahead: number) =>
      Math.floor(((1 - z / ahead) / 2) * 65) * 65 + Math.floor(((x / ahead + 1) / 2) * 65);
    // The sphere is up on the left, the box, 2 m further, down on the right with its front 5.5 m ahead.
    expect(segments[at(-1, 1, 4)]).to.equal(0);
    expect(depth_m[at(-1, 1, 4)]).to.be.within(3.5, 3.7);
    expect(segments[at(1, -1, 5.5)]).to.equal(1);
    expect(depth_m[at(1, -1, 5.5)]).to.be.closeTo(5.5, 1e-5);
    expect(segments[32 * 65 + 32]).to.equal(-1);
    expect(depth_m[32 * 65 + 32]).to.equal(Number.POSITIVE_INFINITY);
  });

  it('places shapes by their own pose in the turned body', () => {
    const half = Math.SQRT1_2;
    const arm = body({ kind: 'sphere', radius_m: 0.3 }, { pose: { position_m: [1, 0, 0] } });
    // A quarter turn about −y takes the arm from +x to +z: up in the picture.
    const { segments } = look([arm], [0, 0, 0, 0, -half, 0, half]);
    const row = Math.floor(((1 - 1 / 4) / 2) * 65);
    expect(segments[row * 65 + 32]).to.equal(0);
    expect(segments.filter((segment) => segment === 0).length).to.equal(
      segments.slice(0, 33 * 65).filter((segment) => segment === 0).length,
    );
  });

  it('lights faces by how they turn to the light, in the shape’s colour', () => {
    const cube = body({ kind: 'box', halfExtents_m: [0.8, 0.8, 0.8] }, { colour: '#ff8000' });
    const above: Camera = { ...front, position_m: [0, -3, 3] };
    const { rgb } = look([cube], still, { camera: above });
    const colourAt = (row: number) => Array.from(rgb.subarray(3 * (row * 65 + 32), 3 * (row * 65 + 33)));
    const [top, side] = [colourAt(28), colourAt(36)];
    expect(top[0]).to.be.closeTo(255 * (0.42 + 0.58 * 0.8), 1.1);
    expect(side[0]).to.be.closeTo(255 * (0.42 + 0.58 * 0.48), 1.1);
    for (const [red, green, blue] of [top, side] as number[][]) {
      expect(green! / red!).to.be.closeTo(128 / 255, 0.01);
      expect(blue).to.equal(0);
    }
  });

  it('casts shadows on the floor when asked', () => {
    const bodies = [body({ kind: 'plane' }), body({ kind: 'sphere', radius_m: 0.5 })];
    const poses = [...still, 0, 0, 1, 0, 0, 0, 1];
    const camera: Camera = { position_m: [0, -4, 3], target_m: [0, 0, 0], fieldOfView_rad: 1 };
    const floor = (shadows: boolean) => {
      const { rgb, segments } = look(bodies, poses, { camera, shadows });
      return segments.reduce((dark, segment, i) => (segment === 0 && rgb[3 * i]! < 100 ? dark + 1 : dark), 0);
    };
    expect(floor(false)).to.equal(0);
    expect(floor(true)).to.be.above(20);
  });

  it('gives the same bytes for the same poses, and keeps nothing of the last', () => {
    const bodies = [body({ kind: 'plane' }), body({ kind: 'capsule', radius_m: 0.3, halfLength_m: 0.5 })];
    const renderer = new Renderer(bodies, { camera: front, width: 32, height: 20, shadows: true });
    const bytes = (x: number) => {
      const { rgb, depth_m, segments } = renderer.render(Float64Array.of(0, 0, -1, 0, 0, 0, 1, x, 0, 0, 0, 0, 0, 1));
      return [Buffer.from(rgb), Buffer.from(depth_m.slice().buffer), Buffer.from(segments.slice().buffer)];
    };
    const first = bytes(0.2);
    expect(bytes(-1)).to.not.deep.equal(first);
    expect(bytes(0.2)).to.deep.equal(first);
  });

  it('leaves out what is behind, around or beyond', () => {
    const ball = body({ kind: 'sphere', radius_m: 0.5 });
    for (const y of [-6, -4, 200]) expect(new Set(look([ball], [0, y, 0, 0, 0, 0, 1]).segments), String(y)).to.deep.equal(new Set([-1]));
    // Round the eye: a solid is seen from outside only.
    const solids: ShapeForm[] = [
      { kind: 'box', halfExtents_m: [1, 1, 1] },
      { kind: 'capsule', radius_m: 0.5, halfLength_m: 1 },
      { kind: 'cylinder', radius_m: 0.5, halfLength_m: 1 },
    ];
    const half = Math.SQRT1_2;
    for (const form of solids)
      for (const turn of [
        [0, 0, 0, 1],
        [half, 0, 0, half],
      ])
        expect(new Set(look([body(form)], [0, -4, 0, ...turn]).segments), form.kind).to.deep.equal(new Set([-1]));
    // Partly behind the camera, and still seen.
    const beam = body({ kind: 'box', halfExtents_m: [0.1, 6, 0.1] });
    expect(look([beam], [0.5, 0, -0.5, 0, 0, 0, 1]).segments.includes(0)).to.equal(true);
  });

  it('refuses cameras and sizes that make no picture', () => {
    const refused: [string, Partial<ConstructorParameters<typeof Renderer>[1]>][] = [
      ['width', { width: 0 }],
      ['height', { height: 5000 }],
      ['width', { width: 1.5 }],
      ['fieldOfView_rad', { camera: { ...front, fieldOfView_rad: 4 } }],
      ['fieldOfView_rad', { camera: { ...front, fieldOfView_rad: Number.NaN } }],
      ['target_m', { camera: { ...front, target_m: front.position_m } }],
      ['far_m', { far_m: 0 }],
      ['far_m', { far_m: Number.NaN }],
      ['up', { camera: { ...front, up: [0, 1, 0] } }],
    ];
    for (const [option, options] of refused) {
      const error = thrown(() => look([], [], options));
      expect(error.code).to.equal('OPTION_INVALID');
      expect(error.message).to.contain(option);
    }
  });
});
