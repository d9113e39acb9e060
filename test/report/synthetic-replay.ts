import type { Replay } from '../../src/report/index.ts';

/** A cart that sways with a pole and a ball on a spring of sorts; the dream lags more and more until it is set back. */
export function syntheticReplay(count = 160): Replay {
  const bodies: Replay['bodies'] = [
    {
      name: 'world',
      shapes: [
        { form: { kind: 'plane' }, pose: { position_m: [0, 0, 0] } },
        { form: { kind: 'box', halfExtents_m: [2.4, 0.02, 0.015] }, pose: { position_m: [0, 0, 0.9] }, colour: '#8a94a3' },
      ],
    },
    {
      name: 'cart',
      shapes: [
        { form: { kind: 'box', halfExtents_m: [0.22, 0.1, 0.11] } },
        {
          form: { kind: 'cylinder', radius_m: 0.05, halfLength_m: 0.02 },
          pose: { position_m: [0, 0, 0], orientation_xyzw: [Math.SQRT1_2, 0, 0, Math.SQRT1_2] },
          colour: '#f2f2f2',
        },
      ],
    }, // prettier-ignore
    {
      name: 'pole',
      shapes: [{ form: { kind: 'capsule', radius_m: 0.035, halfLength_m: 0.3 }, pose: { position_m: [0, 0, 0.3] }, colour: '#3b6ea5' }],
    },
    { name: 'ball', shapes: [{ form: { kind: 'sphere', radius_m: 0.08 }, colour: '#5a8f6b' }] },
  ];
  const frames = { truth: new Float64Array(count * 28), dream: new Float64Array(count * 28) };
  const errors = new Float64Array(count);
  for (let frame = 0; frame < count; frame++) {
    const t = frame * 0.05;
    const drift = (frame % 80) / 80;
    for (const [which, off] of [
      ['truth', 0],
      ['dream', drift],
    ] as const)
      writeFrame(frames[which], frame, t, off); // prettier-ignore
    errors[frame] = 0.9 * drift ** 1.5;
  }
  const rewards = { truth: errors.map((error) => 1 - error / 3), dream: errors.map((error) => 1 - error / 4) };
  return {
    dt_s: 0.05,
    bodies,
    frames,
    view: { plane: 'xz', bounds: { left_m: -2.6, right_m: 2.6, bottom_m: -0.1, top_m: 1.9 } },
    resyncs: [80],
    errors,
    rewards,
  }; // prettier-ignore
}

function writeFrame(out: Float64Array, frame: number, t: number, off: number): void {
  const x = 0.9 * Math.sin(0.8 * t) + 0.18 * off;
  const angle = 0.6 * Math.sin(2.1 * t) + 0.45 * off;
  const turn = [0, Math.sin(angle / 2), 0, Math.cos(angle / 2)];
  const height = 0.08 + Math.abs(0.7 * Math.cos(1.7 * t)) + 0.1 * off;
  out.set([0, 0, 0, 0, 0, 0, 1, x, 0, 1.03, 0, 0, 0, 1, x, 0, 1.03, ...turn, -1.7 + 0.2 * t, 0, height, 0, 0, 0, 1], frame * 28);
}
