import type { Policy } from '../core/policy.ts';
import type { VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, cloneValues, copyValues, rowOf, type Values } from '../spaces/space.ts';
import { TaskEnv } from '../task/task-env.ts';
import type { Episode, EpisodeSpec } from './episode.ts';
import { EpisodeStore } from './episode-store.ts';
import { specOf } from './episode-transitions.ts';

export interface RecordEpisodesOptions {
  /** How many; a multiple of the lanes leaves none idle. */
  readonly episodes: number;
  /** Of the first episode; the others follow, one each. The policy of a round of lanes is reset with that of its first. */
  readonly seed: number;
  /** Steps after which an episode is cut off, as truncated. */
  readonly maxSteps: number;
  /** Limit of the store, in bytes. */
  readonly maxBytes?: number;
  readonly onStep?: (episode: number, step: number) => void;
}

/** What recordings of this env hold; states and commands where its task can be looked at. */
export function recordedSpec(env: VectorEnv): EpisodeSpec {
  const own = taskEnvOf(env);
  const { id, observationSpace, actionSpace, agents, controlDt_s } = env;
  const seen = { env: id, observationSpace, actionSpace, agents, controlDt_s };
  if (own === undefined) return seen;
  const { stateEntries, commands } = specOf(own.task);
  return { ...seen, ...(stateEntries && { stateEntries }), ...(commands && { commands }) };
}

/**
 * Plays a policy on any env, wrapped, local or remote, and keeps whole episodes: one in every lane at a time, all lanes begun together, so that short episodes
 * are not kept more often than long ones.
 * @throws OPTION_INVALID for counts below 1, DATA_TOO_LARGE when the store is full; what the env throws.
 */
export async function recordEpisodes(env: VectorEnv, policy: Policy, options: RecordEpisodesOptions): Promise<EpisodeStore> {
  for (const option of ['episodes', 'maxSteps'] as const)
    if (!Number.isInteger(options[option]) || options[option] < 1)
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'recordEpisodes',
        option,
        value: String(options[option]),
        allowed: 'an integer of at least 1',
      });
  const store = new EpisodeStore(recordedSpec(env), options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes });
  for (let first = 0; first < options.episodes; first += env.lanes) await recordRound(env, policy, store, first, options);
  return store;
}

async function recordRound(
  env: VectorEnv,
  policy: Policy,
  store: EpisodeStore,
  first: number,
  options: RecordEpisodesOptions,
): Promise<void> {
  const wanted = Math.min(env.lanes, options.episodes - first);
  const own = taskEnvOf(env);
  policy.reset(options.seed + first);
  let { observation } = await env.reset({ seed: options.seed + first });
  const lanes = Array.from({ length: wanted }, (_, lane) => new EpisodeTrace(env, store.spec, lane, observation, own));
  for (let step = 1; step <= options.maxSteps && lanes.some((lane) => lane.goesOn); step++) {
    const action = cloneValues(await policy.act(observation));
    const result = await env.step(action);
    for (const lane of lanes) if (lane.goesOn) lane.add(action, result, step === options.maxSteps);
    ({ observation } = result);
    options.onStep?.(first, step);
    const ended = Uint8Array.from(result.terminated, (end, lane) => Number(end || result.truncated[lane]));
    if (env.autoreset === 'disabled' && ended.includes(1) && lanes.some((lane) => lane.goesOn))
      ({ observation } = await env.reset({ mask: ended }));
  }
  lanes.forEach((lane, i) => void store.add({ ...lane.episode(), seed: options.seed + first + i }));
}

/** The env's own task, while its state is that of the step just made: an autoreset in the same step has gone on by then. */
function taskEnvOf(env: VectorEnv): TaskEnv | undefined {
  return env.autoreset !== 'sameStep' && 'backend' in env && env.backend instanceof TaskEnv ? env.backend : undefined;
}

/** One lane's episode as it grows. */
class EpisodeTrace {
  goesOn = true;
  private readonly env: VectorEnv;
  private readonly spec: EpisodeSpec;
  private readonly lane: number;
  private readonly own: TaskEnv | undefined;
  private readonly observations: Values[];
  private readonly states: Float64Array[] = [];
  private readonly commands: Float64Array[] = [];
  private readonly actions: Values[] = [];
  private readonly rewards: number[] = [];
  private readonly terminated: number[] = [];
  private readonly truncated: number[] = [];

  constructor(env: VectorEnv, spec: EpisodeSpec, lane: number, observation: Values, own: TaskEnv | undefined) {
    this.env = env;
    this.spec = spec;
    this.lane = lane;
    this.own = own;
    this.observations = [cloneValues(rowOf(spec.observationSpace, observation, lane))];
    this.noteState();
  }

  add(action: Values, result: Awaited<ReturnType<VectorEnv['step']>>, isLast: boolean): void {
    const { env, spec, lane, own } = this;
    const { terminated, truncated } = result;
    this.actions.push(cloneValues(rowOf(spec.actionSpace, action, lane)));
    for (let agent = 0; agent < env.agents; agent++) this.rewards.push(result.reward[lane * env.agents + agent]!);
    this.goesOn = !(terminated[lane] || truncated[lane] || isLast);
    this.terminated.push(terminated[lane]!);
    this.truncated.push(isLast && !terminated[lane] ? 1 : truncated[lane]!);
    const isReplaced = env.autoreset === 'sameStep' && (terminated[lane] || truncated[lane]);
    const seen = isReplaced ? (result.info.finalObservation as unknown as Values) : result.observation;
    this.observations.push(cloneValues(rowOf(spec.observationSpace, seen, lane)));
    const width = spec.commands?.length ?? 0;
    if (own) this.commands.push(own.commands.slice(lane * width, (lane + 1) * width));
    this.noteState();
  }

  episode(): Episode {
    const { spec, own } = this;
    return {
      steps: this.actions.length,
      observation: stacked(spec.observationSpace, this.observations),
      action: stacked(spec.actionSpace, this.actions),
      reward: Float64Array.from(this.rewards),
      terminated: Uint8Array.from(this.terminated),
      truncated: Uint8Array.from(this.truncated),
      ...(own ? { state: joined(this.states), command: joined(this.commands) } : {}),
    };
  }

  private noteState(): void {
    const size = this.own?.spec.size ?? 0;
    if (this.own) this.states.push(this.own.state.slice(this.lane * size, (this.lane + 1) * size));
  }
}

function stacked(space: EpisodeSpec['observationSpace'], rows: readonly Values[]): Values {
  const stack = allocate(space, rows.length);
  rows.forEach((row, i) => void copyValues(row, rowOf(space, stack, i)));
  return stack;
}

function joined(rows: readonly Float64Array[]): Float64Array {
  const width = rows[0]!.length;
  const all = new Float64Array(rows.length * width);
  rows.forEach((row, i) => void all.set(row, i * width));
  return all;
}
