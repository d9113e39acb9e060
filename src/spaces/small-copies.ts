import { markAsUntransferable } from 'node:worker_threads';
import type { TypedArray, Values } from './space.ts';

const block_bytes = 16384;
/** Above it a buffer of its own is worth its price. */
const largest_bytes = 512;
/** Whole elements of every dtype begin here. */
const alignment_bytes = 8;

/**
 * Copies values; small ones side by side in a shared block, as Node's `Buffer` does. To V8 an ArrayBuffer of its own costs more than a microsecond,
 * with its collection, which is more than all else that an env of one lane does in a step.
 */
export class SmallCopies {
  private block = new ArrayBuffer(0);
  private used_bytes = 0;

  copyOf<V extends Values>(values: V): V {
    if (ArrayBuffer.isView(values)) return this.arrayOf(values as TypedArray) as V;
    const copy: Record<string, Values> = {};
    for (const key in values) copy[key] = this.copyOf((values as Record<string, Values>)[key]!);
    return copy as V;
  }

  private arrayOf(values: TypedArray): TypedArray {
    const { byteLength } = values;
    if (byteLength > largest_bytes) return values.slice();
    if (this.used_bytes + byteLength > this.block.byteLength) this.begin();
    const copy = new (values.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => TypedArray)(
      this.block,
      this.used_bytes,
      values.length,
    );
    copy.set(values);
    this.used_bytes += Math.ceil(byteLength / alignment_bytes) * alignment_bytes;
    return copy;
  }

  private begin(): void {
    this.block = new ArrayBuffer(block_bytes);
    this.used_bytes = 0;
    // Whoever transfers one copy to a worker would take its neighbours away.
    markAsUntransferable(this.block);
  }
}
