import type { Ranges } from '../core/range.ts';
import type { EngineName } from '../core/scene-spec.ts';
import type { AutoresetMode, VectorEnv } from '../core/vector-env.ts';
import type { Replay } from '../data/read-replay.ts';
import { fingerprintOf } from '../data/record-replay.ts';
import { batchFrom, keep, keptBytes, leavesOf, type ReplayEvent, type ReplayHead, type ReplayStep } from '../data/replay-format.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { allocate, copyValues, rowOf, type Space, type Values } from '../spaces/space.ts';
import { spaceToJson } from '../wire/space-json.ts';

/** What a registry is asked for. */
interface ReplayMakeOptions {
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  readonly maxEpisodeSteps?: number | null;
  readonly backend?: 'truth' | 'model' | 'twin';
  readonly engine?: EngineName;
  readonly randomize?: Ranges;
  readonly condition?: readonly string[];
  readonly observeCondition?: boolean;
}

export interface ReplayMaker {
  makeVector(id: string, options: ReplayMakeOptions): Promise<VectorEnv>;
}

export interface VerifyReplayOptions {
  /** Makes the env instead of the registry: for models, twins, wrappers and servers. */
  readonly make?: (head: ReplayHead, options: ReplayMakeOptions) => Promise<VectorEnv>;
}

/** Where an env first did something else than was recorded. */
export interface Divergence {
  /** Number of the call, from 0. */
  readonly event: number;
  readonly op: ReplayEvent['op'];
  /** Number of the step, from 1; for a reset or restore, the steps before it. */
  readonly step: number;
  readonly lane: number;
  /** `refused`: the env took the call then and does not now. */
  readonly what: 'observation' | 'reward' | 'terminated' | 'truncated' | 'refused';
  /** In the lane's flattened observation, or the agent of a reward; absent where only digests were kept. */
  readonly element?: number;
  readonly expected?: number | string;
  readonly got?: number | string;
}

export interface ReplayReport {
  readonly env: string;
  readonly holds: boolean;
  /** False: the file was cut short; what it holds was played. */
  readonly complete: boolean;
  /** Played until the end or the first divergence, it included. */
  readonly events: number;
  readonly steps: number;
  /** Whether scene, engine and settings are the recorded ones: `differs` explains a divergence. */
  readonly fingerprint: 'same' | 'differs' | 'unknown';
  readonly firstDivergence?: Divergence;
}

/**
 * Plays a replay again and stops at the first bit that differs. An env recorded through a server is played on truth here.
 * @throws REPLAY_FOREIGN when the env made has other spaces, lanes or wrappers; whatever making it throws.
 */
export async function verifyReplay(registry: ReplayMaker, replay: Replay, options: VerifyReplayOptions = {}): Promise<ReplayReport> {
  const { head } = replay;
  const make = options.make ?? ((_: ReplayHead, made: ReplayMakeOptions) => registry.makeVector(head.env, made));
  if (!options.make && head.wrappers.length > 0)
    foreign(replay, 'stack of wrappers', head.wrappers.join(' '), 'empty, as wrappers cannot be made from their names');
  const env = await make(head, makeOptionsOf(head));
  try {
    requireSameShape(replay, env);
    return await play(replay, env);
  } finally {
    await env.close();
  }
}

function makeOptionsOf(head: ReplayHead): ReplayMakeOptions {
  return {
    lanes: head.lanes,
    autoreset: head.autoreset,
    ...(head.maxEpisodeSteps === undefined ? {} : { maxEpisodeSteps: head.maxEpisodeSteps }),
    ...(head.kind === 'remote' ? {} : { backend: head.kind }),
    ...(head.engine === undefined ? {} : { engine: head.engine }),
    ...(head.randomize === undefined ? {} : { randomize: head.randomize }),
    ...(head.condition === undefined ? {} : { condition: head.condition }),
    ...(head.observeCondition === undefined ? {} : { observeCondition: head.observeCondition }),
  };
}

function requireSameShape(replay: Replay, env: VectorEnv): void {
  const { head } = replay;
  const shape = (of: ReplayHead | VectorEnv): [string, string][] => [
    ['number of lanes', String(of.lanes)],
    ['number of agents', String(of.agents)],
    ['autoreset', of.autoreset],
    ['observation space', JSON.stringify(spaceToJson(of.observationSpace))],
    ['action space', JSON.stringify(spaceToJson(of.actionSpace))],
  ];
  const found = shape(env);
  shape(head).forEach(([what, expected], i) => {
    if (expected !== found[i]![1]) foreign(replay, what, expected, found[i]![1]);
  });
}

function foreign(replay: Replay, what: string, expected: string, got: string): never {
  throw new GroundtwinError('REPLAY_FOREIGN', { replay: replay.name, what, expected: expected.slice(0, 200), got: got.slice(0, 200) });
}

async function play(replay: Replay, env: VectorEnv): Promise<ReplayReport> {
  const { head } = replay;
  let [events, steps] = [0, 0];
  let firstDivergence: Divergence | undefined;
  for (const event of replay.read()) {
    if (event.op === 'step') steps++;
    const difference = await differenceOf(head, env, event);
    if (difference) firstDivergence = { event: events, op: event.op, step: steps, ...difference };
    events++;
    if (firstDivergence) break;
  }
  const own = fingerprintOf(env);
  const fingerprint = own === undefined || head.fingerprint === undefined ? 'unknown' : own === head.fingerprint ? 'same' : 'differs';
  const outcome = { env: head.env, holds: !firstDivergence, complete: replay.complete, events, steps, fingerprint } as const;
  return firstDivergence ? { ...outcome, firstDivergence } : outcome;
}

type Difference = Pick<Divergence, 'lane' | 'what' | 'element' | 'expected' | 'got'>;

async function differenceOf(head: ReplayHead, env: VectorEnv, event: ReplayEvent): Promise<Difference | undefined> {
  try {
    switch (event.op) {
      case 'reset': {
        const seed = Array.from(event.seeds, (own) => (own === -1 ? null : own));
        const { observation } = await env.reset({ mask: event.mask, seed, ...(event.params ? { params: event.params } : {}) });
        return observationDifference(head, event.observed, observation, head.lanes);
      }
      case 'step': {
        const result = await env.step(event.actions);
        return observationDifference(head, event.observed, result.observation, head.lanes) ?? flagDifference(head, event, result);
      }
      case 'restore': {
        const observation = await env.restore(event.snapshot, event.lane);
        const difference = observationDifference(head, event.observed, observation, 1);
        return difference && { ...difference, lane: event.lane };
      }
    }
  } catch (error) {
    if (!isGroundtwinError(error)) throw error;
    return { lane: event.op === 'restore' ? event.lane : 0, what: 'refused', got: `${error.code}: ${error.message}` };
  }
}

function flagDifference(head: ReplayHead, event: ReplayStep, got: Pick<ReplayStep, 'reward' | 'terminated' | 'truncated'>) {
  for (let lane = 0; lane < head.lanes; lane++) {
    for (let agent = 0; agent < head.agents; agent++) {
      const slot = lane * head.agents + agent;
      const [expected, is] = [event.reward[slot]!, got.reward[slot]!];
      if (!Object.is(expected, is)) return { lane, what: 'reward', element: agent, expected, got: is } as const;
    }
    for (const what of ['terminated', 'truncated'] as const) {
      const [expected, is] = [event[what][lane]!, got[what][lane]!];
      if (expected !== is) return { lane, what, expected, got: is } as const;
    }
  }
  return undefined;
}

function observationDifference(head: ReplayHead, expected: Uint8Array, observation: Values, lanes: number): Difference | undefined {
  const batch = allocate(head.observationSpace, lanes);
  copyValues(observation, batch);
  const got = keep(head, batch, lanes);
  if (Buffer.compare(expected, got) === 0) return undefined;
  if (head.outcomes === 'values')
    return elementDifference(head.observationSpace, batchFrom(head.observationSpace, expected, lanes), batch, lanes);
  const width = keptBytes(head, 1);
  for (let lane = 0; lane < lanes; lane++) {
    const [was, is] = [expected, got].map((digests) => Buffer.from(digests.subarray(lane * width, (lane + 1) * width)).toString('hex'));
    if (was !== is) return { lane, what: 'observation', expected: was!, got: is! };
  }
  return undefined;
}

function elementDifference(space: Space, expected: Values, got: Values, lanes: number): Difference | undefined {
  for (let lane = 0; lane < lanes; lane++) {
    const [was, is] = [expected, got].map((batch) => leavesOf(rowOf(space, batch, lane)).flatMap((leaf) => Array.from(leaf)));
    const element = was!.findIndex((value, i) => !Object.is(value, is![i]));
    if (element >= 0) return { lane, what: 'observation', element, expected: was![element]!, got: is![element]! };
  }
  // Bits of a NaN may differ where its meaning does not.
  return undefined;
}
