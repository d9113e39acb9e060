/** Which rows members do not see, and how well they do on those, asked again and again while they are trained. */
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { compileInference, gaussianHead, mlp, mlpParameters, type OnnxRuntime, type OnnxTensor } from '../onnx/index.ts';
import { keptFrom } from './calibrate-ensemble.ts';
import { type EnsembleConfig, networkSpec } from './ensemble.ts';

/** Rows that are kept from members. */
export interface HeldOut {
  /** int32 `[rows]`: the member that judges a row it has not seen; −1 for rows that all see. */
  readonly judge: Int32Array;
  /** Whether no member sees a judged row, or only its judge does not. */
  readonly fromAll: boolean;
}

/**
 * As a rule only its judge is kept from a row, which costs a member few rows. Where members are compared they need the same rows, and a single one has no
 * other that could see what it does not: then about one block in six is kept from all.
 */
export function holdOut(rows: number, members: number, fromAll: boolean): HeldOut {
  if (!fromAll) return { judge: keptFrom(rows, members), fromAll };
  return { judge: keptFrom(rows, 2 * members).map((member) => (member < members ? member : -1)), fromAll };
}

/** No member sees the rows from this one on, and all are judged on them. */
export function holdBack(rows: number, from: number): HeldOut {
  return { judge: Int32Array.from({ length: rows }, (_, row) => (row < from ? -1 : 0)), fromAll: true };
}

/** Judged on at most so many rows a member, evenly spaced: so many tell enough, and judging stays cheap beside learning. */
const mostRows = 1024;
/** Errors below this, in variances, are as good as none: an element that never moves would otherwise have its rounding counted. */
const negligible = 1e-8;

/** Of the normalised rows that a fit sees; see `FitJob`. */
interface Table {
  readonly input: Float32Array;
  readonly target: Float32Array;
  readonly features: number;
  readonly targets: number;
  readonly config: EnsembleConfig;
}

export interface HeldOutJudge {
  /**
   * Error of each member's mean on held-out rows, in standard deviations of the targets: 1 is as wrong as guessing their mean.
   * Root mean square over rows, geometric mean over elements: a few rows that nobody predicts, such as impacts, do not hide that all else gets better.
   * Not the likelihood: the width of the intervals is calibrated afterwards.
   *
   * @param weights - as the training program names them. @returns `[members]`.
   */
  errors(weights: Readonly<Record<string, Float32Array>>): Promise<number[]>;
  release(): Promise<void>;
}

/** @throws TRAINING_FAILED when there are too few rows to keep one from each member. */
export async function openHeldOutJudge(runtime: OnnxRuntime, table: Table, heldOut: HeldOut): Promise<HeldOutJudge> {
  const { features, targets, config } = table;
  const { members } = config;
  const spec = networkSpec(features, targets, config);
  const parameters = mlpParameters(spec, new Rng(0));
  const rows = judgedRows(heldOut, members);
  const floats = (name: string, width: number) => ({ name, dtype: 'float32', shape: [members, 'rows', width] }) as const;
  const graph = compileInference({
    parameters,
    inputs: [floats('input', features), floats('target', targets)],
    build: (builder, weights, { input, target }) => {
      const { mean } = gaussianHead(builder, mlp(builder, weights, input!, spec), config.logVariance);
      return { error: builder.reduceMean(builder.square(builder.sub(mean, target!)), [1]) };
    },
  });
  const fed = { input: gather(table.input, features, rows), target: gather(table.target, targets, rows) };
  const session = await runtime.load(graph, { name: 'held-out error' });
  return {
    async errors(weights) {
      const fedWeights = parameters.map(
        ({ name, shape }) => [`parameter.${name}`, { type: 'float32', data: weights[name]!, dims: shape } satisfies OnnxTensor] as const,
      );
      const squared = (await session.run({ ...Object.fromEntries(fedWeights), ...fed })).error!.data as Float32Array;
      return rows.map((_, member) => Math.sqrt(geometricMean(squared.subarray(member * targets, (member + 1) * targets))));
    },
    release: () => session.release(),
  };
}

/** Of the values and a negligible one each. */
export function geometricMean(values: ArrayLike<number>): number {
  return Math.exp(Array.from(values).reduce((sum, value) => sum + Math.log(value + negligible), 0) / values.length);
}

/** Rows by member, as many for each. */
function judgedRows({ judge, fromAll }: HeldOut, members: number): number[][] {
  const ownRows = (member: number) => [...judge.keys()].filter((row) => (fromAll ? judge[row]! >= 0 : judge[row] === member));
  const own = Array.from({ length: members }, (_, member) => ownRows(member));
  const each = Math.min(mostRows, ...own.map(({ length }) => length));
  if (each === 0)
    throw new GroundtwinError('TRAINING_FAILED', {
      problem: `${judge.length} transitions are too few to keep some from each of ${members} members, for early stopping or elites`,
    });
  return own.map((rows) => Array.from({ length: each }, (_, i) => rows[Math.floor((i * rows.length) / each)]!));
}

/** @returns float32 `[members, each, width]`. */
function gather(values: Float32Array, width: number, rows: readonly (readonly number[])[]): OnnxTensor {
  const each = rows[0]!.length;
  const data = new Float32Array(rows.length * each * width);
  rows.flat().forEach((row, i) => {
    data.set(values.subarray(row * width, (row + 1) * width), i * width);
  });
  return { type: 'float32', data, dims: [rows.length, each, width] };
}
