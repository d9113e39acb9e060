import { GroundtwinError } from '../../src/errors.ts';
import type { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import type { OnnxTensor } from '../../src/onnx/runtime.ts';

/** Loads what `builder` holds, runs it once and releases it. */
export async function runGraph(builder: GraphBuilder, feeds: Record<string, OnnxTensor> = {}): Promise<Record<string, OnnxTensor>> {
  const session = await nodeRuntime().load(builder.toModel(), { name: 'test graph' });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

export function floats(data: readonly number[], dims: readonly number[] = [data.length]): OnnxTensor {
  return { type: 'float32', data: Float32Array.from(data), dims };
}

export function numbers(tensor: OnnxTensor | undefined): number[] {
  return Array.from(tensor!.data as Float32Array, Number);
}

/** The typed error that `act` throws; fails when it throws none. */
export function thrown(act: () => unknown): GroundtwinError {
  try {
    act();
  } catch (error) {
    if (error instanceof GroundtwinError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The typed error that `act` rejects with. */
export async function rejected(act: () => Promise<unknown>): Promise<GroundtwinError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof GroundtwinError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
