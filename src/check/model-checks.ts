/** What a model that could be loaded must keep beyond what loading looks at. */
import { elementDifference, type StateEntry } from '../core/state-spec.ts';
import { Rng } from '../math/rng.ts';
import { allocate, rowOf, unflattenInto, type Values } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { contextEntries, elementsOf, predictedEntries, tileRows, widthOf } from '../world-model/contract.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import type { Prediction, PredictionInput } from '../world-model/world-model.ts';
import { hold } from './broken.ts';
import type { Check } from './check-env.ts';
import type { ModelBench } from './check-model.ts';

/** Lanes beside the one that is watched: more than a tile, and no multiple of one. */
const crowd = 37;
const laneSteps = 5;
/** Share of an entry's spread by which two names of one angle may be answered differently; float32 leaves 10⁻⁶ of it. */
const seamTolerance = 0.01;

export const modelChecks: readonly Check<ModelBench>[] = [
  {
    name: 'finite',
    what: 'predicts finite numbers, of the promised sizes, for states that random play reaches',
    async run(bench) {
      const { input, predict } = asking(bench);
      for (const [name, values] of Object.entries(await predict(input)) as [string, Float32Array][]) {
        const at = values.findIndex((value) => !Number.isFinite(value));
        hold(at < 0, `${name}[${at}] is ${values[at]}`);
      }
      return `${bench.plays.count} states`;
    },
  },
  {
    name: 'deterministic',
    what: 'answers the same with the same bits, and takes what is random from noise alone',
    async run(bench) {
      const { input, predict } = asking(bench);
      const first = await predict(input);
      const again = differentOutput(first, await predict(input));
      hold(again === undefined, `asked the same twice, ${again}`);
      const { distribution, size } = bench.model.manifest.noise;
      if (distribution === 'none' || size === 0) return 'it takes no noise';
      const rng = new Rng(bench.seed, 18);
      const other = await predict({ ...input, noise: input.noise.map(() => rng.normal()) });
      hold(differentBits(first.sample, other.sample) >= 0, 'other noise gives the very same sample: say noise none, or use it');
      hold(!first.mean || differentBits(first.mean, other.mean!) < 0, 'its mean hangs on the noise');
      return undefined;
    },
  },
  {
    name: 'lanes',
    what: 'gives a lane the same bits whatever its neighbours are and however many, with its own memory, from its own snapshot',
    run: async (bench) => {
      const alone = await dream(bench, 1, 0);
      for (const lane of [0, crowd - 1]) {
        const difference = differentBits(alone, await dream(bench, crowd, lane));
        hold(
          difference < 0,
          `as lane ${lane} of ${crowd} it goes elsewhere than alone, in step ${Math.floor(difference / stateWidth(bench)) + 1}`,
        );
      }
      return undefined;
    },
  },
  {
    name: 'actions',
    what: 'moves otherwise with another command, whichever of them',
    async run(bench) {
      const { input, predict } = asking(bench);
      const { commands } = bench.task;
      const first = await predict(input);
      for (const [i, { name, low, high }] of commands.entries()) {
        const shift = Number.isFinite(high - low) ? (high - low) / 2 : 1;
        const action = input.action.map((value, at) =>
          at % commands.length === i ? (value > (low + high) / 2 ? value - shift : value + shift) : value,
        );
        hold(differentBits(first.sample, (await predict({ ...input, action })).sample) >= 0, `the command ${name} changes nothing`);
      }
      return undefined;
    },
  },
  {
    name: 'scale',
    what: 'gives deviations above 0, if it gives any',
    async run(bench) {
      const { input, predict } = asking(bench);
      const { scale } = await predict(input);
      if (!scale) return 'it gives none';
      const at = scale.findIndex((value) => !(value > 0));
      hold(at < 0, `scale[${at}] is ${scale[at]}`);
      return undefined;
    },
  },
  {
    name: 'units',
    what: 'is nearer to what happened next than the mean of all states is, entry by entry',
    run: async (bench) => {
      const asked = asking(bench);
      const { sample, mean = sample } = await asked.predict(asked.input);
      for (const { name, error, spread } of errorsOf(bench, asked.members, asked.tile, mean))
        hold(
          !(error > spread),
          `${name} is off by ${error.toPrecision(3)} where states spread by ${spread.toPrecision(3)}: check units and order, and that sample is a value and not a change`,
        );
      return undefined;
    },
  },
  {
    name: 'angles',
    what: 'answers both names of the half turn, π and −π, alike',
    run: angleCheck,
  },
  {
    name: 'quaternions',
    what: 'gives quaternions that can be normalised',
    run: async (bench) => {
      const { input, predict } = asking(bench);
      const { sample } = await predict(input);
      const width = stateWidth(bench);
      const first = columnsOfKind(bench, 'quaternion');
      for (let row = 0; row < input.rows; row++)
        for (const column of first) {
          const length = Math.hypot(...sample.subarray(row * width + column, row * width + column + 4));
          hold(length > 0.1 && length < 10, `one of length ${length}`);
        }
      return first.length === 0 ? 'the task has none' : undefined;
    },
  },
  {
    name: 'memory',
    what: 'predicts from its memory, and writes it',
    async run(bench) {
      if (bench.model.manifest.memorySize === 0) return 'it has none';
      const { input, predict } = asking(bench);
      const first = await predict(input);
      hold(differentBits(first.memory!, input.memory) >= 0, 'it leaves its memory as it was');
      const { memory: _, ...later } = await predict({ ...input, memory: first.memory! });
      hold(differentOutput(later, first) !== undefined, 'another memory changes nothing: say memorySize 0');
      return undefined;
    },
  },
];

async function angleCheck(bench: ModelBench): Promise<string | undefined> {
  const columns = columnsOfKind(bench, 'angle');
  if (columns.length === 0) return 'the task has none';
  const asked = asking(bench);
  const width = stateWidth(bench);
  const spreads = spreadsOf(bench);
  const kinds = elementKinds(bench);
  for (const column of columns) {
    const at = async (angle_rad: number) => {
      const state = asked.input.state.map((value, i) => (i % width === column ? angle_rad : value));
      const { sample, mean = sample } = await asked.predict({ ...asked.input, state });
      return mean;
    };
    const [above, below] = [await at(Math.PI), await at(-Math.PI)];
    for (let i = 0; i < above.length; i++) {
      const apart = Math.abs(elementDifference(kinds[i % width]!.kind, above[i]!, below[i]!));
      const { name } = kinds[column]!;
      hold(
        apart <= seamTolerance * Math.max(spreads[i % width]!, 1e-3),
        `${name} = π and −π give ${kinds[i % width]!.name} ${above[i]} and ${below[i]}: feed the network sine and cosine`,
      );
    }
  }
  return undefined;
}

/** A lane's states over some steps, float64 `[steps, P]`, half of them after a snapshot was restored into it; what goes on in the other lanes differs from lane to lane. */
async function dream({ task, model, plays, seed }: ModelBench, lanes: number, watched: number): Promise<Float64Array> {
  const env = new TaskEnv(task, new ModelDynamics(task, model, lanes), lanes);
  const { size } = env.spec;
  const actionSize = plays.action.length / plays.count;
  const row = (lane: number, step: number) => (lane === watched ? step : (lane + 1) * 7 + step) % plays.count;
  const active = new Uint8Array(lanes).fill(1);
  for (let lane = 0; lane < lanes; lane++) {
    const start = row(lane, 0);
    await env.setState(lane, plays.state.subarray(start * size, (start + 1) * size), lane === watched ? seed : seed + lane + 1);
  }
  const predicted = elementsOf(predictedEntries(task));
  const seen = new Float64Array(laneSteps * predicted.length);
  for (let step = 0; step < laneSteps; step++) {
    if (step === laneSteps >> 1) env.load(watched, env.save(watched));
    const actions = flatActions(task, lanes, (lane) =>
      plays.action.subarray(row(lane, step) * actionSize, (row(lane, step) + 1) * actionSize),
    );
    await env.step(actions, active);
    hold(!env.batch.problems[watched], `${env.batch.problems[watched]?.message}`);
    for (const [i, element] of predicted.entries()) seen[step * predicted.length + i] = env.state[watched * size + element]!;
  }
  return seen;
}

function flatActions({ actionSpace }: AnyTask, lanes: number, actionOf: (lane: number) => Float64Array): Values {
  const actions = allocate(actionSpace, lanes);
  for (let lane = 0; lane < lanes; lane++) unflattenInto(actionOf(lane), rowOf(actionSpace, actions, lane));
  return actions;
}

interface Asking {
  readonly members: number;
  /** Rows of one member. */
  readonly tile: number;
  readonly input: PredictionInput;
  readonly predict: (input: PredictionInput) => Promise<Prediction>;
}

/** Every member is asked about every state that was played, with its command, fresh noise and no memory. */
function asking({ task, model, plays, seed }: ModelBench): Asking {
  const { members, noise, memorySize } = model.manifest;
  const tile = Math.ceil(plays.count / tileRows) * tileRows;
  const rows = members * tile;
  const rng = new Rng(seed, 19);
  const size = plays.state.length / plays.count;
  const filled = (from: Float64Array, stride: number, elements: Int32Array) =>
    Float32Array.from({ length: rows * elements.length }, (_, i) => {
      const play = (Math.floor(i / elements.length) % tile) % plays.count;
      return from[play * stride + elements[i % elements.length]!]!;
    });
  const input = {
    rows,
    state: filled(plays.state, size, elementsOf(predictedEntries(task))),
    context: filled(plays.state, size, elementsOf(contextEntries(task))),
    action: filled(
      plays.command,
      task.commands.length,
      Int32Array.from(task.commands, (_, i) => i),
    ),
    noise: Float32Array.from({ length: rows * noise.size }, () => (noise.distribution === 'normal' ? rng.normal() : 0)),
    memory: new Float32Array(rows * memorySize),
  };
  return { members, tile, input, predict: (asked) => model.predict(asked) };
}

/** Position of the first number whose bits differ, −1 where there is none. */
function differentBits(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return i;
  return -1;
}

/** Of those that both give. */
function differentOutput(first: Prediction, second: Prediction): string | undefined {
  for (const name of ['sample', 'mean', 'scale', 'memory'] as const) {
    const at = differentBits(first[name] ?? [], second[name] ?? []);
    if (at >= 0) return `${name}[${at}] was ${first[name]![at]} and is ${second[name]![at]}`;
  }
  return undefined;
}

function stateWidth({ task }: ModelBench): number {
  return widthOf(predictedEntries(task));
}

/** The entry of each predicted element. */
function elementKinds({ task }: ModelBench) {
  return predictedEntries(task).flatMap((entry) => Array.from({ length: entry.size }, () => entry));
}

/** Columns of a prediction where entries of this kind stand; of a quaternion, its first. */
function columnsOfKind(bench: ModelBench, kind: 'angle' | 'quaternion'): number[] {
  const elements = elementKinds(bench);
  return elements.flatMap((entry, column) => (entry.kind === kind && (kind === 'angle' || elements[column - 1] !== entry) ? [column] : []));
}

/** Standard deviation of each predicted element over what happened; angles as they were named. */
function spreadsOf({ task, plays }: ModelBench): Float64Array {
  const elements = elementsOf(predictedEntries(task));
  const size = plays.next.length / plays.count;
  return Float64Array.from(elements, (element) => {
    const values = Array.from({ length: plays.count }, (_, row) => plays.next[row * size + element]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  });
}

/** Root-mean-square error a step ahead of each dynamic element that moves, the worst member's. */
function errorsOf(bench: ModelBench, members: number, tile: number, predicted: Float32Array) {
  const { task, plays } = bench;
  const spreads = spreadsOf(bench);
  const elements = elementsOf(predictedEntries(task));
  const size = plays.next.length / plays.count;
  const errorOf = (member: number, column: number, kind: StateEntry['kind']) => {
    let squares = 0;
    for (let row = 0; row < plays.count; row++) {
      const at = (member * tile + row) * elements.length + column;
      squares += elementDifference(kind, predicted[at]!, plays.next[row * size + elements[column]!]!) ** 2;
    }
    return Math.sqrt(squares / plays.count);
  };
  return elementKinds(bench).flatMap(({ name, kind, role }, column) => {
    if (role !== 'dynamic' || spreads[column]! === 0) return [];
    return [
      { name, spread: spreads[column]!, error: Math.max(...Array.from({ length: members }, (_, member) => errorOf(member, column, kind))) },
    ];
  });
}
