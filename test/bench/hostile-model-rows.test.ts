import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hostileThrough } from '../../bench/verify/hostile-model-rows.ts';
import { hostileModels } from '../../bench/verify/hostile-models.ts';

describe('the row of hostile models', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-hostile-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const named = (...names: readonly string[]) => names.map((name) => hostileModels.find((model) => model.name === name)!);

  it('counts nothing where all are noticed, in three ways each', async () => {
    const { measured, raw } = await hostileThrough(
      { folder, log: () => {} },
      named(
        'a loop without end',
        'NaN weights',
        'NaN after some steps',
        'a size that it works out from the state',
        'no use for the action',
      ),
    );
    expect(measured, JSON.stringify(raw)).to.equal(0);
    expect((raw as { lines: unknown[] }).lines).to.have.length(15);
  });

  it('counts what gets through: a model that is none of them, three ways', async () => {
    // Sound in form, but here it is said to be noticed when it is loaded.
    const [model] = named('degrees where radians are promised');
    const { measured } = await hostileThrough({ folder, log: () => {} }, [{ ...model!, by: 'load' }]);
    expect(measured).to.equal(3);
  });
});
