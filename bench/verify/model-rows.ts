/** The figures of world models and of what trains and runs them. */
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, TrainingProgram } from '../../src/onnx/index.ts';
import { torchPeer } from '../peers/python-peer.ts';
import { type NetworkName, trainingNetwork } from '../peers/training-networks.ts';
import { cpuTime_s, fullTiming, speedOf, type TimedSide, type TimingSize, timeInTurns } from '../speed/turns.ts';
import { driftRows } from './drift-rows.ts';
import { formatRows } from './format-rows.ts';
import { hostileModelRows } from './hostile-model-rows.ts';
import { imaginedRows } from './imagined-rows.ts';
import { goldenErrors } from './onnx-goldens.ts';
import { recurrentRows } from './recurrent-rows.ts';
import { resumeRows } from './resume-rows.ts';
import type { Context, Measured, Row } from './row.ts';
import { skillRows } from './skill-rows.ts';
import { thetaRows } from './theta-rows.ts';

/** Steps of one run of the graph: as many as a trainer takes. */
const stepsPerRun = 20;

/** Training steps of one network here, on random rows. */
async function trainingSide(name: NetworkName): Promise<{ side: TimedSide; close(): Promise<void> }> {
  const { compiled, rows, uniform, drawn, noise } = trainingNetwork(name);
  const program = await TrainingProgram.open(nodeRuntime(), compiled);
  const rng = new Rng(1);
  const draw = () => (uniform ? rng.uniform() : rng.normal());
  const filled = ({ columns }: { readonly columns: readonly number[] }) =>
    Float32Array.from({ length: columns.reduce((size, width) => size * width, rows) }, draw);
  program.setTables(Object.fromEntries(compiled.tables.map((table) => [table.name, filled(table)])), rows);
  const run = (steps: number) => {
    const indices = Int32Array.from({ length: steps * drawn }, () => rng.integer(rows));
    return program.run(indices, 1e-3, noise > 0 ? { noise: Float32Array.from({ length: steps * noise }, () => rng.normal()) } : {});
  };
  const train = async (steps: number) => {
    for (let done = 0; done < steps; done += stepsPerRun) await run(Math.min(stepsPerRun, steps - done));
  };
  return { side: (steps) => cpuTime_s(() => train(steps)), close: () => program.release() };
}

/** CPU time of a training step, ours over PyTorch's: median over pairs of blocks. */
export async function trainingStepRatio(
  name: NetworkName,
  { log }: Pick<Context, 'log'>,
  size: TimingSize = fullTiming,
): Promise<Measured> {
  const peer = torchPeer(log);
  const { side, close } = await trainingSide(name);
  try {
    const theirs = async (steps: number) => (await peer.ask<{ cpu_s: number }>({ op: 'train', network: name, steps })).cpu_s;
    const { sides, blocks_us } = await timeInTurns({ ours: side, torch: theirs }, size);
    // Of times, not of speeds.
    const { ratio, low, high } = speedOf(blocks_us.torch, blocks_us.ours);
    return { measured: ratio, raw: { ratio, low, high, sides, versions: await peer.ask({ op: 'about' }) } };
  } finally {
    peer.close();
    await close();
  }
}

function stepRow(network: NetworkName, goal: number, what: string): Row {
  return {
    id: `model.step_${network}`,
    what: `CPU time of a training step over PyTorch's (eager, fused AdamW, one thread), in turns: ${what}`,
    operator: '<=',
    goal,
    unit: '×',
    budget_s: 900,
    measure: (context) => trainingStepRatio(network, context),
  };
}

export const modelRows: readonly Row[] = [
  ...driftRows,
  stepRow('ensemble', 1.1, '5 × [24-200-200-200-36], batch 256'),
  stepRow('gru', 0.9, 'GRU 24-200 over 16 steps, batch 256, against nn.GRU'),
  stepRow('transformer', 1.3, 'one causal block of width 128, 64 × 32 tokens'),
  stepRow('vae', 1.2, 'convolutional VAE of World Models, 64 × 64 × 3, batch 32'),
  ...imaginedRows,
  {
    id: 'model.grad_err',
    what: "gradients of ensemble, GRU, transformer block and VAE against PyTorch's, worst relative error",
    operator: '<=',
    goal: 2e-5,
    unit: '',
    budget_s: 30,
    measure: async () => {
      const raw = await goldenErrors();
      return { measured: Math.max(...raw.map(({ error }) => error)), raw };
    },
  },
  ...formatRows,
  ...hostileModelRows,
  ...recurrentRows,
  ...resumeRows,
  ...skillRows,
  ...thetaRows,
];
