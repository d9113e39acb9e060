import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { networkNames, trainingNetwork } from '../../bench/peers/training-networks.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { cpuKernels, type KernelTypes } from '../../src/onnx/kernels.ts';
import { inspectModel } from '../../src/onnx/model-reader.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import type { OnnxRuntime, OnnxTensor } from '../../src/onnx/runtime.ts';
import { type DataType, pack, type Tensor, type TensorData } from '../../src/onnx/types.ts';
import { webRuntime } from '../../src/onnx/web-runtime.ts';
import { type KernelCase, kernelCases } from './kernel-cases.ts';
import { rejected, thrown } from './run-graph.ts';

const dataTypes: readonly DataType[] = ['float32', 'float64', 'int32', 'int64', 'uint8', 'bool'];

/** Numbers of an element type that differ from each other, from `low` on where there are such. */
function operands({ shapes, low }: KernelCase, dtype: DataType): number[][] {
  return shapes.map((shape, operand) =>
    Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => {
      const whole = (5 * i + 3 * operand) % 7;
      if (dtype === 'bool') return whole % 2;
      return dtype === 'uint8' ? Math.max(low, 0) + whole : dtype.startsWith('float') ? low + 0.83 * whole : low + whole;
    }),
  );
}

/** Real numbers as the element type stores them: whole ones cut towards 0, uint8 wrapped. */
function stored(dtype: DataType, values: readonly number[]): TensorData {
  if (dtype === 'bool')
    return pack(
      dtype,
      values.map((value) => (value === 0 ? 0 : 1)),
    );
  return pack(dtype, dtype.startsWith('float') ? values : values.map(Math.trunc));
}

/** One graph of all these cases on operands of one element type. */
function graphOf(cases: readonly KernelCase[], dtype: DataType, kernels?: KernelTypes): { bytes: Uint8Array; outputs: Tensor[] } {
  const builder = new GraphBuilder(kernels);
  const outputs = cases.map(({ shapes, build }, at) => {
    const inputs = shapes.map((shape, i) => builder.input(`x${at}.${i}`, dtype, shape));
    const output = build(builder, inputs);
    builder.output(`y${at}`, output);
    return output;
  });
  return { bytes: builder.toModel(), outputs };
}

async function checkComputed(runtime: OnnxRuntime, cases: readonly KernelCase[], dtype: DataType): Promise<void> {
  const { bytes, outputs } = graphOf(cases, dtype);
  const session = await runtime.load(bytes);
  const feeds = cases.flatMap((one, at) =>
    operands(one, dtype).map((values, i) => [`x${at}.${i}`, { type: dtype, data: pack(dtype, values), dims: one.shapes[i]! }]),
  );
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  cases.forEach((one, at) => {
    checkResult(
      `${one.operator} of ${dtype}`,
      results[`y${at}`]!,
      outputs[at]!,
      stored(outputs[at]!.dtype, one.reference(operands(one, dtype))),
      dtype,
    );
  });
}

function checkResult(what: string, y: OnnxTensor, { dtype, shape }: Tensor, wanted: TensorData, of: DataType): void {
  expect(y.type, what).to.equal(dtype);
  if (shape.every((size) => typeof size === 'number')) expect(y.dims, what).to.deep.equal(shape);
  expect(y.data, what).to.have.length(wanted.length);
  if (!dtype.startsWith('float')) expect(y.data, what).to.deep.equal(wanted);
  const tolerance = of === 'float32' || dtype === 'float32' ? 2e-6 : 1e-13;
  wanted.forEach((value: number | bigint, i: number) => {
    expect(Number(y.data[i]), what).to.be.closeTo(Number(value), tolerance * Math.max(1, Math.abs(Number(value))));
  });
}

/** Without its table the builder lets the node pass; then the runtime must refuse it, or the table forbids too much. */
async function checkRefused(runtime: OnnxRuntime, one: KernelCase, dtype: DataType): Promise<void> {
  const what = `${one.operator} of ${dtype}`;
  const { code, message } = thrown(() => graphOf([one], dtype));
  expect([code, message.includes(dtype)], what).to.deep.equal(['GRAPH_INVALID', true]);
  const { bytes } = graphOf([one], dtype, {});
  expect((await rejected(() => runtime.load(bytes))).code, what).to.equal('MODEL_INVALID');
}

describe('operators by element type', () => {
  it('have a case each, and all that the builder emits are among them', () => {
    expect([...new Set(kernelCases.map(({ operator }) => operator))].sort()).to.deep.equal(Object.keys(cpuKernels).sort());
    for (const name of networkNames)
      expect([...Object.keys(cpuKernels), 'Identity'], name).to.include.members([
        ...inspectModel(trainingNetwork(name).compiled.bytes).operators,
      ]);
  });

  for (const [name, runtime] of [
    ['onnxruntime-node', nodeRuntime()],
    ['onnxruntime-web', webRuntime(() => import('onnxruntime-web/wasm'))],
  ] as const)
    it(`are computed by ${name} as written, or refused when they are built`, async () => {
      for (const dtype of dataTypes) {
        const isComputed = ({ operator }: KernelCase) => cpuKernels[operator]!.includes(dtype);
        await checkComputed(runtime, kernelCases.filter(isComputed), dtype);
        for (const one of kernelCases.filter((each) => !isComputed(each))) await checkRefused(runtime, one, dtype);
      }
    }).timeout(30_000);

  it('stand in docs/onnx.md', () => {
    const rows = readFileSync(new URL('../../docs/onnx.md', import.meta.url), 'utf8')
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const head = rows.find((cells) => cells[1] === 'operators')!;
    const written = rows
      .slice(rows.indexOf(head) + 2)
      .flatMap(([, operators, ...ticks]) =>
        (operators ?? '').split(', ').map((operator) => [operator, head.slice(2).filter((_, i) => ticks[i] === '✓')]),
      );
    expect(Object.fromEntries(written.filter(([operator]) => operator !== ''))).to.deep.equal(cpuKernels);
  });

  it('take no number that their element type cannot hold', () => {
    const builder = new GraphBuilder();
    const whole = builder.input('x', 'int64', [2]);
    for (const wrong of [
      () => builder.mul(whole, 0.5),
      () => builder.constant(256, 'uint8'),
      () => builder.constant([0, -1], 'uint8'),
      () => builder.constant(2, 'bool'),
      () => builder.constant(2 ** 31, 'int32'),
      () => builder.constant(Number.NaN, 'int32'),
    ])
      expect(thrown(wrong).message, String(wrong)).to.match(/is no (int64|uint8|bool|int32)\./);
    expect(builder.constant(-(2 ** 31), 'int32').shape).to.deep.equal([]);
  });
});
