/** How episodes end and begin again. */
import type { AutoresetMode, VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { rowOf, type Values } from '../spaces/space.ts';
import { Broken, expectRefusal, hold } from './broken.ts';
import type { CheckBench, CheckMakeOptions, EnvCheck } from './check-env.ts';
import { numbersOf, RandomActions, resetEnded } from './play.ts';

/** Where the maker takes a time limit, a short one is played. */
const shortLimit = 5;
/** A longer horizon than this is not played out. */
const mostSteps = 5000;
/** What an episode adds to the seed of its lane. */
const episodeStride = 2 ** 32;
const modes: readonly AutoresetMode[] = ['nextStep', 'sameStep', 'disabled'];

export const episodeChecks: readonly EnvCheck[] = [
  {
    name: 'time-limit',
    what: 'cuts an episode off at its time limit, truncated and not terminated, and never before without a problem',
    async run(bench) {
      const played: string[] = [];
      if (bench.takes.includes('maxEpisodeSteps')) {
        played.push(await playToLimit(bench, shortLimit, { maxEpisodeSteps: shortLimit }));
        await requireOwnEnds(bench);
      }
      if (typeof bench.horizon === 'number') played.push(await playToLimit(bench, bench.horizon));
      return played.join('; ') || 'no time limit was declared';
    },
  },
  {
    name: 'autoreset',
    what: 'begins the next episode, the one of the next seed, as its autoreset mode says',
    async run(bench) {
      const played: string[] = [];
      for (const mode of bench.takes.includes('autoreset') ? modes : [undefined]) played.push(await playAutoreset(bench, mode));
      return played.join('; ');
    },
  },
];

async function playToLimit(bench: CheckBench, limit: number, options?: CheckMakeOptions): Promise<string> {
  const play = async (env: VectorEnv) => {
    const actions = new RandomActions(env, bench.seed + 9);
    await env.reset({ seed: bench.seed + 9 });
    const lengths = new Array<number>(env.lanes).fill(0);
    const waiting = new Array<boolean>(env.lanes).fill(false);
    let cut = 0;
    for (let step = 1; step <= Math.min(limit + 2, mostSteps); step++) {
      const result = await env.step(actions.next());
      for (let lane = 0; lane < env.lanes; lane++) {
        if (waiting[lane]) {
          waiting[lane] = false;
          continue;
        }
        const ended = endOf(result, lane, ++lengths[lane]!, limit);
        if (!ended) continue;
        if (ended === 'cut') cut++;
        lengths[lane] = 0;
        waiting[lane] = env.autoreset === 'nextStep';
      }
      await resetEnded(env, result);
    }
    return cut > 0 ? `cut off after ${limit} steps` : `no random episode lasted ${limit} steps`;
  };
  return bench.using(2, play, options);
}

/** What terminates at the limit must terminate there under a longer one too. */
async function requireOwnEnds(bench: CheckBench): Promise<void> {
  const terminatedAt = (limit: number) =>
    bench.using(
      2,
      async (env) => {
        const actions = new RandomActions(env, bench.seed + 9);
        await env.reset({ seed: bench.seed + 9 });
        const ends = new Array<string | undefined>(env.lanes).fill(undefined);
        for (let step = 1; step <= shortLimit; step++) {
          const result = await env.step(actions.next());
          for (let lane = 0; lane < env.lanes; lane++)
            if (result.terminated[lane] || result.truncated[lane])
              ends[lane] ??= result.terminated[lane] ? `terminated at step ${step}` : '';
          await resetEnded(env, result);
        }
        return ends.map((end) => end || 'not terminated');
      },
      { maxEpisodeSteps: limit },
    );
  const [short, long] = [await terminatedAt(shortLimit), await terminatedAt(shortLimit + 1)];
  for (const [lane, end] of short.entries())
    hold(end === long[lane], `lane ${lane}: ${end} under a limit of ${shortLimit}, ${long[lane]} under a longer one`);
}

function endOf(
  { terminated, truncated, info }: VectorStepResult,
  lane: number,
  length: number,
  limit: number,
): 'cut' | 'other' | undefined {
  const where = `lane ${lane}, step ${length} of its episode`;
  const problem = problemOf(info, lane);
  if (truncated[lane] && problem) return 'other';
  hold(!(terminated[lane] && truncated[lane]), `${where}: terminated and truncated at once`);
  hold(!truncated[lane] || length === limit, `${where}: truncated where the limit is ${limit}, without a problem`);
  hold(Boolean(terminated[lane] || truncated[lane]) || length < limit, `${where}: goes on past its limit of ${limit}`);
  if (truncated[lane]) return 'cut';
  return terminated[lane] ? 'other' : undefined;
}

function problemOf(info: VectorStepResult['info'], lane: number): unknown {
  const final = info.finalInfo as VectorStepResult['info'] | undefined;
  return (info.problem as readonly unknown[] | undefined)?.[lane] ?? (final?.problem as readonly unknown[] | undefined)?.[lane];
}

async function playAutoreset(bench: CheckBench, mode: AutoresetMode | undefined): Promise<string> {
  const options: CheckMakeOptions = {
    ...(mode ? { autoreset: mode } : {}),
    ...(bench.takes.includes('maxEpisodeSteps') ? { maxEpisodeSteps: shortLimit } : {}),
  };
  const seed = bench.seed + 11;
  const play = async (env: VectorEnv) => {
    hold(mode === undefined || env.autoreset === mode, `it was made with ${mode} and says ${env.autoreset}`);
    const actions = new RandomActions(env, seed);
    const end = await untilEnd(env, actions, seed, Math.min(bench.horizon ?? bench.steps, mostSteps));
    if (!end) return `${env.autoreset}: no episode ended`;
    const begin = (fresh: VectorEnv) => fresh.reset({ seed: seed + end.lane + episodeStride });
    const start = await bench.using(1, async (fresh) => numbersOf((await begin(fresh)).observation), options);
    await requireNext(bench, env, { ...end, actions, start, seed });
    return env.autoreset;
  };
  return bench.using(2, play, options);
}

interface End {
  readonly lane: number;
  readonly step: number;
  readonly result: VectorStepResult;
}
interface Ending extends End {
  readonly actions: RandomActions;
  readonly seed: number;
  /** Of the lane's next episode. */
  readonly start: readonly number[];
}

async function untilEnd(env: VectorEnv, actions: RandomActions, seed: number, most: number): Promise<End | undefined> {
  await env.reset({ seed });
  for (let step = 1; step <= most; step++) {
    const result = await env.step(actions.next());
    const lane = result.terminated.findIndex((end, i) => end === 1 || result.truncated[i] === 1);
    if (lane >= 0) return { lane, step, result };
  }
  return undefined;
}

function requireNext(bench: CheckBench, env: VectorEnv, ending: Ending): Promise<void> {
  switch (env.autoreset) {
    case 'nextStep':
      return requireNextStep(env, ending);
    case 'sameStep':
      return requireSameStep(bench, env, ending);
    case 'disabled':
      return requireDisabled(env, ending);
    default:
      throw new Broken(`its autoreset is ${String(env.autoreset)}`);
  }
}

async function requireNextStep(env: VectorEnv, { lane, result, actions, start }: Ending): Promise<void> {
  hold(!isRow(env, result.observation, lane, start), 'nextStep: the last observation of an episode is the first of the next');
  const next = await env.step(actions.next());
  requireStart(env, 'nextStep, a step after the end', next.observation, lane, start);
  const reward = next.reward.subarray(lane * env.agents, (lane + 1) * env.agents);
  hold(
    reward.every((value) => value === 0),
    `nextStep: the step that begins an episode has reward ${[...reward]}`,
  );
  hold(!next.terminated[lane] && !next.truncated[lane], 'nextStep: the step that begins an episode ends it');
}

async function requireSameStep(bench: CheckBench, env: VectorEnv, { lane, step, result, start, seed }: Ending): Promise<void> {
  requireStart(env, 'sameStep, at the end', result.observation, lane, start);
  const { finalMask, finalObservation } = result.info as { finalMask?: Uint8Array; finalObservation?: Values };
  if (!finalMask || !finalObservation) throw new Broken('sameStep: info.finalMask or info.finalObservation is missing');
  for (let each = 0; each < env.lanes; each++) {
    const ended = result.terminated[each]! | result.truncated[each]!;
    hold(finalMask[each] === ended, `sameStep: info.finalMask of lane ${each} is ${finalMask[each]}, its flags say ${ended}`);
  }
  const last = numbersOf(rowOf(env.observationSpace, finalObservation, lane));
  if (!bench.takes.includes('autoreset')) return;
  const limit = bench.takes.includes('maxEpisodeSteps') ? { maxEpisodeSteps: shortLimit } : {};
  const plain = async (other: VectorEnv) => {
    const end = await untilEnd(other, new RandomActions(other, seed), seed, step);
    hold(end?.step === step && end.lane === lane, `sameStep: its first episode ends at step ${step}, with autoreset off at ${end?.step}`);
    return numbersOf(rowOf(other.observationSpace, end!.result.observation, lane));
  };
  const expected = await bench.using(2, plain, { autoreset: 'disabled', ...limit });
  hold(String(last) === String(expected), `sameStep: info.finalObservation is [${last.slice(0, 8)}], not [${expected.slice(0, 8)}]`);
}

async function requireDisabled(env: VectorEnv, { lane, result, actions, start }: Ending): Promise<void> {
  await expectRefusal('disabled: a step after the end', ['ENV_NOT_RESET'], () => env.step(actions.next()));
  const mask = result.terminated.map((end, i) => end | result.truncated[i]!);
  const { observation } = await env.reset({ mask });
  requireStart(env, 'disabled, reset by mask', observation, lane, start);
  for (let each = 0; each < env.lanes; each++) {
    if (mask[each]) continue;
    const before = numbersOf(rowOf(env.observationSpace, result.observation, each));
    hold(isRow(env, observation, each, before), `disabled: resetting lane ${lane} changed lane ${each}`);
  }
  await env.step(actions.next());
}

function requireStart(env: VectorEnv, when: string, observation: Values, lane: number, start: readonly number[]): void {
  const got = numbersOf(rowOf(env.observationSpace, observation, lane)).slice(0, 8);
  hold(
    isRow(env, observation, lane, start),
    `${when}: lane ${lane} observes [${got}], the episode of seed + 2^32 begins with [${start.slice(0, 8)}]`,
  );
}

function isRow(env: VectorEnv, observation: Values, lane: number, row: readonly number[]): boolean {
  return String(numbersOf(rowOf(env.observationSpace, observation, lane))) === String(row);
}
