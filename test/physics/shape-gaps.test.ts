import { expect } from 'chai';
import type { BodySpec, SceneSpec, ShapeSpec } from '../../src/core/scene-spec.ts';
import { loadShapeGaps } from '../../src/physics/shape-gaps.ts';

const inertial = { mass_kg: 1, inertia_kgm2: [1, 1, 1] } as const;
const body = (name: string, shape: ShapeSpec, kind: BodySpec['kind'] = 'dynamic'): BodySpec => ({
  name,
  kind,
  pose: { position_m: [0, 0, 0] },
  ...(kind === 'dynamic' ? { inertial } : {}),
  shapes: [shape],
});
const scene = (bodies: readonly BodySpec[], joints: SceneSpec['joints'] = []): SceneSpec => ({
  name: 'shapes',
  gravity_mps2: [0, 0, 0],
  bodies,
  joints,
  actuators: [],
});
const ground = body('ground', { form: { kind: 'plane' } }, 'fixed');
const ball = (name: string, more: Partial<ShapeSpec> = {}) => body(name, { form: { kind: 'sphere', radius_m: 0.1 }, ...more });
/** Position, orientation, velocity and turning of a body. */
const at = (position: readonly number[], velocity = [0, 0, 0], turn = [0, 0, 0, 1], spin = [0, 0, 0]) => [
  ...position,
  ...turn,
  ...velocity,
  ...spin,
];
const standing = at([0, 0, 0]);
const half = Math.SQRT1_2;

describe('gaps between shapes', () => {
  const measured = async (spec: SceneSpec, states: readonly number[][]) => {
    const gaps = (await loadShapeGaps())(spec, 1);
    gaps.measure(Float64Array.from(states.flat()));
    return gaps;
  };

  it('are how far they are apart, below 0 how deep they overlap, and how fast that closes', async () => {
    const spec = scene([ground, ball('ball')]);
    const above = await measured(spec, [standing, at([3, 0, 0.4], [5, 0, -2])]);
    expect(above.gaps_m[0]).to.be.closeTo(0.3, 1e-6);
    expect(above.closing_mps[0]).to.be.closeTo(2, 1e-6);
    const within = await measured(spec, [standing, at([0, 0, 0.07], [0, 0, 1])]);
    expect(within.gaps_m[0]).to.be.closeTo(-0.03, 1e-6);
    expect(within.closing_mps[0]).to.be.closeTo(-1, 1e-6);
    const far = await measured(spec, [standing, at([0, 0, 9], [0, 0, -2])]);
    expect([far.gaps_m[0], far.closing_mps[0]]).to.deep.equal([1, 0]);
  });

  it('follow a turned capsule and its spin', async () => {
    const capsule = body('capsule', { form: { kind: 'capsule', radius_m: 0.1, halfLength_m: 0.4 }, pose: { position_m: [0, 0, -0.2] } });
    // Along z the lower cap ends .7 below the body; lying along x its side is .1 below its axis, which the offset put beside.
    expect((await measured(scene([ground, capsule]), [standing, at([0, 0, 1])])).gaps_m[0]).to.be.closeTo(0.3, 1e-6);
    const lying = await measured(scene([ground, capsule]), [standing, at([0, 0, 1], [0, 0, 0], [0, half, 0, half])]);
    expect(lying.gaps_m[0]).to.be.closeTo(0.9, 1e-6);
    const spinning = await measured(scene([ground, ball('ball', { pose: { position_m: [0.5, 0, 0] } })]), [
      standing,
      at([0, 0, 1], [0, 0, 0], [0, 0, 0, 1], [0, 3, 0]),
    ]);
    // ω × arm about y: what sticks out along x goes down.
    expect(spinning.closing_mps[0]).to.be.closeTo(1.5, 1e-6);
  });

  it('are looked for between what may touch only', async () => {
    const pairs = async (bodies: readonly BodySpec[], joints: SceneSpec['joints'] = []) =>
      (await loadShapeGaps())(scene(bodies, joints), 1).pairs.map(({ a, b }) => [a, b]);
    const hinge = (parent: string, child: string) =>
      ({
        name: `${parent} ${child}`,
        kind: 'hinge',
        parent,
        child,
        parentAnchor_m: [0, 0, 0],
        childAnchor_m: [0, 0, 0],
        axis: [0, 1, 0],
      }) as const;
    expect(await pairs([ground, ball('a'), ball('b')])).to.deep.equal([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(await pairs([ground, ball('a'), ball('b')], [hinge('ground', 'a'), hinge('a', 'b')])).to.deep.equal([
      [0, 1],
      [0, 2],
    ]);
    expect(await pairs([ground, ball('a', { collides: false }), ball('b', { group: 2, mask: 0 })])).to.deep.equal([]);
  });
});
