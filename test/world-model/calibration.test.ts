import { expect } from 'chai';
import { type Transitions, transitionsHash } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, type OnnxRuntime, type OnnxSession } from '../../src/onnx/index.ts';
import { calibrateEnsemble, calibrateOnUnseen, type EnsembleOutputs, keptFrom } from '../../src/world-model/calibrate-ensemble.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import { type FitJob, fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../src/world-model/train-ensemble.ts';
import { bareTask } from '../contracts/stub-tasks.ts';
import { rejected } from '../onnx/run-graph.ts';

/** A number pushed about by noise of known size. */
const noisy = bareTask({ id: 'Noisy-v0', state: { x: { role: 'dynamic', kind: 'scalar', unit: '1' } } });

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
function watched(inner: OnnxRuntime): { runtime: OnnxRuntime; rates: number[]; drawn: Int32Array[] } {
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
        return options?.name === 'ensemble heads' ? session : watch(session);
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
    episode: new Int32Array(rows),
    calibrateFrom: 0,
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

  it('shows a member every row but those kept from it', async () => {
    const { runtime: noting, drawn } = watched(runtime);
    await fitEnsemble(noting, jobOf({ updates: 1000 }));
    const kept = keptFrom(200, members);
    membersOf(drawn).forEach((rows, member) => {
      for (let row = 0; row < 200; row++) expect(rows.has(row), `member ${member}, row ${row}`).to.equal(kept[row] !== member);
    });
  });

  it('shows no member the rows that are held back', async () => {
    const { runtime: noting, drawn } = watched(runtime);
    const { calibration } = await fitEnsemble(noting, jobOf({ updates: 500, calibrateFrom: 150, heldBack: true }));
    for (const rows of membersOf(drawn))
      expect([...rows].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 150 }, (_, row) => row));
    expect(calibration.rows).to.equal(50);
  });

  it('needs rows to learn from and rows to calibrate on', async () => {
    for (const calibrateFrom of [0, 9, 200])
      expect(await rejected(() => fitEnsemble(runtime, jobOf({ updates: 1, calibrateFrom, heldBack: true })))).to.include({
        code: 'TRAINING_FAILED',
      });
  });

  it('draws other batches from another seed, the same ones from the same', async () => {
    const drawnBy = async (seed: number) => {
      const { runtime: noting, drawn } = watched(runtime);
      await fitEnsemble(noting, jobOf({ seed, updates: 100 }));
      return drawn;
    };
    const first = await drawnBy(3);
    expect(await drawnBy(3)).to.deep.equal(first);
    expect(await drawnBy(4)).to.not.deep.equal(first);
  });

  it('refuses a share of the data that is none', async () => {
    const options = { name: 'noisy', updates: 1, seed: 1, fit: () => expect.fail('not reached') };
    for (const calibrationShare of [0, -1, 1.5, Number.NaN])
      expect(await rejected(() => trainEnsemble(noisy, transitions(50, 1, even), { ...options, calibrationShare }))).to.include({
        code: 'OPTION_INVALID',
      });
  });
});

describe('an ensemble with episodes held back', () => {
  it('is trained on the others alone, and says what it was calibrated on', async () => {
    const [data, heldBack] = [transitions(300, 1, even), transitions(100, 2, even)];
    let seen: FitJob | undefined;
    const trained = await trainEnsemble(noisy, data, {
      name: 'noisy',
      updates: 100,
      seed: 2,
      config: { ...ensembleDefaults, members, hidden: [8], batch: 32 },
      heldBack,
      fit: (job, hooks) => {
        seen = job;
        return fitEnsemble(runtime, job, hooks);
      },
    });
    expect(seen).to.include({ rows: 400, calibrateFrom: 300, heldBack: true });
    expect([...seen!.episode.slice(298, 302)], 'the same episode would let one go on in the other').to.deep.equal([0, 0, 1, 1]);
    expect(trained.manifest.calibration).to.include({ rows: 100 });
    expect(trained.manifest.training).to.deep.include({
      transitions: 300,
      heldBack: { transitions: 100, dataHash: transitionsHash(heldBack) },
    });
    // Scaled by what is trained on alone.
    const mean = data.state.reduce((sum, x) => sum + x, 0) / 300;
    const deviation = Math.sqrt(data.state.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 300);
    expect(seen!.input[2 * 300]).to.be.closeTo((heldBack.state[0]! - mean) / deviation, 1e-5);
  });
});

describe('the rows kept from members', () => {
  it('are whole blocks, one in three, dealt in turn', () => {
    const kept = keptFrom(1250, 7);
    const count = (member: number) => kept.filter((value) => value === member).length;
    expect(count(-1) / 1250).to.be.closeTo(2 / 3, 0.02);
    for (let member = 0; member < 7; member++) expect(count(member)).to.be.within(50, 75);
    expect([...kept.slice(0, 100)]).to.deep.equal([...new Array(25).fill(0), ...new Array(50).fill(-1), ...new Array(25).fill(1)]);
  });

  it('leave every member some where there are few, and are none for one alone', () => {
    for (const rows of [10, 21, 100]) for (const member of [0, 1, 2]) expect([...keptFrom(rows, 3)], String(rows)).to.include(member);
    expect(new Set(keptFrom(100, 1))).to.deep.equal(new Set([-1]));
  });
});

/** Members that say the target plus `error(row, member)`, all with the same deviation. */
function outputs(rows: number, error: (row: number, member: number) => number, parts: Partial<EnsembleOutputs> = {}): EnsembleOutputs {
  const mean = Float32Array.from({ length: members * rows }, (_, i) => error(i % rows, Math.floor(i / rows)));
  return {
    members,
    rows,
    targets: 1,
    mean,
    deviation: new Float32Array(members * rows).fill(1),
    target: new Float32Array(rows),
    keptFrom: keptFrom(rows, members),
    episode: new Int32Array(rows),
    from: 0,
    ...parts,
  };
}

describe('calibrating what members say', () => {
  const rows = 30000;
  const rng = new Rng(5);
  const normal = Float64Array.from({ length: rows }, () => rng.normal());

  it('widens what is claimed to what is missed', () => {
    // All members miss by the same, twice as far as they claim: nothing of it is disagreement.
    const { factor, correlation } = calibrateEnsemble(outputs(rows, (row) => 2 * normal[row]!));
    expect(factor).to.be.closeTo(2, 0.05);
    expect(correlation).to.be.closeTo(0, 0.03);
  });

  it('leaves to disagreement what disagreement holds', () => {
    const own = Float64Array.from({ length: members * rows }, () => rng.normal());
    const shared = 0.5;
    const both = (scale: number) => outputs(rows, (row, member) => shared * normal[row]! + scale * own[member * rows + row]!);
    // c² = b² + δ²/M − δ² is .29² were the disagreement of three members known; it is estimated, and the 90 % must hold all the same.
    expect(calibrateEnsemble(both(0)).factor).to.be.closeTo(0.5, 0.02);
    expect(calibrateEnsemble(both(0.5)).factor).to.be.within(0.28, 0.45);
    expect(calibrateEnsemble(outputs(rows, () => 0)).factor, 'never nothing').to.be.closeTo(0.2, 1e-6);
  });

  it('judges by the member that was kept from a row, and by rows that one was', () => {
    const kept = keptFrom(rows, members);
    const error = (row: number, member: number) => (kept[row] === member || kept[row] === -1 ? 1000 * normal[row]! : normal[row]!);
    // The others, who saw the row, are a thousand times nearer; where all saw it nobody is asked.
    expect(calibrateEnsemble(outputs(rows, error)).factor).to.be.above(0.2);
    const seen = (row: number) => (kept[row] === -1 ? 1000 : 1) * normal[row]!;
    expect(calibrateEnsemble(outputs(rows, seen)).factor).to.be.closeTo(1, 0.03);
  });

  it('looks at the rows from the given one on', () => {
    const late = (row: number) => (row < rows / 2 ? 50 : 1) * normal[row]!;
    expect(calibrateEnsemble(outputs(rows, late, { from: rows / 2 })).factor).to.be.closeTo(1, 0.04);
  });

  it('finds how errors persist, within episodes', () => {
    const drift = new Float64Array(rows);
    for (let row = 0; row < rows; row++) drift[row] = row === 0 ? 0 : 0.7 * drift[row - 1]! + Math.sqrt(1 - 0.49) * normal[row]!;
    expect(calibrateEnsemble(outputs(rows, (row) => drift[row]!)).correlation).to.be.closeTo(0.7, 0.04);
    const singles = Int32Array.from({ length: rows }, (_, row) => row);
    expect(calibrateEnsemble(outputs(rows, (row) => drift[row]!, { episode: singles })).correlation).to.equal(0);
    expect(calibrateEnsemble(outputs(rows, () => 1)).correlation, 'never all of it').to.equal(0.9);
  });

  it('takes deviations as they are when nothing was kept back', () => {
    const none = calibrateEnsemble(outputs(rows, () => 1, { keptFrom: new Int32Array(rows).fill(-1) }));
    expect(none).to.deep.equal({ factor: 1, rows: 0, correlation: 0 });
  });
});

describe('calibrating on rows that no member has seen', () => {
  const rows = 20000;
  const rng = new Rng(6);
  const normal = Float64Array.from({ length: rows }, () => rng.normal());

  it('widens what is claimed to what is missed', () => {
    const { factor, rows: used, correlation } = calibrateOnUnseen(outputs(rows, (row) => 2 * normal[row]!));
    expect(factor).to.be.closeTo(2, 0.05);
    expect(used).to.equal(rows);
    expect(correlation).to.equal(0);
  });

  it('takes the mixture of the members as it is: right where truth is drawn from it, however far members stand apart', () => {
    const centre = (member: number) => 4 * (member - 1);
    const target = Float32Array.from(normal, (value) => centre(rng.integer(members)) + 1.5 * value);
    expect(calibrateOnUnseen(outputs(rows, (_, member) => centre(member), { target })).factor).to.be.closeTo(1.5, 0.06);
  });

  it('looks at the rows from the given one on', () => {
    const late = (row: number) => (row < rows / 2 ? 50 : 1) * normal[row]!;
    const calibration = calibrateOnUnseen(outputs(rows, late, { from: rows / 2 }));
    expect(calibration.factor).to.be.closeTo(1, 0.04);
    expect(calibration.rows).to.equal(rows / 2);
  });
});

/** Rows each member was ever fed. `[steps, members, batch]` a chunk. */
function membersOf(chunks: readonly Int32Array[]): Set<number>[] {
  const sets = Array.from({ length: members }, () => new Set<number>());
  for (const chunk of chunks) chunk.forEach((row, i) => void sets[Math.floor(i / 16) % members]!.add(row));
  return sets;
}
