import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { packSections, unpackSections } from '../../src/core/sections.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { checkpointsIn } from '../../src/world-model/fit-checkpoint.ts';
import { type FitJob, type FitState, fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { fitJob } from './fit-jobs.ts';

const runtime = nodeRuntime();
const versions = { groundtwin: '1.2.3' };

/** All states that a fit of this job would have saved. */
async function statesOf(job: FitJob, every = 50): Promise<FitState[]> {
  const states: FitState[] = [];
  await fitEnsemble(runtime, job, { checkpoints: { every, save: (state) => void states.push(state) } });
  return states;
}

describe('checkpoints of a fit', () => {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-checkpoint-'));
  const path = join(folder, 'run', 'checkpoint.bin');
  const job = fitJob({ patience: 100, elites: 1 }, 0.5);
  let states: FitState[];
  before(async () => {
    states = await statesOf(job);
  });
  after(() => rmSync(folder, { recursive: true }));
  const open = (other: Partial<FitJob> = {}, withVersions = versions) => checkpointsIn(path, { ...job, ...other }, 50, withVersions);
  const refusal = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (isGroundtwinError(error)) return { code: error.code, message: error.message };
      throw error;
    }
    return expect.fail('it was not refused');
  };
  /** A file that was not damaged, but holds something else. */
  const saveAs = (
    head: (head: Record<string, unknown>) => unknown,
    parts: (parts: readonly Uint8Array[]) => readonly Uint8Array[] = (p) => p,
  ) => {
    rmSync(path, { force: true });
    open().save(states[0]!);
    const inner = unpackSections<Record<string, unknown>>(unpackSections(readFileSync(path)).parts[0]!);
    const content = packSections(head(inner.head), parts(inner.parts));
    writeFileSync(path, packSections({ format: 'groundtwin-fit.v1', sha256: sha256Hex(content) }, [content]));
  };
  beforeEach(() => rmSync(path, { force: true, recursive: true }));

  it('go on from any of them, by way of the file, to the same end as without a stop', async () => {
    const whole = await fitEnsemble(runtime, job);
    expect(whole.losses.length).to.equal(states.length).and.be.within(3, 5, 'it ends early, by its patience');
    for (const state of states) {
      open().save(state);
      const { from } = open();
      expect(from).to.deep.equal(state);
      expect(await fitEnsemble(runtime, job, { checkpoints: { every: 50, from: from!, save: () => {} } })).to.deep.equal(whole);
    }
  });

  it('are made every so many updates, and where it is asked to stop', async () => {
    const updates = async (every: number) => (await statesOf(fitJob({ updates: 320 }), every)).map(({ update }) => update);
    expect(await updates(100)).to.deep.equal([100, 200, 300]);
    expect(await updates(70)).to.deep.equal([100, 150, 250, 300]);
    const saved: number[] = [];
    let asked = 0;
    const checkpoints = { every: 1e6, save: ({ update }: FitState) => void saved.push(update) };
    const result = await fitEnsemble(runtime, fitJob(), { checkpoints, shouldStop: () => ++asked === 2 });
    expect({ saved, stopped: result.stopped }).to.deep.equal({ saved: [100], stopped: true });
  });

  it('are none where there is no file yet', () => {
    expect(open()).to.not.have.property('from');
    expect(existsSync(path)).to.equal(false);
  });

  it('of another job are refused, and the first thing that differs is named', () => {
    open().save(states[0]!);
    const others: readonly (readonly [Partial<FitJob>, string])[] = [
      [{ updates: 301 }, 'its updates is 300, here it is 301'],
      [{ seed: 4 }, 'its seed is 3, here it is 4'],
      [{ patience: 200 }, 'its patience is 100, here it is 200'],
      [{ elites: 2 }, 'its elites is 1, here it is 2'],
      [{ config: { ...job.config, hidden: [16, 16] } }, 'its hidden is [16], here it is [16,16]'],
      [{ target: job.target.map((value, i) => (i === 7 ? value + 1 : value)) }, 'its data is'],
      [{ weights: states[0]!.training.parameters }, 'its starting weights is'],
    ];
    for (const [other, says] of others) {
      const { code, message } = refusal(() => open(other));
      expect(code).to.equal('CHECKPOINT_FOREIGN');
      expect(message).to.include(says).and.include(path).and.include('--restart');
    }
    expect(refusal(() => open({}, { groundtwin: '1.2.4' })).message).to.include('groundtwin version is "1.2.3", here it is "1.2.4"');
    const { patience: _, ...without } = job;
    expect(refusal(() => checkpointsIn(path, without, 50, versions)).message).to.include('patience is 100, here it is not given');
  });

  it('that are damaged are refused, wherever the damage is', () => {
    open().save(states[1]!);
    const whole = readFileSync(path);
    const damaged = (bytes: Uint8Array) => {
      writeFileSync(path, bytes);
      const { code, message } = refusal(open);
      expect(code).to.equal('CHECKPOINT_INVALID');
      expect(message).to.include(path).and.include('--restart');
    };
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        damaged(whole.map((byte, i) => (i === at ? byte ^ change : byte)));
      }),
      {
        examples: [
          [0, 1],
          [5, 1],
          [whole.length - 1, 1],
        ],
        numRuns: 60,
      },
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (length) => damaged(whole.subarray(0, length))),
      { numRuns: 30 },
    );
    damaged(Buffer.concat([whole, Uint8Array.of(0)]));
    rmSync(path);
    mkdirSync(path);
    expect(refusal(open).message).to.include('not a file');
  });

  it('that were put together by someone else are refused, not followed', () => {
    const wrong: readonly (() => void)[] = [
      () => saveAs((head) => ({ ...head, update: -1 })),
      () => saveAs((head) => ({ ...head, update: 'x' })),
      () => saveAs((head) => ({ ...head, rng: [1, 2] })),
      () => saveAs((head) => ({ ...head, rng: [1, 2, 3, 4, 5, null] })),
      () => saveAs((head) => ({ ...head, names: null })),
      () => saveAs((head) => ({ ...head, names: ['a'] })),
      () => saveAs((head) => ({ ...head, best: { update: 1 } })),
      () =>
        saveAs(
          (head) => head,
          (parts) => parts.slice(1),
        ),
      () =>
        saveAs(
          (head) => head,
          ([losses, first, ...parts]) => [losses!, first!.subarray(1), ...parts],
        ),
      () =>
        saveAs(
          (head) => head,
          ([, ...parts]) => [new TextEncoder().encode('[null]'), ...parts],
        ),
      () =>
        saveAs(
          (head) => head,
          ([, ...parts]) => [Uint8Array.of(255), ...parts],
        ),
    ];
    for (const write of wrong) {
      write();
      expect(refusal(open).code).to.equal('CHECKPOINT_INVALID');
    }
    saveAs(() => null);
    expect(refusal(open).code).to.equal('CHECKPOINT_FOREIGN');
  });
});
