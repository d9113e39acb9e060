import type { Prediction, PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { wrapped } from './control.ts';

/** What a control remembers of each row: float32 `[rows, cells]`, 0 at the beginning of an episode. */
export interface Remembered {
  readonly prediction: Prediction;
  readonly memory: Float32Array;
}

/**
 * A wrapper with a memory of its own behind the model's: a control that counts steps, or knows what was before.
 * @param cells - numbers a row. @param predict - gets the input as the model wants it, and what it remembers.
 */
export function remembering(
  model: WorldModel,
  name: string,
  severity: number,
  cells: number,
  predict: (input: PredictionInput, memory: Float32Array) => Promise<Remembered>,
): WorldModel {
  const { memorySize } = model.manifest;
  const broken = wrapped(model, name, severity, async (input) => {
    const [inner, own] = split(input.memory, input.rows, memorySize, cells);
    const { prediction, memory } = await predict({ ...input, memory: inner }, own);
    return { ...prediction, memory: join(prediction.memory ?? inner, memory, input.rows) };
  });
  return { ...broken, manifest: { ...broken.manifest, memorySize: memorySize + cells } };
}

function split(values: Float32Array, rows: number, first: number, second: number): [Float32Array, Float32Array] {
  const width = first + second;
  const part = (from: number, size: number) =>
    Float32Array.from({ length: rows * size }, (_, i) => values[Math.floor(i / size) * width + from + (i % size)]!);
  return [part(0, first), part(first, second)];
}

function join(first: Float32Array, second: Float32Array, rows: number): Float32Array {
  const [a, b] = [first.length / rows, second.length / rows];
  const out = new Float32Array(first.length + second.length);
  for (let row = 0; row < rows; row++) {
    out.set(first.subarray(row * a, (row + 1) * a), row * (a + b));
    out.set(second.subarray(row * b, (row + 1) * b), row * (a + b) + a);
  }
  return out;
}
