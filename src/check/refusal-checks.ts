/** Calls that must be refused with a typed error, and leave no trace. */
import type { VectorEnv } from '../core/vector-env.ts';
import { flattenInto, type Leaf, type Space, sizeOf, type Values } from '../spaces/space.ts';
import { expectRefusal, hold } from './broken.ts';
import type { EnvCheck } from './check-env.ts';
import { differenceOf, onward, RandomActions } from './play.ts';

export const refusalChecks: readonly EnvCheck[] = [
  {
    name: 'action-refused',
    what: 'refuses actions of the wrong shape, that are not finite or outside, and goes on with the same bits',
    run: (bench) =>
      bench.using(2, async (env) => {
        const [plain, troubled] = [new RandomActions(env, bench.seed + 6), new RandomActions(env, bench.seed + 6)];
        const undisturbed = await bench.using(2, async (other) => {
          await other.reset({ seed: bench.seed + 2 });
          return onward(other, plain, bench.steps);
        });
        await env.reset({ seed: bench.seed + 2 });
        const before = await onward(env, troubled, 2);
        const sample = new RandomActions(env, bench.seed + 60).next();
        const cases = badActions(env.actionSpace, sample, env.lanes);
        for (const { what, code, actions } of cases) await expectRefusal(what, [code], () => env.step(actions));
        const difference = differenceOf(undisturbed, [...before, ...(await onward(env, troubled, bench.steps - 2))]);
        hold(difference === undefined, `afterwards it moves otherwise: ${difference}`);
        return `${cases.length} kinds`;
      }),
  },
  {
    name: 'before-reset',
    what: 'refuses to be stepped, or kept, before it was reset',
    run: (bench) =>
      bench.using(2, async (env) => {
        const actions = new RandomActions(env, bench.seed).next();
        await expectRefusal('a step before reset', ['ENV_NOT_RESET'], () => env.step(actions));
        await expectRefusal('a snapshot before reset', ['ENV_NOT_RESET'], () => env.snapshot(0));
        await env.reset({ seed: bench.seed, mask: Uint8Array.of(1, 0) });
        await expectRefusal('a step with one of two lanes reset', ['ENV_NOT_RESET'], () => env.step(actions));
        await env.reset({ seed: bench.seed, mask: Uint8Array.of(0, 1) });
        await env.step(actions);
        return undefined;
      }),
  },
  {
    name: 'after-close',
    what: 'refuses everything after close, but to be closed again',
    run: (bench) =>
      bench.using(1, async (env) => {
        const actions = new RandomActions(env, bench.seed).next();
        await env.reset({ seed: bench.seed });
        const moment = await env.snapshot();
        await env.close();
        await env.close();
        for (const [what, act] of callsOf(env, actions, moment)) await expectRefusal(`${what} after close`, ['ENV_CLOSED'], act);
        return undefined;
      }),
  },
];

function callsOf(env: VectorEnv, actions: Values, moment: Uint8Array): [what: string, act: () => Promise<unknown>][] {
  return [
    ['a step', () => env.step(actions)],
    ['a reset', () => env.reset({ seed: 1 })],
    ['a snapshot', () => env.snapshot()],
    ['a restore', () => env.restore(moment)],
  ];
}

interface BadAction {
  readonly what: string;
  readonly code: 'ACTION_SHAPE' | 'ACTION_NOT_FINITE' | 'ACTION_OUTSIDE_SPACE';
  readonly actions: Values;
}

/** For each leaf of the action space, a good batch with one thing wrong in it. */
function badActions(space: Space, good: Values, lanes: number): BadAction[] {
  if (space.kind !== 'dict') return badLeaves(space, good, lanes);
  const parts = good as Record<string, Values>;
  return Object.entries(space.spaces).flatMap(([key, part]) =>
    badActions(part, parts[key]!, lanes).map(({ what, code, actions }) => ({
      what: `${key}: ${what}`,
      code,
      actions: { ...parts, [key]: actions },
    })),
  );
}

function badLeaves(space: Leaf, good: Values, lanes: number): BadAction[] {
  const size = sizeOf(space);
  // float64 holds what the space's own type may not.
  const numbers = new Float64Array(lanes * size);
  flattenInto(good, numbers);
  const at = lanes * size - 1;
  const having = (value: number) => {
    const actions = numbers.slice();
    actions[at] = value;
    return actions;
  };
  const shape = [0, lanes * size - 1, lanes * size + 1].map((length): BadAction => {
    return { what: `an action of ${length} numbers`, code: 'ACTION_SHAPE', actions: new Float64Array(length) };
  });
  const infinite = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value): BadAction => {
    return { what: `an action of ${value}`, code: 'ACTION_NOT_FINITE', actions: having(value) };
  });
  const outside = outsideOf(space, size - 1).map((value): BadAction => {
    return { what: `an action of ${value}`, code: 'ACTION_OUTSIDE_SPACE', actions: having(value) };
  });
  return [...shape, ...infinite, ...outside];
}

/** Values just out of reach of one element; none where it is unbounded. */
function outsideOf(space: Leaf, element: number): number[] {
  switch (space.kind) {
    case 'discrete':
      return [-1, space.n, 0.5];
    case 'multiDiscrete':
      return [-1, space.nvec[element]!, 0.5];
    case 'box': {
      const [low, high] = [space.low[element]!, space.high[element]!];
      const margin = Number.isFinite(high - low) ? Math.max(1e-3, (high - low) / 100) : 1;
      return [low - margin, high + margin].filter(Number.isFinite);
    }
  }
}
