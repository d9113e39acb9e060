/** What moves, by which seed, and what comes back with it. */
import type { InfoColumns } from '../core/backend.ts';
import type { VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { isGroundtwinError } from '../errors.ts';
import { cloneValues } from '../spaces/space.ts';
import { Broken, hold } from './broken.ts';
import type { EnvCheck } from './check-env.ts';
import { buffersOf, columnsOf, differenceOf, laneOf, numbersOf, onward, RandomActions, resetEnded, rollout } from './play.ts';

/** Relative to the largest term: sums in another order differ by as much. */
const rewardTolerance = 1e-12;
const startsCompared = 8;

export const motionChecks: readonly EnvCheck[] = [
  {
    name: 'deterministic',
    what: 'repeats itself by seed, fresh and used',
    async run({ using, seed, steps }) {
      const first = await using(2, (env) => rollout(env, seed + 4, steps));
      const fresh = differenceOf(first, await using(2, (env) => rollout(env, seed + 4, steps)));
      hold(fresh === undefined, `a fresh env with the same seed differs: ${fresh}`);
      await using(2, async (env) => {
        await rollout(env, seed + 76, 7);
        const used = differenceOf(first, await rollout(env, seed + 4, steps));
        hold(used === undefined, `a used env with the same seed differs: ${used}`);
      });
      return undefined;
    },
  },
  {
    name: 'seeds-differ',
    what: 'moves otherwise with another seed and the same actions',
    run: ({ using, seed, steps }) =>
      using(1, async (env) => {
        const played = async (own: number) => {
          await env.reset({ seed: own });
          return onward(env, new RandomActions(env, seed), steps);
        };
        const first = await played(seed + 4);
        hold(differenceOf(first, await played(seed + 5)) !== undefined, `seeds ${seed + 4} and ${seed + 5} move alike`);
        return undefined;
      }),
  },
  {
    name: 'randomised-starts',
    what: 'begins differently by seed, and from one episode to the next',
    run: ({ using, seed }) =>
      using(startsCompared, async (env) => {
        const startsOf = async (options: { seed?: number }) => {
          const { observation } = await env.reset(options);
          return Array.from({ length: env.lanes }, (_, lane) => String(laneOf(env, { observation }, lane)));
        };
        const starts = await startsOf({ seed });
        hold(new Set(starts).size > 1, `${env.lanes} seeds give one and the same start`);
        hold(String(await startsOf({})) !== String(starts), 'the next episodes begin as the ones before');
        return undefined;
      }),
  },
  {
    name: 'batch-size',
    what: 'gives a lane the same bits in batches of 1, 3 and 8',
    async run({ using, seed, steps }) {
      const alone = (first: number) => using(1, (env) => rollout(env, first, steps));
      const [zeroth, second] = [await alone(seed + 39), await alone(seed + 41)];
      for (const lanes of [3, 8]) {
        const together = await using(lanes, (env) => rollout(env, seed + 39, steps));
        for (const [lane, own] of [[0, zeroth] as const, [2, second] as const]) {
          const difference = differenceOf(
            own,
            together.map((rows) => [rows[lane]!]),
          );
          hold(difference === undefined, `lane ${lane} of ${lanes} is not as it is alone: ${difference}`);
        }
      }
      return undefined;
    },
  },
  {
    name: 'unshared-memory',
    what: 'shares no memory with what it returned',
    run: ({ using, seed }) =>
      using(2, async (env) => {
        const actions = new RandomActions(env, seed + 3);
        const begun = await env.reset({ seed });
        const start = cloneValues(begun.observation);
        const first = await env.step(actions.next());
        const before = numbersOfResult(first);
        const second = await env.step(actions.next());
        hold(String(numbersOf(begun.observation)) === String(numbersOf(start)), 'a step changed the observation that reset returned');
        hold(String(numbersOfResult(first)) === String(before), 'a step changed the result of the step before');
        const later = new Set(buffersOf(second));
        hold(!buffersOf(first).some((buffer) => later.has(buffer)), 'results of two steps lie in one buffer');
        hold(!buffersOf(begun).some((buffer) => later.has(buffer)), 'results of reset and step lie in one buffer');
        return undefined;
      }),
  },
  {
    name: 'reward-terms',
    what: 'gives finite rewards, the sum of info.rewardTerms',
    run: ({ using, seed, steps }) =>
      using(3, async (env) => {
        await eachStep(env, seed + 4, steps, (result, step) => {
          for (let lane = 0; lane < env.lanes; lane++) requireAccounted(env, result, lane, `step ${step}, lane ${lane}`);
        });
        return undefined;
      }),
  },
  {
    name: 'info',
    what: 'has flags of 0 and 1, info with a row a lane, and typed problems of lanes that it cut off',
    run: ({ using, seed, steps }) =>
      using(3, async (env) => {
        await eachStep(env, seed + 5, steps, (result, step) => requireInfo(env, result, `step ${step}`));
        return undefined;
      }),
  },
];

async function eachStep(
  env: VectorEnv,
  seed: number,
  steps: number,
  look: (result: VectorStepResult, step: number) => void,
): Promise<void> {
  const actions = new RandomActions(env, seed);
  await env.reset({ seed });
  for (let step = 1; step <= steps; step++) {
    const result = await env.step(actions.next());
    look(result, step);
    await resetEnded(env, result);
  }
}

function numbersOfResult(result: VectorStepResult): unknown[] {
  const columns = columnsOf(result.info).map(([, column]) => Array.from(column));
  return [numbersOf(result.observation), [...result.reward], [...result.terminated], [...result.truncated], columns];
}

/** Of a lane that was reset within the step, the terms stand in the final info. */
function requireAccounted(env: VectorEnv, { reward, info }: VectorStepResult, lane: number, where: string): void {
  const isFinal = (info.finalMask as Uint8Array | undefined)?.[lane] === 1;
  const from = isFinal ? (info.finalInfo as InfoColumns | undefined) : info;
  const terms = Object.values((from?.rewardTerms ?? {}) as Record<string, ArrayLike<number>>);
  if (terms.length === 0) throw new Broken(`${where}: info.rewardTerms is missing`);
  for (let slot = lane * env.agents; slot < (lane + 1) * env.agents; slot++) {
    const own = terms.map((term) => term[slot]!);
    const sum = own.reduce((total, term) => total + term, 0);
    hold(Number.isFinite(reward[slot]), `${where}: the reward is ${reward[slot]}`);
    const largest = Math.max(1, ...own.map(Math.abs));
    hold(Math.abs(sum - reward[slot]!) <= rewardTolerance * largest, `${where}: terms add up to ${sum}, the reward is ${reward[slot]}`);
  }
}

function requireInfo(env: VectorEnv, { reward, terminated, truncated, info }: VectorStepResult, where: string): void {
  hold(reward.length === env.lanes * env.agents, `${where}: ${reward.length} rewards for ${env.lanes} lanes of ${env.agents} agents`);
  for (const [name, flags] of Object.entries({ terminated, truncated }))
    hold(flags.length === env.lanes && flags.every((flag) => flag === 0 || flag === 1), `${where}: ${name} is [${flags}]`);
  for (const [path, column] of columnsOf(info))
    hold(column.length % env.lanes === 0, `${where}: ${path} has ${column.length} elements for ${env.lanes} lanes`);
  const problems = (info.problem ?? []) as readonly unknown[];
  for (const [lane, problem] of problems.entries()) {
    if (problem === null) continue;
    hold(isGroundtwinError(problem), `${where}: the problem of lane ${lane} is no GroundtwinError`);
    const isFinal = (info.finalMask as Uint8Array | undefined)?.[lane] === 1;
    hold(truncated[lane] === 1 || isFinal, `${where}: lane ${lane} has a problem and goes on`);
  }
}
