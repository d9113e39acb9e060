import type { BackendKind } from '../core/backend.ts';
import type { RenderMode, RenderResults, ViewOptions } from '../core/picture.ts';
import type { AutoresetMode, MadeWith, ResetOptions, VectorEnv, VectorResetResult, VectorStepResult } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, copyValues, type Space, type TypedArray, type Values } from '../spaces/space.ts';
import { bytesPerLane, isParams, keep, maxReplayParamsBytes, type ReplayHead } from './replay-format.ts';
import { ReplayWriter } from './replay-writer.ts';

/** Observations of up to this many bytes a lane are kept whole unless said otherwise: no more than a few digests would take. */
export const wholeObservation_bytes = 256;

/** What an env may not tell of itself: those that a registry made do, all of `MadeWith`. */
export interface ReplayFacts extends Partial<MadeWith> {
  /** Version of the package. */
  readonly version: string;
  readonly fingerprint?: string;
  /** Whether observations are kept whole (a divergence then names element and values) or as digests; default: whole where they are small. */
  readonly outcomes?: boolean;
}

/**
 * An env that writes a replay file while it is stepped: every reset, step and restore with what came of it. Closing it ends the file and closes the env.
 * Info is not part of a replay. A call that the env refuses leaves no trace.
 *
 * @param path - begun anew; a kill at any moment leaves what was recorded so far.
 * @throws REPLAY_REFUSED from its methods: when a lane would go on from a start that the file does not know, and at the limits of a file.
 */
export function recordReplay(env: VectorEnv, path: string, facts: ReplayFacts): VectorEnv {
  if (!('lanes' in env))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'recordReplay',
      option: 'env',
      value: 'one env',
      allowed: 'a vector env: one of makeVector, or env.vector',
    });
  const whole = facts.outcomes ?? bytesPerLane(env.observationSpace) <= wholeObservation_bytes;
  const { id, kind, lanes, agents, controlDt_s, autoreset, observationSpace, actionSpace } = env;
  const fingerprint = facts.fingerprint ?? fingerprintOf(env);
  const {
    engine,
    maxEpisodeSteps,
    randomize,
    condition,
    observeCondition,
    wrappers = [],
  }: Partial<MadeWith> = { ...env.madeWith, ...facts };
  const head: ReplayHead = {
    env: id,
    kind,
    lanes,
    agents,
    controlDt_s,
    autoreset,
    observationSpace,
    actionSpace,
    wrappers,
    version: facts.version,
    outcomes: whole ? 'values' : 'digests',
    ...(engine === undefined ? {} : { engine }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(maxEpisodeSteps === undefined ? {} : { maxEpisodeSteps }),
    ...(randomize === undefined ? {} : { randomize }),
    ...(condition === undefined ? {} : { condition }),
    ...(observeCondition === undefined ? {} : { observeCondition }),
  };
  return new RecordingEnv(env, head, path);
}

/** Of the backend, where the env shows it. */
export function fingerprintOf(env: VectorEnv): string | undefined {
  if (!('backend' in env) || typeof env.backend !== 'object' || env.backend === null || !('fingerprint' in env.backend)) return undefined;
  return typeof env.backend.fingerprint === 'string' ? env.backend.fingerprint : undefined;
}

class RecordingEnv implements VectorEnv {
  readonly id: string;
  readonly kind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly autoreset: AutoresetMode;
  private readonly env: VectorEnv;
  private readonly head: ReplayHead;
  private readonly writer: ReplayWriter;
  /** `[lanes]`, 1 = the file says where this lane's randomness began. */
  private readonly known: Uint8Array;
  private readonly observation: Values;
  private readonly row: Values;

  constructor(env: VectorEnv, head: ReplayHead, path: string) {
    this.env = env;
    this.head = head;
    this.id = env.id;
    this.kind = env.kind;
    this.lanes = env.lanes;
    this.agents = env.agents;
    this.observationSpace = env.observationSpace;
    this.actionSpace = env.actionSpace;
    this.controlDt_s = env.controlDt_s;
    this.autoreset = env.autoreset;
    this.known = new Uint8Array(env.lanes);
    this.observation = allocate(env.observationSpace, env.lanes);
    this.row = allocate(env.observationSpace, 1);
    this.writer = new ReplayWriter(path, head);
  }

  render<M extends RenderMode = 'rgb_array'>(mode?: M, options?: ViewOptions): Promise<RenderResults[M]> {
    return this.env.render(mode, options);
  }

  async reset(options: ResetOptions = {}): Promise<VectorResetResult> {
    const { lanes } = this;
    const mask = options.mask ? Uint8Array.from(options.mask) : new Uint8Array(lanes).fill(1);
    const { seed } = options;
    const seeds = Float64Array.from({ length: lanes }, (_, lane) => (typeof seed === 'number' ? seed + lane : (seed?.[lane] ?? -1)));
    const params = options.params === undefined ? undefined : this.finite(options.params);
    const unknown = seeds.findIndex((own, lane) => mask[lane] === 1 && own === -1 && !this.known[lane]);
    if (unknown >= 0) this.refuse(`lane ${unknown} has no seed`);
    const result = await this.env.reset(options);
    copyValues(result.observation, this.observation);
    const observed = keep(this.head, this.observation, lanes);
    this.writer.add({ op: 'reset', mask, seeds, ...(params ? { params } : {}), observed });
    for (let lane = 0; lane < lanes; lane++) if (mask[lane]) this.known[lane] = 1;
    return result;
  }

  async step(actions: Values): Promise<VectorStepResult> {
    // Copied before the env runs: the caller may reuse the array while it waits.
    const copied = this.copyOf(actions);
    const result = await this.env.step(actions);
    const unknown = this.known.indexOf(0);
    if (unknown >= 0) this.refuse(`lane ${unknown} was begun before the recording`);
    if (copied === undefined) this.refuse('its actions have another shape than its action space');
    const { reward, terminated, truncated } = result;
    copyValues(result.observation, this.observation);
    const observed = keep(this.head, this.observation, this.lanes);
    this.writer.add({ op: 'step', actions: copied, reward, terminated, truncated, observed });
    return result;
  }

  snapshot(lane?: number): Promise<Uint8Array> {
    return this.env.snapshot(lane);
  }

  async restore(snapshot: Uint8Array, lane = 0): Promise<Values> {
    const kept = Uint8Array.from(snapshot);
    const observation = await this.env.restore(snapshot, lane);
    copyValues(observation, this.row);
    this.writer.add({ op: 'restore', lane, snapshot: kept, observed: keep(this.head, this.row, 1) });
    this.known[lane] = 1;
    return observation;
  }

  async close(): Promise<void> {
    try {
      this.writer.end();
    } finally {
      await this.env.close();
    }
  }

  /** In the space's own arrays, as the env will take them; undefined when their shape is off. */
  private copyOf(actions: Values): Values | undefined {
    const batch = allocate(this.actionSpace, this.lanes);
    return fill(batch, actions) ? batch : undefined;
  }

  private finite(params: Readonly<Record<string, number>>): Record<string, number> | undefined {
    const copy = { ...params };
    if (!isParams(copy) || JSON.stringify(copy).length > maxReplayParamsBytes / 4)
      this.refuse('its parameters are not finite, or too many');
    return Object.keys(copy).length === 0 ? undefined : copy;
  }

  private refuse(problem: string): never {
    throw new GroundtwinError('REPLAY_REFUSED', { env: this.id, problem });
  }
}

function fill(into: Values, from: unknown): boolean {
  if (!ArrayBuffer.isView(into)) {
    const parts = from as Record<string, unknown> | null | undefined;
    return Object.entries(into).every(([key, part]) => fill(part, parts?.[key]));
  }
  const given = from as ArrayLike<number> | null | undefined;
  const target = into as TypedArray;
  if (given?.length !== target.length) return false;
  target.set(given);
  return true;
}
