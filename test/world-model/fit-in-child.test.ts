import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { type FitHooks, type FitState, fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { fitInChild } from '../../src/world-model/fit-in-child.ts';
import { fitJob } from './fit-jobs.ts';

const entry = { url: new URL('../../src/worker.ts', import.meta.url) };

const jobOf = (updates: number) => fitJob({ updates });

/** Children of this process that are alive now. */
function children(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'ProcessWrap').length;
}

async function noneLeft(): Promise<void> {
  for (let waited_ms = 0; waited_ms < 3000 && children() > 0; waited_ms += 20) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(children(), 'children left').to.equal(0);
}

describe('fitting in a child', () => {
  afterEach(noneLeft);

  it('gives what fitting here gives, and reports on the way', async () => {
    const told: number[] = [];
    const result = await fitInChild(entry, jobOf(120), { onProgress: ({ update }) => told.push(update) });
    const here = await fitEnsemble(nodeRuntime(), jobOf(120));
    expect(told).to.deep.equal([50, 100, 120]);
    expect(result).to.deep.equal(here);
    expect(result.stopped).to.equal(false);
  });

  it('stops soon after it is asked to, with what it has', async () => {
    let asked = 0;
    const result = await fitInChild(entry, jobOf(1e6), { shouldStop: () => ++asked >= 1 });
    expect(result.stopped).to.equal(true);
    expect(result.losses.length).to.be.within(1, 500);
    expect(Object.values(result.weights).every((values) => values.every(Number.isFinite))).to.equal(true);
  });

  it('passes on what went wrong in there', async () => {
    const failed = await fitInChild(entry, { ...jobOf(10), rows: 5 }).catch((error: unknown) => error);
    expect(failed).to.have.property('code', 'TRAINING_FAILED');
    expect((failed as Error).message).to.include('at least 10');
  });

  it('saves checkpoints here, and goes on from one', async () => {
    const states: FitState[] = [];
    const checkpoints = { every: 50, save: (state: FitState) => void states.push(state) };
    const whole = await fitInChild(entry, jobOf(120), { checkpoints });
    expect(states.map(({ update }) => update)).to.deep.equal([50, 100]);
    const told: number[] = [];
    const resumed = await fitInChild(entry, jobOf(120), {
      checkpoints: { ...checkpoints, from: states[0]! },
      onProgress: ({ update }) => told.push(update),
    });
    expect(resumed).to.deep.equal(whole);
    expect(told).to.deep.equal([100, 120]);
  });

  it('ends with what a hook throws, as where the disk is full', async () => {
    const full = new Error('ENOSPC');
    const save = () => {
      throw full;
    };
    expect(await fitInChild(entry, jobOf(1e6), { checkpoints: { every: 50, save } }).catch((error: unknown) => error)).to.equal(full);
  });

  describe('of another kind', () => {
    const path = join(tmpdir(), `groundtwin-child-${process.pid}.mjs`);
    afterEach(() => rmSync(path, { force: true }));
    const childThat = async (code: string, hooks: FitHooks = {}) => {
      writeFileSync(path, code);
      return fitInChild({ url: pathToFileURL(path) }, jobOf(10), hooks).catch((error: unknown) => error as Error);
    };

    it('says so when the child dies', async () => {
      const failed = await childThat("process.on('message', () => process.exit(7));");
      expect(failed).to.have.property('code', 'TRAINING_FAILED');
      expect((failed as Error).message).to.include('exit code 7');
    });

    it('says so when the child is killed', async () => {
      const failed = await childThat("process.on('message', () => process.kill(process.pid, 'SIGKILL'));");
      expect(failed).to.have.property('code', 'TRAINING_FAILED');
      expect((failed as Error).message)
        .to.include('SIGKILL')
        .and.not.include('checkpoint');
    });

    it('says that its work is not lost, where there are checkpoints', async () => {
      const checkpoints = { every: 50, save: () => {} };
      const failed = await childThat("process.on('message', () => process.kill(process.pid, 'SIGKILL'));", { checkpoints });
      expect((failed as Error).message).to.include('SIGKILL; start it again, and it goes on from its last checkpoint');
    });
  });
});
