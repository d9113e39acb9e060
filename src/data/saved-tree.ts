/** Plain data with typed arrays in it as parts of a file: a JSON text with a place for each array, then the arrays. */
import { bytesOf } from '../core/sections.ts';

const arrayTypes = { Float32Array, Float64Array, Int32Array, Uint8Array, BigInt64Array } as const;
type ArrayType = keyof typeof arrayTypes;

/** What stands in the text for an array. */
interface Place {
  readonly $array: ArrayType;
  readonly part: number;
}

/** @param tree - numbers must be finite. Arrays are not copied. */
export function packTree(tree: unknown): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const text = JSON.stringify(tree, (_, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    const type = value.constructor.name === 'Buffer' ? 'Uint8Array' : value.constructor.name;
    return { $array: type as ArrayType, part: parts.push(bytesOf(value)) } satisfies Place;
  });
  return [new TextEncoder().encode(text), ...parts];
}

/** The way back, arrays as copies; undefined when the parts are no tree. What is in it is as untrusted as the parts. */
export function unpackTree([text, ...parts]: readonly Uint8Array[]): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text), (_, value: Partial<Place> | null) => {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$array')) return value;
      if (!Object.hasOwn(arrayTypes, value.$array!)) throw new TypeError('no array type');
      return new arrayTypes[value.$array!](parts[value.part! - 1]!.slice().buffer);
    });
  } catch {
    return undefined;
  }
}
