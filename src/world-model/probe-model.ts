import { layOut, viewsOver } from '../core/state-spec.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import type { AnyTask } from '../task/task.ts';
import { contextEntries, elementsOf, predictedEntries, tileRows } from './contract.ts';
import { MemoryLanes } from './memory-lanes.ts';
import type { ObservationModel } from './observation-model.ts';
import type { PredictionInput, WorldModel } from './world-model.ts';

/**
 * Runs a model once, on starts of its task, so that what its bytes do not show is refused when it is loaded and not in the middle of an episode.
 * @throws MODEL_REFUSED when it fails, returns another number of rows, something that is not finite, or a scale below 0; MODEL_STOPPED.
 */
export async function probeModel(name: string, model: WorldModel, task: AnyTask): Promise<void> {
  await probe(name, async () => {
    const starts = startsOf(task, model);
    const prediction = { ...(await model.predict(starts)) };
    if (model.takesShares) await requireShares(name, model, starts);
    return prediction;
  });
}

/** Each member, asked alone for all rows, must answer the same starts as it did in its own block. @throws MODEL_REFUSED */
async function requireShares(name: string, model: WorldModel, starts: PredictionInput): Promise<void> {
  const { members } = model.manifest;
  const same = withEqualBlocks(starts, members);
  const { sample: expected } = await model.predict(same);
  const block = expected.length / members;
  for (let member = 0; member < members; member++) {
    const shares = new BigInt64Array(members);
    shares[member] = BigInt(same.rows);
    const { sample } = await model.predict({ ...same, shares });
    const odd = sample.findIndex((value, i) => !Object.is(value, expected[member * block + (i % block)]));
    if (odd >= 0)
      throw new GroundtwinError('MODEL_REFUSED', {
        model: name,
        problem: `it takes 'shares', but when they give all ${same.rows} rows to member ${member}, it answers row ${Math.floor((odd * same.rows) / sample.length)} otherwise than that member does`,
      });
  }
}

/** The rows of the first block, for every member. */
function withEqualBlocks(input: PredictionInput, members: number): PredictionInput {
  const repeated = (values: Float32Array) => values.map((_, i) => values[i % (values.length / members)]!);
  const { rows, state, action, context, noise, memory } = input;
  return {
    rows,
    state: repeated(state),
    action: repeated(action),
    context: repeated(context),
    noise: repeated(noise),
    memory: repeated(memory),
  };
}

/** The same of a model of observations: its first observations, drawn and then taken in, with no action yet. */
export async function probeObservationModel(name: string, model: ObservationModel): Promise<void> {
  await probe(name, async () => {
    const rows = tileRows * model.manifest.members;
    const dream = new MemoryLanes(model, rows);
    const [all, still] = [new Uint8Array(rows).fill(1), new Float32Array(rows * model.manifest.action.size)];
    const initial = await model.initial();
    for (let lane = 0; lane < rows; lane++) dream.start(lane, lane, initial);
    await dream.predict(still, all);
    const { sample, reward, continues } = dream;
    const imagined = dream.memory.slice();
    for (let lane = 0; lane < rows; lane++) dream.start(lane, lane, initial);
    await dream.observe(still, sample, all);
    const decoded = await model.decode(rows, dream.memory);
    return { initial, imagined, sample, reward, continue: continues, observed: dream.memory, decoded };
  });
}

async function probe(name: string, run: () => Promise<Readonly<Record<string, Float32Array | undefined>>>): Promise<void> {
  const refuse = (problem: string): never => {
    throw new GroundtwinError('MODEL_REFUSED', { model: name, problem });
  };
  try {
    for (const [output, values] of Object.entries(await run())) {
      const odd = values?.find((value) => !Number.isFinite(value) || (output === 'scale' && value < 0));
      if (odd !== undefined) refuse(`on a start of the task its ${output} is ${odd}`);
    }
  } catch (error) {
    if (isGroundtwinError(error, 'RUNTIME_FAILED')) refuse(`on a start of the task it fails: ${error.details.problem.slice(0, 300)}`);
    throw error;
  }
}

/** One tile for every member: starts of different seeds, commands within their bounds. */
function startsOf(task: AnyTask, { manifest }: WorldModel): PredictionInput {
  const rows = tileRows * manifest.members;
  const { size } = layOut(task.state);
  const states = new Float64Array(rows * size);
  const views = viewsOver(task.state, states, rows);
  const rng = new Rng(0);
  for (const view of views) task.initial(rng, task.params, view);
  const columns = (elements: Int32Array) =>
    Float32Array.from({ length: rows * elements.length }, (_, i) => {
      const row = Math.floor(i / elements.length);
      return states[row * size + elements[i % elements.length]!]!;
    });
  const bounded = (at: number) => Number.isFinite(task.commands[at]!.low + task.commands[at]!.high);
  const command = (at: number) => (bounded(at) ? rng.uniform(task.commands[at]!.low, task.commands[at]!.high) : 0);
  return {
    rows,
    state: columns(elementsOf(predictedEntries(task))),
    context: columns(elementsOf(contextEntries(task))),
    action: Float32Array.from({ length: rows * task.commands.length }, (_, i) => command(i % task.commands.length)),
    noise: Float32Array.from({ length: rows * manifest.noise.size }, () => (manifest.noise.distribution === 'normal' ? rng.normal() : 0)),
    memory: new Float32Array(rows * manifest.memorySize),
  };
}
