import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { episodesOf } from '../../../src/data/episode-transitions.ts';
import { episodeSpans, type Transitions, transitionsHash } from '../../../src/data/transitions.ts';
import { isGroundtwinError } from '../../../src/errors.ts';
import { drawSegments } from '../../../src/gap/identify/segments.ts';
import {
  type Identified,
  linearOf,
  observationPlayer,
  readIdentified,
  recordedObservations,
  recordedStates,
  segmentsOf,
  unseenPart,
} from '../../../src/gap/index.ts';
import { blockPlan } from '../../../src/gap/log/block-plan.ts';
import { identificationRng } from '../../../src/gap/log/identified.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { conditionOn } from '../../../src/task/condition.ts';
import type { ImagineInput, ObservationModel, ObserveInput } from '../../../src/world-model/observation-model.ts';
import { swings } from '../pendulums.ts';

const task = registry.task('Pendulum-v0');

describe('segments of a log', () => {
  let data: Transitions;
  before(async () => {
    data = await swings(5, 4, 30);
  });

  it('begin every ten steps, stay within episodes, and leave room for what goes before', () => {
    const recorded = recordedStates(task, data);
    expect(segmentsOf(recorded, 15, 2, 100)).to.deep.equal({ starts: [2, 12, 32, 42, 62, 72, 92, 102], block: 2, apart: 4 });
    expect(segmentsOf(recorded, 5, 0, 100).starts.slice(0, 7)).to.deep.equal([0, 5, 10, 15, 20, 25, 30]);
    expect(segmentsOf(recorded, 15, 2, 3).starts).to.deep.equal([2, 62, 102]);
    expect(segmentsOf(recorded, 31, 0, 100).starts).to.deep.equal([]);
  });

  it('that overlap are resampled in runs: means of what neighbours share vary as if there were fewer', () => {
    const [count, block, resamples] = [60, 6, 400];
    const plan = blockPlan(count, block, new Rng(1), resamples);
    for (let resample = 0; resample < resamples; resample++) {
      const drawn = plan.indices.subarray(resample * count, (resample + 1) * count);
      drawn.forEach((index, i) => {
        if (i % block > 0) expect(index).to.equal((drawn[i - 1]! + 1) % count);
      });
      const times = new Array(count).fill(0);
      for (const index of drawn) times[index]++;
      expect([...plan.multiplicities.subarray(resample * count, (resample + 1) * count)]).to.deep.equal(times);
    }
    // Neighbours in runs of six are one and the same: the mean has the variance of ten draws, not of sixty.
    const values = Array.from({ length: count }, (_, i) => (Math.floor(i / block) % 2 === 0 ? 1 : -1));
    const means = Array.from({ length: resamples }, (_, r) =>
      plan.indices.subarray(r * count, (r + 1) * count).reduce((sum, i) => sum + values[i]! / count, 0),
    );
    const spread = Math.sqrt(means.reduce((sum, value) => sum + value * value, 0) / resamples);
    expect(spread).to.be.within(0.6 / Math.sqrt(10), 1.1 / Math.sqrt(10));
    expect(1 / Math.sqrt(count)).to.be.below(0.6 / Math.sqrt(10));
  });
});

describe('what was identified', () => {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-identified-'));
  after(() => rmSync(folder, { recursive: true }));
  const whole = {
    format: 'groundtwin-identify.v1',
    task: task.id,
    dataHash: 'x',
    seed: 1,
    settings: { segment_steps: 10, maxDelay_steps: 2, heldOut: 0.25, segments: 100 },
    parameters: [{ name: 'mass_kg', estimate: 1.4, low: 0.25 }],
    delay: { steps: 1, tried: [] },
  };
  const read = (content: unknown, of = task) => {
    const path = join(folder, 'identify.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return readIdentified(path, of);
  };

  it('is read as it was written', () => {
    expect(read(whole)).to.deep.equal({
      task: task.id,
      params: { mass_kg: 1.4 },
      delay_steps: 1,
      fittedOn: { hash: 'x', seed: 1, segment_steps: 10, maxDelay_steps: 2, heldOut: 0.25 },
    });
  });

  it('is refused when it is something else', () => {
    const refusals: readonly [content: unknown, says: RegExp][] = [
      ['', /no JSON/],
      ['[1', /no JSON/],
      ['null', /must be/],
      [{ ...whole, format: 'gapReport' }, /not what groundtwin identify writes/],
      [{ ...whole, dataHash: undefined }, /dataHash must be a string.*Identify anew/],
      [{ ...whole, task: 'CartPole-v0' }, /identified for 'CartPole-v0'/],
      [{ ...whole, parameters: [] }, /no parameter/],
      [{ ...whole, parameters: [{ name: 'constructor', estimate: 1 }] }, /'constructor' is no parameter of Pendulum-v0: mass_kg/],
      [{ ...whole, parameters: [{ name: 'mass_kg', estimate: null }] }, /estimate must be a number/],
      [{ ...whole, delay: { steps: -1 } }, /steps must be an integer/],
      [{ ...whole, settings: { ...whole.settings, heldOut: 2 } }, /share of the episodes/],
    ];
    for (const [content, says] of refusals)
      expect(() => read(content), String(says))
        .to.throw(says)
        .that.satisfies((error: unknown) => isGroundtwinError(error, 'DATA_INVALID'));
    expect(() => readIdentified(join(folder, 'nowhere.json'), task)).to.throw(/no JSON that can be read/);
    expect(() => read(whole, conditionOn(task, ['mass_kg']))).to.throw(/stands in the states themselves/);
  });

  it('keeps fitted episodes out of what is measured, of the very same data alone', async () => {
    const data = await swings(5, 8, 30);
    const settings = { segment_steps: 10, maxDelay_steps: 2, heldOut: 0.25 };
    const identified: Identified = { ...read(whole), fittedOn: { hash: transitionsHash(data), seed: 4, ...settings } };
    const { data: part, isSame } = unseenPart(task, data, identified);
    const { fitted, heldOut } = drawSegments(task, data, { steps: 10, lead: 2, heldOut: 0.25, most: 1000, rng: identificationRng(4) });
    expect(isSame).to.equal(true);
    expect(new Set(part.episode)).to.deep.equal(new Set(heldOut.episode));
    expect([...part.episode].some((episode) => fitted.episode.includes(episode))).to.equal(false);
    expect(part.count).to.equal(60);
    const [first] = part.episode;
    const { from } = episodeSpans(data).find(({ from: row }) => data.episode[row] === first)!;
    expect([...part.state.subarray(0, 4)]).to.deep.equal([...data.state.subarray(2 * from, 2 * from + 4)]);
    const other = await swings(6, 8, 30);
    expect(unseenPart(task, other, identified)).to.deep.equal({ data: other, isSame: false });
  });

  it('of one long episode leaves its end', async () => {
    const data = await swings(5, 1, 100);
    const settings = { segment_steps: 10, maxDelay_steps: 0, heldOut: 0.3 };
    const { data: part } = unseenPart(task, data, { ...read(whole), fittedOn: { hash: transitionsHash(data), seed: 4, ...settings } });
    const { fitted } = drawSegments(task, data, { steps: 10, lead: 0, heldOut: 0.3, most: 1000, rng: identificationRng(4) });
    // Nine segments of eleven rows: three are kept, from row 66 on.
    expect(part.count).to.equal(34);
    expect(fitted.count).to.equal(6);
    expect([...part.next.subarray(66)]).to.deep.equal([...data.next.subarray(198)]);
  });
});

/** Its memory is the sum of all that it was shown, and what it imagines is that sum and what it then does. */
const summing: ObservationModel = {
  manifest: {
    members: 1,
    memorySize: 4,
    noise: { distribution: 'none', size: 0 },
    observation: { size: 3 },
    action: { size: 1 },
  } as unknown as ObservationModel['manifest'],
  fingerprint: 'summing',
  initial: async () => Float32Array.of(0.5, 0, 0, 0),
  async observe({ rows, memory, previousAction, observation }: ObserveInput) {
    return Float32Array.from({ length: rows * 4 }, (_, i) => {
      const row = Math.floor(i / 4);
      return memory[i]! + (i % 4 === 3 ? previousAction[row]! : observation[row * 3 + (i % 4)]!);
    });
  },
  async predict({ rows, memory, action }: ImagineInput) {
    const nextMemory = memory.map((value, i) => value + (i % 4 === 3 ? action[Math.floor(i / 4)]! : 0));
    const sample = Float32Array.from({ length: rows * 3 }, (_, i) => nextMemory[Math.floor(i / 3) * 4 + (i % 3 === 2 ? 3 : 0)]! / 100);
    return { nextMemory, sample, reward: new Float32Array(rows), continues: new Float32Array(rows).fill(1) };
  },
  decode: async (rows) => new Float32Array(rows * 3),
  close: async () => {},
};

describe('a model of observations against a log', () => {
  it('is shown what the robot saw up to the start, and then driven by what it did', async () => {
    const data = await swings(5, 2, 60);
    const set = episodesOf(task, data);
    const recorded = recordedObservations(task, set, 'log');
    expect(recorded.count).to.equal(120);
    expect([...recorded.now.subarray(0, 3)]).to.deep.equal([...(set.episodes[0]!.observation as Float32Array).subarray(0, 3)]);
    const starts = [2, 50, 60];
    const rows = await observationPlayer(task, summing, recorded).play(starts, 4, 2, 0);
    const shownFrom = [0, 18, 60];
    starts.forEach((start, i) => {
      const seen = Array.from({ length: start - shownFrom[i]! + 1 }, (_, k) => recorded.now[(shownFrom[i]! + k) * 3]!).reduce(
        (sum, value) => sum + value,
        0.5,
      );
      const shown = Array.from({ length: start - shownFrom[i]! }, (_, k) => recorded.input[shownFrom[i]! + k]!).reduce(
        (sum, value) => sum + value,
        0,
      );
      let done = shown;
      for (let step = 1; step <= 4; step++) {
        done += recorded.input[start + step - 1]!;
        for (let copy = 0; copy < 2; copy++) {
          const at = ((i * 2 + copy) * 5 + step) * 3;
          expect(rows[at]).to.be.closeTo(Math.max(-1, Math.min(1, seen / 100)), 1e-5);
          expect(rows[at + 2]).to.be.closeTo(done / 100, 1e-5);
        }
      }
      expect([...rows.subarray(i * 30, i * 30 + 3)]).to.deep.equal([...recorded.now.subarray(start * 3, start * 3 + 3)]);
    });
    expect(linearOf(recorded).commandSize).to.equal(1);
  });

  it('is refused observations of another size or another step', async () => {
    const set = episodesOf(task, await swings(5, 2, 10));
    const refusal = (spec: object) => () =>
      recordedObservations(task, { ...set, episodes: set.episodes, spec: { ...set.spec, ...spec } }, 'log');
    expect(refusal({ controlDt_s: 0.1 })).to.throw(/steps take 0.1 s, those of Pendulum-v0 0.05 s/);
    expect(refusal({ observationSpace: task.actionSpace })).to.throw(/observations have 1 numbers, those of Pendulum-v0 3/);
    expect(refusal({ actionSpace: task.observationSpace })).to.throw(/actions have 3 numbers/);
  });
});
