/** Gymnasium's spaces as Minari writes them in JSON, and Python's JSON, which has NaN and Infinity. */
import { type Box, type BoxDtype, box, dict, discrete, multiDiscrete, type Space } from '../../spaces/space.ts';
import { isJsonObject, type JsonObject, type Refuse } from './untrusted-file.ts';

const maxDepth = 4;
const maxElements = 2 ** 25;

/** @returns plain data for `pythonJson`. */
export function minariSpace(space: Space): JsonObject {
  switch (space.kind) {
    case 'box':
      return {
        type: 'Box',
        dtype: space.dtype,
        shape: space.shape,
        low: nested(space.low, space.shape),
        high: nested(space.high, space.shape),
      };
    case 'discrete':
      return { type: 'Discrete', dtype: 'int64', start: 0, n: space.n };
    case 'multiDiscrete':
      return { type: 'MultiDiscrete', dtype: 'int64', nvec: space.nvec, start: space.nvec.map(() => 0) };
    case 'dict':
      return { type: 'Dict', subspaces: Object.fromEntries(Object.entries(space.spaces).map(([key, part]) => [key, minariSpace(part)])) };
  }
}

function nested(flat: readonly number[], shape: readonly number[]): unknown {
  const [length, ...rest] = shape;
  if (length === undefined) return flat[0];
  const width = flat.length / length;
  return Array.from({ length }, (_, i) => nested(flat.slice(i * width, (i + 1) * width), rest));
}

/** A space that Minari wrote. @throws DATA_INVALID for those we have none for. */
export function spaceFromMinari(value: unknown, refuse: Refuse, depth = 1): Space {
  if (!isJsonObject(value) || depth > maxDepth) return refuse('its spaces are not readable');
  switch (value.type) {
    case 'Box':
      return boxFromMinari(value, refuse);
    case 'Discrete':
      return value.start === 0 && isCount(value.n) ? discrete(value.n) : refuse('a Discrete space of it does not start at 0');
    case 'MultiDiscrete': {
      const nvec = flatNumbers(value.nvec);
      const starts = flatNumbers(value.start ?? 0);
      return nvec?.every(isCount) && starts?.every((start) => start === 0)
        ? multiDiscrete(nvec)
        : refuse('a MultiDiscrete space of it does not start at 0');
    }
    case 'Dict': {
      const parts = isJsonObject(value.subspaces) ? Object.entries(value.subspaces) : refuse('its spaces are not readable');
      return dict(Object.fromEntries(parts.map(([key, part]) => [key, spaceFromMinari(part, refuse, depth + 1)])));
    }
    default:
      return refuse(`it has a space of type ${String(value.type).slice(0, 40)}; Box, Discrete, MultiDiscrete and Dict are read`);
  }
}

/** Numbers of other types than ours are kept as float64. */
function boxFromMinari(value: JsonObject, refuse: Refuse): Box {
  const shape = Array.isArray(value.shape) && value.shape.every(isCount) ? (value.shape as number[]) : refuse('a Box of it has no shape');
  const size = shape.reduce((product, length) => product * length, 1);
  const [low, high] = [flatNumbers(value.low), flatNumbers(value.high)];
  if (size > maxElements || low?.length !== size || high?.length !== size || low.some((bound, i) => !(bound <= high[i]!)))
    return refuse('a Box of it has bounds of another shape');
  const dtype = (['float32', 'float64', 'uint8'] as const).find((known): known is BoxDtype => known === value.dtype) ?? 'float64';
  return box({ low, high, shape, dtype });
}

function flatNumbers(value: unknown): number[] | undefined {
  const flat = (Array.isArray(value) ? value.flat(maxDepth + 4) : [value]).map((item) => (typeof item === 'string' ? markers[item] : item));
  return flat.every((item) => typeof item === 'number') ? (flat as number[]) : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value < 2 ** 31;
}

const markers: Readonly<Record<string, number>> = {
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  NaN: Number.NaN,
};

/** What Python's `json.dumps` writes: numbers that are not finite stand bare. */
export function pythonJson(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : String(value);
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item)}`)
    .join(', ')}}`;
}

/** Reads that; bare NaN and Infinity come as strings of these names. @returns undefined for what is no JSON. */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) => (token.startsWith('"') ? token : `"${token}"`)));
  } catch {
    return undefined;
  }
}
