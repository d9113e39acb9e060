import { expect } from 'chai';
import { conv2d, convTranspose2d } from '../../src/onnx/convolution.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { framesToImages } from '../../src/onnx/image-modules.ts';
import { floats, numbers, runGraph, thrown } from './run-graph.ts';

describe('convolutions', () => {
  it('lay a kernel over an image', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', ['rows', 1, 3, 3]);
    const kernel = builder.constant(Float32Array.of(1, 0, 0, 2), 'float32', [1, 1, 2, 2]);
    builder.output('y', conv2d(builder, x, kernel, builder.constant([10]), { padding: 0 }));
    builder.output('wide', conv2d(builder, x, kernel, undefined, { stride: 2, padding: 1 }));
    const { y, wide } = await runGraph(builder, { x: floats([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3]) });
    expect(numbers(y)).to.deep.equal([1 + 10 + 10, 2 + 12 + 10, 4 + 16 + 10, 5 + 18 + 10]);
    expect([wide!.dims, numbers(wide)]).to.deep.equal([
      [1, 1, 2, 2],
      [2, 6, 14, 5 + 18],
    ]);
  });

  it('spread an image out again', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float32', [1, 1, 1, 2]);
    const kernel = builder.constant(Float32Array.of(1, 2, 3, 4), 'float32', [1, 1, 2, 2]);
    builder.output('y', convTranspose2d(builder, x, kernel, undefined, { stride: 2 }));
    const { y } = await runGraph(builder, { x: floats([1, 10], [1, 1, 1, 2]) });
    expect([y!.dims, numbers(y)]).to.deep.equal([
      [1, 1, 2, 4],
      [1, 2, 10, 20, 3, 4, 30, 40],
    ]);
  });

  it('take frames as they are kept', async () => {
    const builder = new GraphBuilder();
    const frames = builder.input('frames', 'uint8', ['rows', 1, 2, 3]);
    builder.output('y', framesToImages(builder, frames));
    const { y } = await runGraph(builder, {
      frames: { type: 'uint8', data: Uint8Array.of(0, 51, 102, 153, 204, 255), dims: [1, 1, 2, 3] },
    });
    expect(y!.dims).to.deep.equal([1, 3, 1, 2]);
    const wanted = [0, 0.6, 0.2, 0.8, 0.4, 1];
    numbers(y).forEach((value, i) => void expect(value).to.be.closeTo(wanted[i]!, 1e-6));
  });

  it('refuse what does not fit, by shape', () => {
    const builder = new GraphBuilder();
    const image = (channels: number, side: number) =>
      builder.constant(new Float32Array(channels * side * side), 'float32', [1, channels, side, side]);
    expect(thrown(() => conv2d(builder, image(2, 4), image(3, 2))).message).to.match(/2 channels/);
    expect(thrown(() => conv2d(builder, image(1, 2), image(1, 3))).message).to.match(/larger than/);
    expect(
      thrown(() => convTranspose2d(builder, image(2, 4), builder.constant(new Float32Array(12), 'float32', [3, 1, 2, 2]))).message,
    ).to.match(/2 channels/);
    expect(thrown(() => conv2d(builder, builder.constant([1, 2]), image(1, 1))).message).to.match(/is not \[batch/);
    expect(thrown(() => conv2d(builder, builder.cast(image(1, 2), 'float64'), builder.cast(image(1, 1), 'float64'))).message).to.match(
      /float64/,
    );
    expect(thrown(() => conv2d(builder, image(1, 2), builder.cast(image(1, 1), 'float64'))).message).to.match(/Conv: float32 and float64/);
  });
});
