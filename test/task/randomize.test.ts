import { expect } from 'chai';
import { make, makeVector, registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { physicalRanges } from '../../src/registry/registry.ts';
import { drawParams } from '../../src/task/randomize.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { contactBox } from '../contracts/stub-tasks.ts';

const id = 'CartPoleSwingUp-v0';
const randomize = { poleMass_kg: { low: 0.05, high: 0.2 }, poleLength_m: { low: 0.5, high: 2, scale: 'log' } } as const;

async function paramsOf(seed: number, params?: Record<string, number>): Promise<Record<string, number>> {
  const env = await make(id, { randomize });
  const { info } = await env.reset(params ? { seed, params } : { seed });
  await env.close();
  return info.params as Record<string, number>;
}

describe('physical parameters drawn anew', () => {
  it('lie in their ranges, are the same for one seed and differ between seeds', async () => {
    const first = await paramsOf(1);
    expect(await paramsOf(1)).to.deep.equal(first);
    const second = await paramsOf(2);
    for (const [name, { low, high }] of Object.entries(randomize)) {
      expect(first[name]).to.be.within(low, high);
      expect(second[name]).to.not.equal(first[name]);
    }
  });

  it('are uniform, or their logarithms are', () => {
    const rng = new Rng(3);
    const drawn = Array.from({ length: 4000 }, () => drawParams(Object.keys(randomize), randomize, rng));
    const below = (name: string, value: number) => drawn.filter((params) => params[name]! < value).length / drawn.length;
    expect(below('poleMass_kg', 0.125)).to.be.closeTo(0.5, 0.03);
    expect(below('poleLength_m', 1)).to.be.closeTo(0.5, 0.03);
  });

  it('do not hang on the order in which their ranges are written', async () => {
    const reversed = Object.fromEntries(Object.entries(randomize).reverse());
    const env = await make(id, { randomize: reversed });
    expect((await env.reset({ seed: 1 })).info.params).to.deep.equal(await paramsOf(1));
    await env.close();
  });

  it('give way to those that reset is given', async () => {
    const params = await paramsOf(1, { poleMass_kg: 0.3 });
    expect(params.poleMass_kg).to.equal(0.3);
    expect(params.poleLength_m).to.equal((await paramsOf(1)).poleLength_m);
  });

  it('differ between the lanes and the episodes of a batch, and do not shift where an episode starts', async () => {
    const [plain, random] = [await makeVector(id, { lanes: 2 }), await makeVector(id, { lanes: 2, randomize })];
    const begun = await random.reset({ seed: 5 });
    const lengths = [...(begun.info.params as Record<string, Float64Array>).poleLength_m!];
    expect(lengths[0]).to.not.equal(lengths[1]);
    expect((await plain.reset({ seed: 5 })).observation).to.deep.equal(begun.observation);
    const again = [...((await random.reset()).info.params as Record<string, Float64Array>).poleLength_m!];
    expect(again[0]).to.not.equal(lengths[0]);
    await plain.close();
    await random.close();
  });

  it('travel in a snapshot', async () => {
    const env = await make(id, { randomize });
    const { info } = await env.reset({ seed: 9 });
    const moment = await env.snapshot();
    const next = await env.step([0.5]);
    await env.reset({ seed: 10 });
    await env.restore(moment);
    const replayed = await env.step([0.5]);
    expect(replayed.observation).to.deep.equal(next.observation);
    expect(replayed.info.params).to.deep.equal(info.params);
    await env.close();
  });

  it('come from the ranges that a task declares, which hold its own values', async () => {
    for (const id of ['CartPole-v0', 'CartPoleSwingUp-v0', 'Pendulum-v0']) {
      const { params, randomize: ranges } = registry.task(id);
      for (const [name, { low, high }] of Object.entries(ranges!))
        if (Object.hasOwn(params, name)) expect(params[name]).to.be.within(low, high);
      const env = await make(id, { randomize: true });
      const { info } = await env.reset({ seed: 1 });
      expect(info.params).to.have.all.keys(Object.keys(ranges!).filter((name) => Object.hasOwn(params, name)));
      expect(Object.entries(info.params as object).some(([name, value]) => value !== params[name])).to.equal(true);
      await env.close();
    }
  });

  it('are refused where there is no such parameter, no such range, or no scene', async () => {
    for (const ranges of [
      { nothing: { low: 0, high: 1 } },
      { poleMass_kg: { low: 1, high: 0.5 } },
      { poleMass_kg: { low: 0, high: 1, scale: 'log' } },
      { poleMass_kg: { low: Number.NaN, high: 1 } },
    ] as const)
      expect(await codeOf(() => make(id, { randomize: ranges as never }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => make(id, { randomize: { poleMass_kg: { low: -1, high: 1 } } }))).to.equal('SCENE_INVALID');
    expect(() => physicalRanges(contactBox, true)).to.throw('declares none');
  });
});
