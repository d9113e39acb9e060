/** Spaces, and observations in them. */
import type { VectorEnv } from '../core/vector-env.ts';
import {
  allocate,
  contains,
  describeSpace,
  flatSizeOf,
  type Leaf,
  rowOf,
  type Space,
  sizeOf,
  type TypedArray,
  type Values,
} from '../spaces/space.ts';
import { Broken, hold } from './broken.ts';
import type { CheckBench, EnvCheck } from './check-env.ts';
import { numbersOf, RandomActions, resetEnded } from './play.ts';

const playedLanes = 4;

export const spaceChecks: readonly EnvCheck[] = [
  {
    name: 'spaces',
    what: 'declares spaces whose sizes, bounds and names agree, and makes as many lanes as it was asked for',
    run: (bench) =>
      bench.using(3, async (env) => {
        hold(env.lanes === 3, `3 lanes were asked for, it has ${env.lanes}`);
        hold(Number.isInteger(env.agents) && env.agents >= 1, `it has ${env.agents} agents`);
        hold(env.controlDt_s > 0 && Number.isFinite(env.controlDt_s), `a step takes ${env.controlDt_s} s`);
        requireSound(env.observationSpace, 'observation');
        requireSound(env.actionSpace, 'action');
        return `${describeSpace(env.observationSpace)} and ${describeSpace(env.actionSpace)}`;
      }),
  },
  {
    name: 'observation-in-space',
    what: 'observes inside its space, in arrays of its type',
    run: (bench) =>
      bench.using(playedLanes, (env) =>
        observed(bench, env, (batch, step) => {
          requireArrays(env.observationSpace, batch, env.lanes, `step ${step}`);
          for (let lane = 0; lane < env.lanes; lane++) {
            const row = rowOf(env.observationSpace, batch, lane);
            hold(contains(env.observationSpace, row), `step ${step}, lane ${lane}: [${numbersOf(row).slice(0, 20)}]`);
          }
        }),
      ),
  },
  {
    name: 'constant-elements',
    what: 'observes nothing that never changes, but for what is declared to',
    run: (bench) =>
      bench.using(playedLanes, async (env) => {
        const names = elementNames(env.observationSpace);
        const varies = new Array<boolean>(names.length).fill(false);
        let first: readonly number[] | undefined;
        await observed(bench, env, (batch) => {
          for (let lane = 0; lane < env.lanes; lane++) {
            const row = numbersOf(rowOf(env.observationSpace, batch, lane));
            first ??= row;
            for (const [i, value] of row.entries()) if (value !== first[i]) varies[i] = true;
          }
        });
        const constant = unexcused(env.observationSpace, names, varies, bench.constant);
        hold(constant.length === 0, `constant over ${bench.steps} steps: ${constant.slice(0, 8).join(', ')}`);
        return undefined;
      }),
  },
];

/** Random play: what each reset and step observes. */
async function observed(bench: CheckBench, env: VectorEnv, look: (batch: Values, step: number) => void): Promise<undefined> {
  const actions = new RandomActions(env, bench.seed + 2);
  look((await env.reset({ seed: bench.seed + 8 })).observation, 0);
  for (let step = 1; step <= bench.steps; step++) {
    const result = await env.step(actions.next());
    look(result.observation, step);
    await resetEnded(env, result);
  }
  return undefined;
}

function requireSound(space: Space, path: string): void {
  if (space.kind === 'dict') {
    hold(Object.keys(space.spaces).length > 0, `${path} has no parts`);
    for (const [key, part] of Object.entries(space.spaces)) requireSound(part, `${path}.${key}`);
    return;
  }
  const size = sizeOf(space);
  hold(Number.isInteger(size) && size >= 1, `${path} has ${size} elements`);
  if (space.kind === 'discrete') hold(Number.isInteger(space.n) && space.n >= 1, `${path} has ${space.n} choices`);
  if (space.kind === 'multiDiscrete')
    for (const n of space.nvec) hold(Number.isInteger(n) && n >= 1, `an element of ${path} has ${n} choices`);
  if (space.kind !== 'box') return;
  const shaped = space.shape.reduce((product, length) => product * length, 1);
  hold(
    shaped === size && space.high.length === size,
    `${path} has shape [${space.shape}], ${size} low and ${space.high.length} high bounds`,
  );
  hold((space.names?.length ?? size) === size, `${path} has ${space.names?.length} names for ${size} elements`);
  hold(new Set(space.names).size === (space.names?.length ?? 0), `${path} has a name twice`);
  for (let i = 0; i < size; i++) hold(space.low[i]! <= space.high[i]!, `${path}[${i}] lies between ${space.low[i]} and ${space.high[i]}`);
}

/** Types and lengths of the arrays are those that the space allocates. */
function requireArrays(space: Space, values: Values, lanes: number, where: string): void {
  if (space.kind === 'dict') {
    const parts = values as Record<string, Values>;
    hold(
      String(Object.keys(parts).sort()) === String(Object.keys(space.spaces).sort()),
      `${where}: parts ${Object.keys(parts)} for ${Object.keys(space.spaces)}`,
    );
    for (const [key, part] of Object.entries(space.spaces)) requireArrays(part, parts[key]!, lanes, `${where}, ${key}`);
    return;
  }
  const [expected, got] = [allocate(space, lanes) as TypedArray, values as TypedArray];
  if (got?.constructor === expected.constructor && got.length === expected.length) return;
  throw new Broken(
    `${where}: ${got?.constructor.name}(${got?.length}) where ${describeSpace(space)} asks for ${expected.constructor.name}(${expected.length})`,
  );
}

/** Of the flattened observation: declared names, else positions. */
function elementNames(space: Space, prefix = ''): string[] {
  if (space.kind === 'dict') return Object.entries(space.spaces).flatMap(([key, part]) => elementNames(part, `${prefix}${key}.`));
  const names = space.kind === 'box' ? space.names : undefined;
  return Array.from({ length: sizeOf(space) }, (_, i) => `${prefix}${names?.[i] ?? `element ${i}`}`);
}

function unexcused(space: Space, names: readonly string[], varies: readonly boolean[], excused: readonly (string | number)[]): string[] {
  return leafRanges(space).flatMap(({ leaf, from, to }) => {
    // Most pixels of an image may well stay as they are; all of them may not.
    const isImage = leaf.kind === 'box' && leaf.dtype === 'uint8';
    if (isImage && varies.slice(from, to).includes(true)) return [];
    return names.slice(from, to).filter((name, i) => !varies[from + i] && !excused.includes(name) && !excused.includes(from + i));
  });
}

function leafRanges(space: Space, from = 0): { leaf: Leaf; from: number; to: number }[] {
  if (space.kind !== 'dict') return [{ leaf: space, from, to: from + sizeOf(space) }];
  let at = from;
  return Object.values(space.spaces).flatMap((part) => {
    const ranges = leafRanges(part, at);
    at += flatSizeOf(part);
    return ranges;
  });
}
