import { expect } from 'chai';
import type { Camera, Picture } from '../../src/core/picture.ts';
import type { BodySpec, SceneSpec, ShapeForm } from '../../src/core/scene-spec.ts';
import { type DrawnBody, defaultCamera, Renderer } from '../../src/render/index.ts';
import { thrown } from '../onnx/run-graph.ts';

const drawn = (name: string, form: ShapeForm): DrawnBody => ({ name, shapes: [{ form }] });
const bodies = [
  drawn('floor', { kind: 'plane' }),
  drawn('ball', { kind: 'sphere', radius_m: 0.4 }),
  drawn('car', { kind: 'box', halfExtents_m: [0.3, 0.2, 0.1] }),
];
const still = [0, 0, -1, 0, 0, 0, 1];
const quarter = Math.SQRT1_2;

function look(camera: Camera, poses: readonly number[]): Picture {
  return new Renderer(bodies, { camera, width: 48, height: 36 }).render(Float64Array.from(poses));
}

/** Pixels at the rim of a picture. */
function rim({ width, height, segments }: Picture): number[] {
  return [...segments].filter((_, i) => i < width || i >= width * (height - 1) || i % width === 0 || i % width === width - 1);
}

describe('cameras', () => {
  // The car stands at (1, 2, 0), turned a quarter to the left: its x is the world's y.
  const poses = [...still, 3, 4, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, quarter, quarter];

  it('that turn with a body see what one fixed in its place sees', () => {
    const onCar: Camera = { body: 'car', position_m: [0.5, 0, 0.3], target_m: [2, -0.5, 0], fieldOfView_rad: 1.2 };
    const fixed: Camera = { position_m: [1, 2.5, 0.3], target_m: [1.5, 4, 0], fieldOfView_rad: 1.2 };
    const [seen, wanted] = [look(onCar, poses), look(fixed, poses)];
    expect([...seen.segments]).to.deep.equal([...wanted.segments]);
    expect(seen.segments.includes(1)).to.equal(true);
    expect(look({ ...onCar, mode: 'turning' }, poses)).to.deep.equal(seen);
  });

  it('that follow a body keep their direction and their offset from it', () => {
    const behind: Camera = { body: 'car', mode: 'following', position_m: [0, -3, 1], target_m: [0, 0, 0], fieldOfView_rad: 1.2 };
    const fixed: Camera = { position_m: [1, -1, 1], target_m: [1, 2, 0], fieldOfView_rad: 1.2 };
    expect(look(behind, poses)).to.deep.equal(look(fixed, poses));
  });

  it('are placed anew each render', () => {
    const renderer = new Renderer(bodies, {
      camera: { body: 'car', mode: 'following', position_m: [0, -3, 1], target_m: [0, 0, 0], fieldOfView_rad: 1.2 },
      width: 33,
      height: 33,
    });
    const carAt = (x: number) =>
      renderer.render(Float64Array.from([...still, 9, 9, 9, 0, 0, 0, 1, x, 0, 0, 0, 0, 0, 1])).segments[16 * 33 + 16];
    expect([carAt(0), carAt(5), carAt(-7)]).to.deep.equal([2, 2, 2]);
  });

  it('are refused on bodies there are none of, and in modes there are none of', () => {
    const camera: Camera = { body: 'cart', position_m: [0, -3, 1], target_m: [0, 0, 0], fieldOfView_rad: 1 };
    const error = thrown(() => look(camera, poses));
    expect(error.code).to.equal('OPTION_INVALID');
    expect(error.message).to.include("'cart'").and.include('floor, ball, car');
    expect(thrown(() => look({ ...camera, body: 'car', mode: 'riding' as never }, poses)).message).to.include('riding');
  });
});

describe('the default camera', () => {
  const rod: BodySpec = {
    name: 'rod',
    kind: 'dynamic',
    pose: { position_m: [0, 0, 0.5] },
    shapes: [{ form: { kind: 'capsule', radius_m: 0.05, halfLength_m: 0.5 } }],
  };
  const base: BodySpec = { name: 'base', kind: 'fixed', pose: { position_m: [0, 0, 0] }, shapes: [{ form: { kind: 'plane' } }] };
  const hinge = {
    name: 'hinge',
    kind: 'hinge',
    parent: 'base',
    child: 'rod',
    parentAnchor_m: [0, 0, 0],
    childAnchor_m: [0, 0, -0.5],
    axis: [0, 1, 0],
  } as const;

  for (const [width, height] of [
    [64, 48],
    [32, 64],
  ] as const)
    it(`has a rod in the picture wherever its hinge turns it, ${width} × ${height}`, () => {
      const camera = defaultCamera({ bodies: [base, rod], joints: [hinge] }, width / height);
      const renderer = new Renderer([rod], { camera, width, height });
      for (let angle = 0; angle < 2 * Math.PI; angle += 0.3) {
        const [x, z] = [0.5 * Math.sin(angle), 0.5 * Math.cos(angle)];
        const picture = renderer.render(Float64Array.of(x, 0, z, 0, Math.sin(angle / 2), 0, Math.cos(angle / 2)));
        expect(new Set(rim(picture)), `at ${angle} rad`).to.deep.equal(new Set([-1]));
        expect(picture.segments.filter((segment) => segment === 0).length, `at ${angle} rad`).to.be.above(12);
      }
    });

  it('sees every kind of shape whole, wherever the scene stands', () => {
    const forms: ShapeForm[] = [
      { kind: 'sphere', radius_m: 0.5 },
      { kind: 'box', halfExtents_m: [2, 0.1, 0.3] },
      { kind: 'cylinder', radius_m: 0.3, halfLength_m: 1 },
      {
        kind: 'mesh',
        vertices_m: Float32Array.of(0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 3),
        triangles: Uint32Array.of(0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3),
      },
    ];
    for (const form of forms) {
      const body: BodySpec = {
        name: 'body',
        kind: 'fixed',
        pose: { position_m: [40, -7, 300], orientation_xyzw: [quarter, 0, 0, quarter] },
        shapes: [{ form }],
      };
      const camera = defaultCamera({ bodies: [base, body], joints: [] }, 1);
      const picture = new Renderer([body], { camera, width: 48, height: 48 }).render(Float64Array.of(40, -7, 300, quarter, 0, 0, quarter));
      expect(new Set(rim(picture)), form.kind).to.deep.equal(new Set([-1]));
      expect(picture.segments.filter((segment) => segment === 0).length, form.kind).to.be.above(40);
    }
  });

  it('is there for a scene of nothing', () => {
    const nothing: Pick<SceneSpec, 'bodies' | 'joints'> = { bodies: [], joints: [] };
    expect(new Renderer([], { camera: defaultCamera(nothing, 1), width: 4, height: 4 }).render(new Float64Array(0)).width).to.equal(4);
  });
});
