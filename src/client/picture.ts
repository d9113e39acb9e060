import type { RenderMode, RenderResults } from '../core/picture.ts';
import { GroundtwinError } from '../errors.ts';
import type { TypedArray } from '../spaces/space.ts';
import type { Reply, Tensor } from '../wire/index.ts';

type Drawn = Reply<'render'>;
type Part = 'data' | 'rgb' | 'depth_m' | 'segments';

/** A picture out of the server's reply. @throws BAD_MESSAGE when arrays are missing or do not fit. */
export function pictureFrom<M extends RenderMode>(mode: M, reply: Drawn): RenderResults[M] {
  return readers[mode](reply);
}

const readers: { readonly [M in RenderMode]: (reply: Drawn) => RenderResults[M] } = {
  rgb_array: (reply) => ({ ...sizeOf(reply), channels: 3, data: partOf(reply, 'data', Uint8Array, 3) }),
  depth_array: (reply) => ({ ...sizeOf(reply), channels: 1, data: partOf(reply, 'data', Float32Array, 1) }),
  segments: (reply) => ({ ...sizeOf(reply), channels: 1, data: Int16Array.from(partOf(reply, 'data', Int32Array, 1)) }),
  all: (reply) => ({
    ...sizeOf(reply),
    rgb: partOf(reply, 'rgb', Uint8Array, 3),
    depth_m: partOf(reply, 'depth_m', Float32Array, 1),
    segments: Int16Array.from(partOf(reply, 'segments', Int32Array, 1)),
  }),
};

function sizeOf({ width, height }: Drawn): { width: number; height: number } {
  return { width, height };
}

function partOf<A extends TypedArray>(reply: Drawn, part: Part, Type: new (length: number) => A, channels: number): A {
  const { width, height } = reply;
  const tensor: Tensor | undefined = reply[part];
  if (tensor?.data instanceof Type && tensor.data.length === height * width * channels) return tensor.data;
  throw new GroundtwinError('BAD_MESSAGE', { field: `render reply.${part}`, expected: `${Type.name} [${height}, ${width}, ${channels}]` });
}
