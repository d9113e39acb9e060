import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, type OnnxRuntime, type OnnxSession } from '../../src/onnx/index.ts';
import { box } from '../../src/spaces/space.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import { type FitJob, fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../src/world-model/train-ensemble.ts';

/** A number pushed about by noise of known size. */
const noisy = anyTask(
  defineTask({
    id: 'Noisy-v0',
    summary: '',
    state: { x: { role: 'dynamic', kind: 'scalar', unit: '1' } },
    observationSpace: box({ low: -10, high: 10, shape: [1] }),
    actionSpace: box({ low: -1, high: 1, shape: [1] }),
    commands: [{ name: 'push', unit: '1', low: -1, high: 1 }],
    controlDt_s: 1,
    horizon: 10,
    params: {},
    engines: { rapier: { step_s: 1 } },
    scene: () => ({ name: '', gravity_mps2: [0, 0, 0], bodies: [], joints: [], actuators: [] }),
    initial() {},
    place() {},
    read() {},
    actuate() {},
    observe() {},
    reward: {},
  }),
);

type Spread = (x: number) => number;
const even: Spread = () => 0.1;
const uneven: Spread = (x) => (x < 0 ? 0.02 : 0.2);
const runtime = nodeRuntime();
const members = 3;

function transitions(count: number, seed: number, spread: Spread): Transitions {
  const rng = new Rng(seed);
  const state = Float64Array.from({ length: count }, () => rng.uniform(-2, 2));
  const command = Float64Array.from({ length: count }, () => rng.uniform(-1, 1));
  const next = state.map((x, i) => x + 0.5 * command[i]! + Math.sin(x) / 4 + spread(x) * rng.normal());
  return { count, state, action: command, command, next, episode: new Int32Array(count) };
}

/** Share of fresh next states inside the whole ensemble's central 90 %: by member sampling it is spread by √(mean scale² + disagreement²). */
async function coverage(spread: Spread): Promise<{ all: number; low: number; high: number; scales: [number, number] }> {
  const trained = await trainEnsemble(noisy, transitions(1500, 1, spread), {
    name: 'noisy',
    updates: 700,
    seed: 2,
    config: { ...ensembleDefaults, members, hidden: [24, 24], batch: 128 },
    fit: (job, hooks) => fitEnsemble(runtime, job, hooks),
  });
  const model = await openModel(runtime, 'noisy', trained.manifest, trained.predict, noisy);
  const fresh = transitions(2000, 99, spread);
  const repeated = (values: Float64Array) => Float32Array.from({ length: members * fresh.count }, (_, i) => values[i % fresh.count]!);
  const { mean, scale } = await model.predict({
    rows: members * fresh.count,
    state: repeated(fresh.state),
    action: repeated(fresh.command),
    context: new Float32Array(0),
    noise: new Float32Array(members * fresh.count),
    memory: new Float32Array(0),
  });
  await model.close();
  const inside = { low: [0, 0], high: [0, 0] };
  const scales = { low: 0, high: 0 };
  for (let row = 0; row < fresh.count; row++) {
    const means = Array.from({ length: members }, (_, member) => mean![member * fresh.count + row]!);
    const centre = means.reduce((sum, value) => sum + value, 0) / members;
    const disagreement2 = means.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (members - 1);
    const variance = means.reduce((sum, _, member) => sum + scale![member * fresh.count + row]! ** 2, 0) / members;
    const side = fresh.state[row]! < 0 ? 'low' : 'high';
    if (Math.abs(fresh.next[row]! - centre) <= 1.6449 * Math.sqrt(variance + disagreement2)) inside[side][0]!++;
    inside[side][1]!++;
    scales[side] += Math.sqrt(variance);
  }
  const share = ([hits, of]: number[]) => hits! / of!;
  return {
    all: (inside.low[0]! + inside.high[0]!) / fresh.count,
    low: share(inside.low),
    high: share(inside.high),
    scales: [scales.low / inside.low[1]!, scales.high / inside.high[1]!],
  };
}

describe('the calibration of an ensemble', () => {
  it('holds nine of ten fresh outcomes of even noise', async () => {
    const { all, low, high, scales } = await coverage(even);
    for (const share of [all, low, high]) expect(share).to.be.within(0.85, 0.95);
    for (const scale of scales) expect(scale).to.be.within(0.08, 0.125);
  });

  it('holds as many where noise depends on the state, and tells the noisy side from the quiet one', async () => {
    const { all, low, high, scales } = await coverage(uneven);
    expect(all).to.be.within(0.85, 0.95);
    for (const share of [low, high]) expect(share).to.be.within(0.8, 0.98);
    expect(scales[1] / scales[0]).to.be.within(4, 16);
  });
});

/** A runtime that notes what training is fed. */
function watched(
  inner: OnnxRuntime,
  heads?: (session: OnnxSession) => OnnxSession,
): { runtime: OnnxRuntime; rates: number[]; drawn: Int32Array[] } {
  const rates: number[] = [];
  const drawn: Int32Array[] = [];
  const watch = (session: OnnxSession): OnnxSession => ({
    ...session,
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    inputs: session.inputs,
    outputs: session.outputs,
    run(feeds, outputs) {
      rates.push((feeds.learning_rate!.data as Float32Array)[0]!);
      drawn.push((feeds.indices!.data as Int32Array).slice());
      return session.run(feeds, outputs);
    },
    release: () => session.release(),
  });
  return {
    runtime: {
      async load(bytes, options) {
        const session = await inner.load(bytes, options);
        return options?.name === 'ensemble heads' ? (heads?.(session) ?? session) : watch(session);
      },
    },
    rates,
    drawn,
  };
}

function jobOf(parts: Partial<FitJob> = {}): FitJob {
  const rng = new Rng(1);
  const rows = 200;
  const input = Float32Array.from({ length: rows }, () => rng.normal());
  return {
    input,
    target: input.map((value) => value / 2),
    rows,
    features: 1,
    targets: 1,
    config: { ...ensembleDefaults, members, hidden: [4], batch: 16 },
    updates: 100,
    seed: 3,
    ...parts,
  };
}

describe('fitting an ensemble', () => {
  it('lowers the learning rate along half a cosine, from the full rate to the final share', async () => {
    const { runtime: noting, rates } = watched(runtime);
    const { learningRate, finalLearningRate } = ensembleDefaults;
    await fitEnsemble(noting, jobOf({ updates: 2001 }));
    expect(rates).to.have.length(41);
    expect(rates[0]).to.be.closeTo(learningRate, 1e-8);
    expect(rates[20]).to.be.closeTo((learningRate * (1 + finalLearningRate)) / 2, learningRate * 1e-3);
    expect(rates.at(-1)).to.be.closeTo(learningRate * finalLearningRate, learningRate * 1e-5);
    rates.slice(1).forEach((rate, i) => void expect(rate).to.be.below(rates[i]!));
  });

  it('draws each member its own two thirds of the rows, the same ones from the same seed', async () => {
    const rowsOf = async (seed: number) => {
      const { runtime: noting, drawn } = watched(runtime);
      await fitEnsemble(noting, jobOf({ seed, updates: 400 }));
      return membersOf(drawn).map((rows) => [...rows].sort((a, b) => a - b));
    };
    const first = await rowsOf(3);
    expect(await rowsOf(3)).to.deep.equal(first);
    expect(await rowsOf(4)).to.not.deep.equal(first);
    for (const rows of first) expect(rows.length / 200).to.be.within(0.55, 0.71);
    expect(first[0]).to.not.deep.equal(first[1]);
  });

  it('calibrates on rows that a member has not seen, of the newer part alone', async () => {
    const job = jobOf({ updates: 400 });
    const rng = new Rng(8);
    // What members say of unseen rows is off by normals twice as wide as they claim; of all other rows, absurdly.
    const off = Float64Array.from({ length: job.rows }, (_, row) => (row < 0.4 * job.rows ? 1000 : 2 * rng.normal()));
    const { runtime: noting, drawn } = watched(runtime, (session) => ({
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      inputs: session.inputs,
      outputs: session.outputs,
      async run() {
        const seen = membersOf(drawn);
        const mean = Float32Array.from({ length: members * job.rows }, (_, i) => {
          const row = i % job.rows;
          return job.target[row]! + (seen[Math.floor(i / job.rows)]!.has(row) ? 1000 : off[row]!);
        });
        const dims = [members, job.rows, 1];
        return { mean: { type: 'float32', data: mean, dims }, deviation: { type: 'float32', data: mean.map(() => 1), dims } } as const;
      },
      release: () => session.release(),
    }));
    const { calibration } = await fitEnsemble(noting, job);
    // Some 40 rows are unseen by two members or more: their 90 % quantile scatters.
    expect(calibration[0]).to.be.within(1.3, 3);
  });
});

/** Rows each member was ever fed. `[steps, members, batch]` a chunk. */
function membersOf(chunks: readonly Int32Array[]): Set<number>[] {
  const sets = Array.from({ length: members }, () => new Set<number>());
  for (const chunk of chunks) chunk.forEach((row, i) => void sets[Math.floor(i / 16) % members]!.add(row));
  return sets;
}
