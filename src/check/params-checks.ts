/** Physical parameters: each matters, and a snapshot carries it. */
import { isGroundtwinError } from '../errors.ts';
import { hold } from './broken.ts';
import type { CheckBench, EnvCheck } from './check-env.ts';
import { differenceOf, onward, RandomActions, rollout } from './play.ts';

const heldSteps = 15;

export const paramsChecks: readonly EnvCheck[] = [
  {
    name: 'params-matter',
    what: 'takes other values of every physical parameter, moves otherwise with them, and refuses unknown ones',
    async run(bench) {
      const names = Object.keys(bench.params);
      if (names.length === 0) return 'no parameters were declared';
      const plain = await playWith(bench, {});
      for (const name of names) {
        const found = await trace(bench, name);
        hold(found !== undefined, `${name}: no other value is taken`);
        const moved = differenceOf(plain, found!.seen) !== undefined;
        hold(moved || bench.inert.includes(name), `${name}: ${bench.params[name]} and ${found!.value} move alike`);
      }
      for (const [params, why] of [
        [{ [`${names[0]}No`]: 1 }, 'unknown'],
        [{ [names[0]!]: Number.NaN }, 'not finite'],
      ] as const)
        hold(await isRefused(bench, params), `a parameter that is ${why} is taken`);
      return undefined;
    },
  },
  {
    name: 'params-in-snapshots',
    what: 'carries every physical parameter in its snapshots, and forgets it with the episode',
    async run(bench) {
      const names = Object.keys(bench.params);
      if (names.length === 0) return 'no parameters were declared';
      for (const name of names) {
        const found = await trace(bench, name);
        if (found) await requireCarried(bench, name, found.value);
      }
      return undefined;
    },
  },
];

interface Trace {
  readonly value: number;
  readonly seen: number[][][];
}

/** The first value beside the default that the env takes and shows; else the last that it takes. */
async function trace(bench: CheckBench, name: string): Promise<Trace | undefined> {
  const usual = bench.params[name]!;
  const plain = await playWith(bench, {});
  let taken: Trace | undefined;
  for (const value of [usual * 1.25, usual * 0.8, usual + 0.25]) {
    if (value === usual) continue;
    try {
      taken = { value, seen: await playWith(bench, { [name]: value }) };
    } catch (error) {
      if (!isGroundtwinError(error)) throw error;
      continue;
    }
    if (differenceOf(plain, taken.seen) !== undefined) return taken;
  }
  return taken;
}

/** Once with a new action each step, once with each held for long. */
function playWith({ using, seed, steps }: CheckBench, params: Readonly<Record<string, number>>): Promise<number[][][]> {
  return using(1, async (env) => {
    const jittery = await rollout(env, seed, steps, params);
    await env.reset({ seed: seed + 1, params });
    return [...jittery, ...(await onward(env, new RandomActions(env, seed + 1, heldSteps), steps))];
  });
}

async function isRefused(bench: CheckBench, params: Readonly<Record<string, number>>): Promise<boolean> {
  try {
    await playWith(bench, params);
    return false;
  } catch (error) {
    if (!isGroundtwinError(error)) throw error;
    return true;
  }
}

async function requireCarried({ using, seed, steps }: CheckBench, name: string, value: number): Promise<void> {
  await using(1, async (env) => {
    const actions = new RandomActions(env, seed);
    await env.reset({ seed, params: { [name]: value } });
    await onward(env, actions, 1);
    const moment = await env.snapshot();
    const expected = await onward(env, actions, steps);
    await using(1, async (fresh) => {
      await fresh.reset({ seed: seed + 3 });
      await fresh.restore(moment);
      const same = new RandomActions(fresh, seed);
      same.next();
      const difference = differenceOf(expected, await onward(fresh, same, steps));
      hold(difference === undefined, `${name} = ${value} is lost in a snapshot: ${difference}`);
      const again = differenceOf(await using(1, (other) => rollout(other, seed, 3)), await rollout(fresh, seed, 3));
      hold(again === undefined, `${name} = ${value} outlives its episode: ${again}`);
    });
  });
}
