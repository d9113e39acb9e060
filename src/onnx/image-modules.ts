import type { Rng } from '../math/rng.ts';
import type { ParameterSpec, TensorsByName } from './compile-training.ts';
import { conv2d, convTranspose2d } from './convolution.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { type Activation, activate, partsOf, uniformFanIn } from './modules.ts';
import type { Tensor } from './types.ts';

/** One layer of a convolutional network; square kernels. */
export interface ConvLayer {
  readonly channels: number;
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 0. */
  readonly padding?: number;
}

export interface ConvNetSpec {
  /** Prefix of the parameter names. */
  readonly name: string;
  /** Channels of the input. */
  readonly channels: number;
  readonly layers: readonly ConvLayer[];
  /** True: transposed convolutions, which enlarge. Default false. */
  readonly transposed?: boolean;
  /** After every layer but the last. Default relu. */
  readonly activation?: Activation;
  /** After the last. Default as the others. */
  readonly lastActivation?: Activation;
}

/** Kernels `[out, in, k, k]` (transposed: `[in, out, k, k]`) and biases, as torch starts them. */
export function convNetParameters(spec: ConvNetSpec, rng: Rng): ParameterSpec[] {
  return spec.layers.flatMap(({ channels, kernel }, i) => {
    const inputs = i === 0 ? spec.channels : spec.layers[i - 1]!.channels;
    // Torch counts the second axis as what comes in, for transposed ones too.
    const fanIn = (spec.transposed ? channels : inputs) * kernel * kernel;
    const shape = spec.transposed ? [inputs, channels, kernel, kernel] : [channels, inputs, kernel, kernel];
    return [
      { name: `${spec.name}.${i}.kernel`, shape, initial: uniformFanIn(rng, inputs * channels * kernel * kernel, fanIn) },
      { name: `${spec.name}.${i}.bias`, shape: [channels], initial: uniformFanIn(rng, channels, fanIn), decay: false },
    ];
  });
}

/** @param x - float32 `[batch, channels, height, width]`. @returns `[batch, channels', height', width']`; see `conv2d`, `convTranspose2d`. */
export function convNet(builder: GraphBuilder, parameters: TensorsByName, x: Tensor, spec: ConvNetSpec): Tensor {
  const { name, layers, activation = 'relu', lastActivation = activation } = spec;
  const laid = spec.transposed ? convTranspose2d : conv2d;
  const get = partsOf(builder, parameters, name);
  return builder.scope(name, () =>
    layers.reduce(
      (image, { stride = 1, padding = 0 }, i) =>
        builder.scope(`${i}`, () => {
          const sum = laid(builder, image, get(`${i}.kernel`), get(`${i}.bias`), { stride, padding });
          return activate(builder, sum, i === layers.length - 1 ? lastActivation : activation);
        }),
      x,
    ),
  );
}

/** Frames as they are kept, uint8 `[…, height, width, channels]`, as float32 `[…, channels, height, width]` from 0 to 1. */
export function framesToImages(builder: GraphBuilder, frames: Tensor): Tensor {
  const lead = frames.shape.slice(0, -3).map((_, axis) => axis);
  const at = lead.length;
  // Moved as bytes, a quarter of what floats would be.
  return builder.mul(builder.cast(builder.transpose(frames, [...lead, at + 2, at, at + 1]), 'float32'), 1 / 255);
}
