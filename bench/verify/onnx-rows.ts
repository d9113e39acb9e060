import { Rng } from '../../src/math/rng.ts';
import { compileTraining, type ParameterSpec, type TensorsByName } from '../../src/onnx/compile-training.ts';
import { grad } from '../../src/onnx/gradients.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { gaussianHead, gaussianLoss, type MlpSpec, mlp } from '../../src/onnx/modules.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import type { OnnxTensor } from '../../src/onnx/runtime.ts';
import { TrainingProgram } from '../../src/onnx/training-program.ts';
import type { Tensor } from '../../src/onnx/types.ts';
import { type EnsembleGolden, readGolden } from './onnx-goldens.ts';
import { type OperatorCase, operatorCases } from './onnx-operator-cases.ts';

function ensembleLoss(builder: GraphBuilder, parameters: TensorsByName, x: Tensor, y: Tensor, spec: MlpSpec): Tensor {
  return gaussianLoss(builder, gaussianHead(builder, mlp(builder, parameters, x, spec)), y);
}

/**
 * One run of 12 steps against 12 runs of one step, from the same weights and batches; weight decay and clipping on.
 *
 * @returns how many floats of losses, gradient norms, weights and moments differ in any bit.
 */
export async function loopBitsDifferent(): Promise<number> {
  const golden = readGolden<EnsembleGolden>('ensemble-gradients.golden.json');
  const compiled = compileTraining(goldenTraining(golden));
  const steps = 12;
  const rows = golden.members * golden.batch;
  const tables = { x: Float32Array.from(golden.x), y: Float32Array.from(golden.y) };
  const rng = new Rng(3);
  const indices = Int32Array.from({ length: steps * golden.members * golden.batch }, () => rng.integer(rows));
  const together = await TrainingProgram.open(nodeRuntime(), compiled);
  const apart = await TrainingProgram.open(nodeRuntime(), compiled);
  together.setTables(tables, rows);
  apart.setTables(tables, rows);
  const whole = await together.run(indices, 1e-3);
  let different = 0;
  for (let step = 0; step < steps; step++) {
    const size = indices.length / steps;
    const one = await apart.run(indices.slice(step * size, (step + 1) * size), 1e-3);
    different += bitsDifferent(one.loss, whole.loss.slice(step, step + 1));
    different += bitsDifferent(one.gradientNorm, whole.gradientNorm.slice(step, step + 1));
  }
  const [a, b] = [together.state(), apart.state()];
  for (const group of ['parameters', 'first', 'second'] as const) {
    for (const [name, values] of Object.entries(a[group])) different += bitsDifferent(values, b[group][name]!);
  }
  await together.release();
  await apart.release();
  return different + (a.step === b.step ? 0 : 1);
}

function goldenTraining({ members, batch, sizes, parameters }: EnsembleGolden) {
  const spec: MlpSpec = { name: 'ensemble', sizes, members };
  const specs: ParameterSpec[] = Object.entries(parameters).map(([name, { shape, values }]) => ({
    name,
    shape,
    initial: Float32Array.from(values),
  }));
  return {
    name: 'golden training',
    parameters: specs,
    tables: [
      { name: 'x', dtype: 'float32' as const, columns: [sizes[0]!] },
      { name: 'y', dtype: 'float32' as const, columns: [sizes.at(-1)! / 2] },
    ],
    batch: [members, batch],
    loss: (builder: GraphBuilder, weights: TensorsByName, { x, y }: TensorsByName) => ({
      loss: ensembleLoss(builder, weights, x!, y!, spec),
    }),
    optimizer: { weightDecay: 1e-4, maximumGradientNorm: 10 },
  };
}

function bitsDifferent(a: Float32Array, b: Float32Array): number {
  const [left, right] = [new Int32Array(a.buffer, a.byteOffset, a.length), new Int32Array(b.buffer, b.byteOffset, b.length)];
  return left.reduce((count, bits, index) => count + (bits === right[index] ? 0 : 1), Math.abs(a.length - b.length));
}

/**
 * Each operator's gradient rule against central differences, in float64 graphs.
 *
 * @returns one row an operator, the worst first: the largest `|rule − difference| / max(1, |difference|)` over its cases. No unit.
 */
export async function worstOperatorRuleError(): Promise<{ operator: string; error: number }[]> {
  const worst = new Map<string, number>();
  for (const one of operatorCases) worst.set(one.operator, Math.max(worst.get(one.operator) ?? 0, await operatorRuleError(one)));
  return [...worst].map(([operator, error]) => ({ operator, error })).sort((a, b) => b.error - a.error);
}

/** Step of the differences: the truncation error is about `h²`, the rounding error about `1e-16 / h`. */
const DIFFERENCE_STEP = 1e-5;

/**
 * The same gradients in float32 graphs against float64 ones: shows a kernel that is missing or wrong in one of the two.
 *
 * @returns one row an operator: the largest `|float32 − float64| / max(1, |float64|)` over its cases. No unit.
 */
export async function float32RuleErrors(): Promise<{ operator: string; error: number }[]> {
  const rows: { operator: string; error: number }[] = [];
  for (const one of operatorCases) {
    const [narrow, wide] = [await openCase(one, 'float32'), await openCase(one, 'float64')];
    const gradients = [await narrow.run(wide.values), await wide.run(wide.values)].map((results) =>
      one.shapes.flatMap((_, index) => numbersOf(results[`gradient${index}`]!)),
    );
    const errors = gradients[1]!.map((value, at) => Math.abs(gradients[0]![at]! - value) / Math.max(1, Math.abs(value)));
    rows.push({ operator: one.operator, error: Math.max(...errors) });
    await narrow.release();
    await wide.release();
  }
  return rows;
}

interface OpenCase {
  /** The point to differentiate at, one array an input. */
  readonly values: Float64Array[];
  readonly run: (values: readonly Float64Array[], outputs?: readonly string[]) => Promise<Record<string, OnnxTensor>>;
  readonly release: () => Promise<void>;
}

/** Compiles one case with its gradients; the loss is a fixed random weighting of the operator's output, so that a wrong axis shows. */
async function openCase({ shapes, low, high, build }: OperatorCase, dtype: 'float32' | 'float64'): Promise<OpenCase> {
  const rng = new Rng(11);
  const builder = new GraphBuilder();
  const inputs = shapes.map((shape, index) => builder.input(`x${index}`, dtype, shape));
  const output = build(builder, inputs);
  const size = (shape: readonly (number | string)[]) => shape.reduce<number>((product, dimension) => product * Number(dimension), 1);
  const weights = Array.from({ length: size(output.shape) }, () => rng.uniform(0.5, 1.5));
  const loss = builder.reduceSum(builder.mul(output, builder.constant(weights, output.dtype, output.shape.map(Number))));
  grad(builder, loss, inputs).forEach((gradient, index) => {
    builder.output(`gradient${index}`, gradient);
  });
  builder.output('loss', loss);
  const session = await nodeRuntime().load(builder.toModel(), { name: 'operator case' });
  const values = shapes.map((shape) => Float64Array.from({ length: size(shape) }, () => rng.uniform(low, high)));
  const run = (fed: readonly Float64Array[], outputs?: readonly string[]) => {
    const feeds = fed.map((data, index) => [
      `x${index}`,
      { type: dtype, data: dtype === 'float64' ? data : Float32Array.from(data), dims: shapes[index]! },
    ]);
    return session.run(Object.fromEntries(feeds), outputs);
  };
  return { values, run, release: () => session.release() };
}

async function operatorRuleError(one: OperatorCase): Promise<number> {
  const step = one.step ?? DIFFERENCE_STEP;
  const { values, run, release } = await openCase(one, 'float64');
  const lossAt = async () => numbersOf((await run(values, ['loss'])).loss!)[0]!;
  const analytic = await run(values);
  let worst = 0;
  for (const [index, data] of values.entries()) {
    const gradient = numbersOf(analytic[`gradient${index}`]!);
    for (let at = 0; at < data.length; at++) {
      const centre = data[at]!;
      data[at] = centre + step;
      const above = await lossAt();
      data[at] = centre - step;
      const below = await lossAt();
      data[at] = centre;
      const difference = (above - below) / (2 * step);
      const error = Math.abs(gradient[at]! - difference) / Math.max(1, Math.abs(difference));
      worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    }
  }
  await release();
  return worst;
}

function numbersOf(tensor: OnnxTensor): number[] {
  return Array.from(tensor.data as Float64Array, Number);
}
