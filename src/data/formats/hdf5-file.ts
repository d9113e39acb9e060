/**
 * HDF5 by the official library as WebAssembly. Files live in its own memory, never in the file system: links and external storage in a hostile file reach nothing.
 */
import type { Dataset, File, Group } from 'h5wasm';
import { GroundtwinError } from '../../errors.ts';
import type { TypedArray } from '../../spaces/space.ts';
import { maxDataBytes, maxNames, parsed, type Refuse } from './untrusted-file.ts';

/** Loaded when first needed: the library takes 5 MB. */
async function library() {
  const h5wasm = await import('h5wasm');
  const module = await h5wasm.ready;
  module.activate_throwing_error_handler();
  return { File: h5wasm.File, files: module.FS };
}

/** Chunks of all arrays that are read, beyond one each: a small file can claim millions, which take seconds. */
const maxChunks = 2 ** 18;
/** HDF5's classes of integers, floats and enumerations, which booleans are. */
const numberTypes: readonly number[] = [0, 1, 8];

export interface Hdf5Source {
  /** Names in a group, none where there is no such group. */
  names(path: string): readonly string[];
  /**
   * Numbers at this path, row-major; undefined where there are none.
   * @param due - how many there must be, if that is known: others are refused before any is read.
   */
  numbers(path: string, due?: number): ArrayLike<number> | undefined;
  /** A number or string attribute of the group at this path. */
  attribute(path: string, name: string): number | string | undefined;
}

/** Opens a file for as long as `use` runs. @throws DATA_INVALID; DATA_TOO_LARGE where arrays would take more than a file may. */
export async function readHdf5<T>(bytes: Uint8Array, refuse: Refuse, use: (source: Hdf5Source) => T): Promise<T> {
  const { File, files } = await library();
  return parsed(refuse, 'HDF5 file', () => {
    const name = '/read.h5';
    files.writeFile(name, bytes);
    let file: File | undefined;
    try {
      file = new File(name, 'r');
      return use(sourceOf(file, refuse));
    } finally {
      file?.close();
      files.unlink(name);
    }
  });
}

function sourceOf(file: File, refuse: Refuse): Hdf5Source {
  const left = { bytes: maxDataBytes, chunks: maxChunks };
  const members = new Map<string, ReadonlySet<string>>();
  const membersOf = (group: Group) => {
    const known = members.get(group.path) ?? new Set(group.keys());
    members.set(group.path, known);
    return known;
  };
  const found = (path: string) => {
    let at: ReturnType<Group['get']> = file;
    for (const part of path.split('/')) {
      if (part === '') continue;
      if (!isGroup(at) || !membersOf(at).has(part)) return undefined;
      at = at.get(part);
    }
    return at;
  };
  return {
    names(path) {
      const group = found(path);
      const names = isGroup(group) ? [...membersOf(group)] : [];
      return names.length > maxNames * 16 ? refuse('a group of it has too many members') : names;
    },
    numbers(path, due) {
      const dataset = found(path);
      if (!isDataset(dataset)) return undefined;
      const { shape, metadata } = dataset;
      if (shape === null || metadata.virtual_sources || !numberTypes.includes(metadata.type)) return undefined;
      const size = product(shape);
      if (due !== undefined && size !== due)
        refuse(
          `${path.slice(0, 120)} has ${size} numbers where ${due} are due; JPEG images are not read, write them with jpeg_encoding=False`,
        );
      const chunk = product(metadata.chunks ?? [size]);
      left.bytes -= Math.max(size, chunk) * metadata.size;
      left.chunks -= Math.max(0, size / Math.max(1, chunk) - 1);
      if (!(left.bytes >= 0))
        throw new GroundtwinError('DATA_TOO_LARGE', { what: 'The HDF5 file', bytes: maxDataBytes - left.bytes, maxBytes: maxDataBytes });
      if (!(left.chunks >= 0)) refuse(`its arrays are in more than ${maxChunks} chunks`);
      return size === 0 ? [] : (numbersOf(dataset.value) ?? refuse('an array of it cannot be read'));
    },
    attribute(path, name) {
      const group = found(path);
      if (!isGroup(group) || !Object.hasOwn(group.attrs, name)) return undefined;
      const { shape } = group.attrs[name]!;
      if (shape !== null && shape.length > 0 && shape.some((length) => length !== 1)) return undefined;
      const value = group.attrs[name]!.value;
      return typeof value === 'bigint' ? Number(value) : typeof value === 'number' || typeof value === 'string' ? value : undefined;
    },
  };
}

function product(lengths: readonly number[]): number {
  return lengths.reduce((size, length) => size * length, 1);
}

function isGroup(entity: unknown): entity is Group {
  return typeof entity === 'object' && entity !== null && 'keys' in entity;
}

function isDataset(entity: unknown): entity is Dataset {
  return typeof entity === 'object' && entity !== null && 'slice' in entity && 'shape' in entity;
}

function numbersOf(value: unknown): ArrayLike<number> | undefined {
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Float64Array.from(value, Number);
  return ArrayBuffer.isView(value) || Array.isArray(value) ? (value as unknown as ArrayLike<number>) : undefined;
}

export interface Hdf5Sink {
  group(path: string, attributes: Readonly<Record<string, number>>): void;
  array(path: string, shape: readonly number[], values: TypedArray): void;
}

/** @returns the file that `build` fills. Int32 is written as int64, as Gymnasium has integers. */
export async function hdf5Bytes(build: (sink: Hdf5Sink) => void): Promise<Uint8Array> {
  const { File, files } = await library();
  const name = '/write.h5';
  const file = new File(name, 'w');
  try {
    build({
      group(path, attributes) {
        const group = file.create_group(path);
        for (const [key, value] of Object.entries(attributes)) group.create_attribute(key, BigInt64Array.of(BigInt(value)), [], '<q');
      },
      array(path, shape, values) {
        const isInteger = values instanceof Int32Array;
        const data = isInteger ? BigInt64Array.from(values, BigInt) : values;
        const dtype = isInteger ? '<q' : values instanceof Float32Array ? '<f' : values instanceof Float64Array ? '<d' : '<B';
        file.create_dataset({ name: path, data, shape: [...shape], dtype });
      },
    });
    file.flush();
    return files.readFile(name) as Uint8Array;
  } finally {
    file.close();
    files.unlink(name);
  }
}
