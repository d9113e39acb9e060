import type { RuleContext } from './gradient-rules.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { shapeText } from './shapes.ts';
import type { Dimension, Tensor } from './types.ts';

export interface ConvolutionOptions {
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on every side. Default 0. */
  readonly padding?: number;
  /** Distance of neighbouring elements of the kernel in the image. Default 1; no gradient flows through others. */
  readonly dilation?: number;
}

export interface TransposedOptions {
  readonly stride?: number;
  /** Taken off every side of the result. Default 0. */
  readonly padding?: number;
  /** Rows, columns added below and to the right of the result, each below the stride: which of the sizes that a convolution would bring to the input's. Default none. */
  readonly extra?: readonly [number, number];
}

/**
 * Two-dimensional convolution (cross-correlation, as in every deep-learning library).
 *
 * @param x - float32 `[batch, channels, height, width]`; the batch may be symbolic. @param kernel - float32 `[features, channels, rows, columns]`.
 * @param bias - float32 `[features]`.
 * @returns float32 `[batch, features, height', width']`, height' = ⌊(height + 2·padding − dilation·(rows − 1) − 1) / stride⌋ + 1.
 */
export function conv2d(builder: GraphBuilder, x: Tensor, kernel: Tensor, bias?: Tensor, options: ConvolutionOptions = {}): Tensor {
  const { stride = 1, padding = 0, dilation = 1 } = options;
  checkTypes(builder, 'Conv', x, kernel, bias);
  const [batch, channels, height, width] = imageShape(builder, 'Conv', x);
  const [features, from, rows, columns] = imageShape(builder, 'Conv', kernel);
  if (channels !== from)
    builder.fail(`Conv: ${shapeText(x.shape)} has ${channels} channels, the kernel ${shapeText(kernel.shape)} takes ${from}`);
  const out = (size: number, length: number) => Math.floor((size + 2 * padding - dilation * (length - 1) - 1) / stride) + 1;
  const [outHeight, outWidth] = [out(height, Number(rows)), out(width, Number(columns))];
  if (outHeight < 1 || outWidth < 1) builder.fail(`Conv: the kernel ${shapeText(kernel.shape)} is larger than ${shapeText(x.shape)}`);
  return builder.node('Conv', bias ? [x, kernel, bias] : [x, kernel], x.dtype, [batch, features, outHeight, outWidth], {
    attributes: { ...both('strides', stride), ...both('dilations', dilation), pads: { kind: 'ints', value: Array(4).fill(padding) } },
    meta: { stride, padding, dilation },
  });
}

/**
 * Transposed convolution: what carries a gradient back through `conv2d`, used to enlarge an image.
 *
 * @param x - float32 `[batch, channels, height, width]`. @param kernel - float32 `[channels, features, rows, columns]`. @param bias - float32 `[features]`.
 * @returns float32 `[batch, features, (height − 1)·stride − 2·padding + rows + extra[0], …]`.
 */
export function convTranspose2d(builder: GraphBuilder, x: Tensor, kernel: Tensor, bias?: Tensor, options: TransposedOptions = {}): Tensor {
  const { stride = 1, padding = 0, extra = [0, 0] } = options;
  checkTypes(builder, 'ConvTranspose', x, kernel, bias);
  const [batch, channels, height, width] = imageShape(builder, 'ConvTranspose', x);
  const [from, features, rows, columns] = imageShape(builder, 'ConvTranspose', kernel);
  if (channels !== from)
    builder.fail(`ConvTranspose: ${shapeText(x.shape)} has ${channels} channels, the kernel ${shapeText(kernel.shape)} takes ${from}`);
  if (height === 1 && width === 1 && padding === 0 && extra[0] === 0 && extra[1] === 0) return spreadPixel(builder, x, kernel, bias);
  const out = (size: number, length: number, more: number) => (size - 1) * stride - 2 * padding + length + more;
  const shape = [batch, features, out(height, rows, extra[0]), out(width, columns, extra[1])];
  return builder.node('ConvTranspose', bias ? [x, kernel, bias] : [x, kernel], x.dtype, shape, {
    attributes: {
      ...both('strides', stride),
      pads: { kind: 'ints', value: Array(4).fill(padding) },
      output_padding: { kind: 'ints', value: extra },
    },
    meta: { stride, padding },
  });
}

/** Of an image of one pixel it is one product of matrices, which ONNX Runtime's kernel takes several times as long for. */
function spreadPixel(builder: GraphBuilder, x: Tensor, kernel: Tensor, bias: Tensor | undefined): Tensor {
  const [batch, channels] = x.shape as readonly [Dimension, number];
  const [, features, rows, columns] = kernel.shape as readonly [number, number, number, number];
  const flat = builder.reshape(kernel, [channels, features * rows * columns]);
  const image = builder.reshape(builder.matmul(builder.reshape(x, [batch, channels]), flat), [batch, features, rows, columns]);
  return bias ? builder.add(image, builder.reshape(bias, [features, 1, 1])) : image;
}

/** Gradients of `conv2d`: to the image a transposed convolution; to the kernel a convolution of image and gradient with batch and channels swapped. */
export function convolutionGradient({ builder, inputs, meta, full }: RuleContext): readonly ((() => Tensor) | null)[] {
  const [x, kernel] = [inputs[0]!, inputs[1]!];
  const { stride = 1, padding = 0, dilation = 1 } = meta;
  if (dilation !== 1) builder.fail('Conv: no gradient flows through a dilated convolution');
  const toImage = () => {
    const missing = (axis: number) =>
      Number(x.shape[axis]) - ((Number(full().shape[axis]) - 1) * stride - 2 * padding + Number(kernel.shape[axis]));
    return convTranspose2d(builder, full(), kernel, undefined, { stride, padding, extra: [missing(2), missing(3)] });
  };
  return [toImage, () => kernelGradient(builder, x, full(), kernel, { stride, padding }), () => builder.reduceSum(full(), [0, 2, 3])];
}

/** Gradients of `convTranspose2d`: the same with the parts of image and gradient exchanged. */
export function transposedGradient({ builder, inputs, meta, full }: RuleContext): readonly ((() => Tensor) | null)[] {
  const [x, kernel] = [inputs[0]!, inputs[1]!];
  const { stride = 1, padding = 0 } = meta;
  const toImage = () => conv2d(builder, full(), kernel, undefined, { stride, padding });
  return [toImage, () => kernelGradient(builder, full(), x, kernel, { stride, padding }), () => builder.reduceSum(full(), [0, 2, 3])];
}

/**
 * What a kernel gets from an image `[batch, c, …]` that it was laid over and the gradient `[batch, o, …]` of what came of it: `[o, c, rows, columns]`.
 * The stride of the forward pass is the dilation here.
 */
function kernelGradient(
  builder: GraphBuilder,
  image: Tensor,
  gradient: Tensor,
  kernel: Tensor,
  { stride, padding }: { readonly stride: number; readonly padding: number },
): Tensor {
  const swapped = [1, 0, 2, 3];
  const laid = conv2d(builder, builder.transpose(image, swapped), builder.transpose(gradient, swapped), undefined, {
    padding,
    dilation: stride,
  });
  // Where the stride does not divide, the last offsets belong to no element of the kernel.
  const cut = [2, 3].reduce((from, axis) => {
    const size = Number(kernel.shape[axis]);
    return from.shape[axis] === size ? from : builder.slice(from, axis, 0, size);
  }, laid);
  return builder.transpose(cut, swapped);
}

function imageShape(builder: GraphBuilder, op: string, { shape }: Tensor): [Dimension, number, number, number] {
  if (shape.length !== 4 || shape.slice(2).some((size) => typeof size !== 'number'))
    builder.fail(`${op}: ${shapeText(shape)} is not [batch or features, channels, height, width] with fixed height and width`);
  return shape as unknown as [Dimension, number, number, number];
}

function checkTypes(builder: GraphBuilder, op: string, x: Tensor, kernel: Tensor, bias: Tensor | undefined): void {
  for (const { dtype } of [kernel, bias ?? kernel]) if (dtype !== x.dtype) builder.fail(`${op}: ${x.dtype} and ${dtype}`);
}

function both(name: string, value: number) {
  return { [name]: { kind: 'ints', value: [value, value] } } as const;
}
