/** Snapshots: what they bring back, where, and which are refused. */
import type { VectorEnv } from '../core/vector-env.ts';
import { Rng } from '../math/rng.ts';
import { allocate, cloneValues, rowOf, sampleInto, type Values } from '../spaces/space.ts';
import { expectRefusal, hold } from './broken.ts';
import type { CheckBench, EnvCheck } from './check-env.ts';
import { differenceOf, laneOf, numbersOf, onward, RandomActions, resetEnded } from './play.ts';

/** Steps before the moment that is kept. */
const stepsBefore = 5;

export const snapshotChecks: readonly EnvCheck[] = [
  {
    name: 'snapshot-in-place',
    what: 'goes on bit by bit from a snapshot in the lane that it was taken of, and is not disturbed by taking it',
    run: (bench) =>
      bench.using(2, async (env) => {
        const actions = await begin(bench, env);
        const moment = await env.snapshot(1);
        const undisturbed = await bench.using(2, async (other) => onward(other, await begin(bench, other), bench.steps));
        const taken = differenceOf(undisturbed, await onward(env, actions, bench.steps));
        hold(taken === undefined, `an env that was not looked at differs: ${taken}`);
        const here = await follow(bench, env, moment, 1);
        const again = differenceOf(here, await follow(bench, env, moment, 1));
        hold(again === undefined, `restored twice, it differs: ${again}`);
        await env.restore(moment, 1);
        const onwards = undisturbed.map((rows) => [rows[1]!]);
        const same = differenceOf(onwards, await onwardAs(bench, env, 1));
        hold(same === undefined, `restored, it differs from the run that went on: ${same}`);
        return undefined;
      }),
  },
  {
    name: 'snapshot-elsewhere',
    what: 'goes on bit by bit from a snapshot in another lane, in another env, and in one never reset',
    run: (bench) =>
      bench.using(2, async (env) => {
        await begin(bench, env);
        const moment = await env.snapshot(1);
        const here = await follow(bench, env, moment, 1);
        const compare = async (where: string, other: VectorEnv) => {
          const difference = differenceOf(here, await follow(bench, other, moment, 0));
          hold(difference === undefined, `${where} it differs: ${difference}`);
        };
        await compare('in another lane', env);
        await bench.using(1, async (fresh) => {
          await fresh.reset({ seed: bench.seed + 1233 });
          await compare('in a fresh env', fresh);
        });
        await bench.using(1, (fresh) => compare('in an env never reset', fresh));
        return undefined;
      }),
  },
  {
    name: 'snapshot-observation',
    what: 'restores the observation that the snapshot saw, in memory of its own',
    run: ({ using, seed }) =>
      using(1, async (env) => {
        const actions = new RandomActions(env, seed + 5);
        const begun = await env.reset({ seed: seed + 1 });
        hold(alike(await env.restore(await env.snapshot()), begun.observation), 'right after reset it is another one');
        const { observation } = await env.step(actions.next());
        const moment = await env.snapshot();
        await env.step(actions.next());
        const restored = await env.restore(moment);
        hold(alike(restored, observation), 'after a step it is another one');
        const kept = cloneValues(restored);
        await env.step(actions.next());
        hold(alike(restored, kept), 'a step changed the observation that restore returned');
        return undefined;
      }),
  },
  {
    name: 'snapshot-refused',
    what: 'refuses snapshots that are damaged or of another env, and goes on unharmed',
    run: (bench) =>
      bench.using(1, async (env) => {
        const actions = new RandomActions(env, bench.seed + 5);
        await env.reset({ seed: bench.seed + 1 });
        const moment = await env.snapshot();
        for (const [what, bytes] of damaged(moment))
          await expectRefusal(`a snapshot that is ${what}`, ['SNAPSHOT_INVALID', 'SNAPSHOT_FOREIGN'], () => env.restore(bytes));
        for (const make of bench.strangers) {
          const foreign = await snapshotOf(await make());
          await expectRefusal(`a snapshot of ${foreign.id}, made otherwise`, ['SNAPSHOT_FOREIGN'], () => env.restore(foreign.bytes));
        }
        const unharmed = await bench.using(1, async (other) => {
          const same = new RandomActions(other, bench.seed + 5);
          await other.reset({ seed: bench.seed + 1 });
          return onward(other, same, bench.steps);
        });
        const difference = differenceOf(unharmed, await onward(env, actions, bench.steps));
        hold(difference === undefined, `afterwards it moves otherwise: ${difference}`);
        return undefined;
      }),
  },
];

async function begin(bench: CheckBench, env: VectorEnv): Promise<RandomActions> {
  const actions = new RandomActions(env, bench.seed + 5);
  await env.reset({ seed: bench.seed + 7 });
  await onward(env, actions, stepsBefore);
  return actions;
}

/** The moment and the steps after it in one lane; that lane's actions are the same whatever the batch. */
async function follow(bench: CheckBench, env: VectorEnv, moment: Uint8Array, lane: number): Promise<number[][][]> {
  if (lane > 0 || env.lanes > 1) await env.reset({ seed: bench.seed + 500 });
  const start = numbersOf(await env.restore(moment, lane));
  // Lanes beside it that were never begun would refuse to be stepped.
  const rng = new Rng(bench.seed + 20);
  const seen = [[start]];
  for (let step = 0; step < bench.steps; step++) {
    const batch = allocate(env.actionSpace, env.lanes);
    for (let each = 0; each < env.lanes; each++)
      sampleInto(env.actionSpace, each === lane ? rng : new Rng(step), rowOf(env.actionSpace, batch, each));
    const result = await env.step(batch);
    seen.push([laneOf(env, result, lane)]);
    await resetEnded(env, result);
  }
  return seen;
}

/** The steps that `begin`'s actions would go on with, seen from one lane. */
async function onwardAs(bench: CheckBench, env: VectorEnv, lane: number): Promise<number[][][]> {
  const actions = new RandomActions(env, bench.seed + 5);
  for (let step = 0; step < stepsBefore; step++) actions.next();
  return (await onward(env, actions, bench.steps)).map((rows) => [rows[lane]!]);
}

function damaged(moment: Uint8Array): [what: string, bytes: Uint8Array][] {
  const flipped = (at: number) => {
    const bytes = moment.slice();
    bytes[at]! ^= 1;
    return bytes;
  };
  const longer = new Uint8Array(moment.length + 1);
  longer.set(moment);
  return [
    ['empty', new Uint8Array(0)],
    ['cut by a byte', moment.subarray(0, moment.length - 1)],
    ['cut in half', moment.subarray(0, moment.length >> 1)],
    ['longer by a byte', longer],
    ['zeros', new Uint8Array(moment.length)],
    ...[0, 0.25, 0.5, 0.75].map((share): [string, Uint8Array] => {
      const at = Math.floor(share * moment.length);
      return [`changed at byte ${at}`, flipped(at)];
    }),
    ['changed at its end', flipped(moment.length - 1)],
  ];
}

async function snapshotOf(stranger: VectorEnv): Promise<{ id: string; bytes: Uint8Array }> {
  try {
    await stranger.reset({ seed: 1 });
    return { id: stranger.id, bytes: await stranger.snapshot() };
  } finally {
    await stranger.close();
  }
}

function alike(a: Values, b: Values): boolean {
  return String(numbersOf(a)) === String(numbersOf(b));
}
