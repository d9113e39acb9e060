import { expect } from 'chai';
import fc from 'fast-check';
import { packSections } from '../../src/core/sections.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { packSnapshot, type SnapshotHead, unpackSnapshot } from '../../src/vector/snapshot.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { walkers } from '../contracts/stub-backends.ts';

const head: SnapshotHead = {
  env: 'A-v0',
  kind: 'truth',
  fingerprint: 'f',
  wrappers: [{ name: 'W', memory: [1.5, -2] }],
  seed: 3,
  episode: 4,
  stage: 1,
};
const expected = { env: 'A-v0', kind: 'truth', fingerprint: 'f', wrapperNames: ['W'] };

function refusal(bytes: Uint8Array, wanted = expected): string {
  try {
    unpackSnapshot(bytes, wanted);
  } catch (error) {
    if (isGroundtwinError(error)) return error.code;
    throw error;
  }
  return 'taken';
}

describe('a snapshot', () => {
  it('comes back as it went in', () => {
    const { head: back, lane } = unpackSnapshot(packSnapshot(head, Uint8Array.of(1, 2, 3)), expected);
    expect(back).to.deep.equal(head);
    expect([...lane]).to.deep.equal([1, 2, 3]);
  });

  it('begins with its format', () => {
    expect(new TextDecoder().decode(packSnapshot(head, new Uint8Array(0)).subarray(0, 8))).to.equal('GTSNAP01');
  });

  for (const [field, wanted] of Object.entries({
    env: { env: 'B-v0' },
    kind: { kind: 'model' },
    fingerprint: { fingerprint: 'g' },
    wrappers: { wrapperNames: ['W', 'V'] },
    order: { wrapperNames: [] },
  }))
    it(`is foreign by its ${field}`, () =>
      expect(refusal(packSnapshot(head, Uint8Array.of(1)), { ...expected, ...wanted })).to.equal('SNAPSHOT_FOREIGN'));

  it('is refused with any one bit changed', () => {
    const bytes = packSnapshot(head, Uint8Array.of(1, 2, 3));
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1 << (at % 8);
      expect(refusal(changed), `byte ${at}`).to.equal('SNAPSHOT_INVALID');
    }
  });

  it('is refused when it is not bytes', () => {
    for (const wrong of [null, undefined, 'GTSNAP01', {}, []]) expect(refusal(wrong as unknown as Uint8Array)).to.equal('SNAPSHOT_INVALID');
  });

  // Its checksum is no signature: anyone can make one that is right over nonsense, and a server restores what clients send.
  it('is refused when it is well-made nonsense', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(head)),
        fc.oneof(fc.jsonValue(), fc.constantFrom({ name: 'W' }, [{}], [null], [{ name: 'W', memory: 'no' }], -1, 1.5)),
        (field, value) => {
          fc.pre(JSON.stringify(value) !== JSON.stringify(head[field as keyof SnapshotHead]));
          const forged = packSnapshot({ ...head, [field]: value } as SnapshotHead, Uint8Array.of(1));
          const outcome = refusal(forged);
          expect([
            'SNAPSHOT_INVALID',
            'SNAPSHOT_FOREIGN',
            ...(['seed', 'episode', 'stage'].includes(field) && typeof value === 'number' ? ['taken'] : []),
          ]).to.include(outcome);
        },
      ),
      { numRuns: 300 },
    ));
});

describe('a forged snapshot of an env', () => {
  /** The env's own head over another lane. */
  async function forge(change: (lane: { head: Record<string, unknown>; parts: Uint8Array[] }) => void): Promise<string> {
    const env = walkers(1, { wrappers: [timeLimit(50)] });
    await env.reset({ seed: 1 });
    const { unpackSections } = await import('../../src/core/sections.ts');
    const { head: outer, lane } = unpackSnapshot(await env.snapshot(), {
      env: 'Walker-v0',
      kind: 'truth',
      fingerprint: 'walker dynamics',
      wrapperNames: ['TimeLimit'],
    });
    const inner = unpackSections<Record<string, unknown>>(lane);
    const parts = { head: { ...inner.head }, parts: [...inner.parts] };
    change(parts);
    const before = await env.snapshot();
    const code = await codeOf(() => env.restore(packSnapshot(outer, packSections(parts.head, parts.parts))));
    if (code !== 'nothing was thrown') expect(await env.snapshot(), 'the env is as it was').to.deep.equal(before);
    return code;
  }

  const cases: Readonly<Record<string, (lane: { head: Record<string, unknown>; parts: Uint8Array[] }) => void>> = {
    'without params': (lane) => void delete lane.head.params,
    'with params null': (lane) => {
      lane.head.params = null;
    },
    'with a param unknown': (lane) => {
      lane.head.params = { gain: 1, other: 2 };
    },
    'with a param missing': (lane) => {
      lane.head.params = {};
    },
    'with a param of text': (lane) => {
      lane.head.params = { gain: 'x' };
    },
    'without a generator': (lane) => void delete lane.head.taskRng,
    'with a generator of text': (lane) => {
      lane.head.sensorRng = 'abcdef';
    },
    'with a generator cut short': (lane) => {
      lane.head.sensorRng = [1, 2];
    },
    'with a row cut short': (lane) => {
      lane.parts[0] = lane.parts[0]!.subarray(8);
    },
    'with a row that is not finite': (lane) => void new Float64Array(lane.parts[0]!.buffer, 0, 1).fill(Number.NaN),
    'with a part too few': (lane) => void lane.parts.pop(),
    'with a part too many': (lane) => void lane.parts.push(new Uint8Array(1)),
    'with dynamics of nonsense': (lane) => {
      lane.parts[1] = Uint8Array.of(1, 2, 3);
    },
  };
  for (const [what, change] of Object.entries(cases))
    it(`is refused ${what}`, async () => expect(await forge(change)).to.equal('SNAPSHOT_INVALID'));

  it('is taken unchanged', async () => expect(await forge(() => {})).to.equal('nothing was thrown'));
});
