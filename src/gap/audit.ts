/** A policy trained in a model, held to truth: the same starts in both, and what the model promised beyond what was. */
import { layOut, type StateSpec } from '../core/state-spec.ts';
import { requireBoundedBox } from '../learning/action-scale.ts';
import { type BatchPolicy, disagreementAt } from '../learning/branched-rollouts.ts';
import { toActions, writeObservations } from '../learning/flat-rows.ts';
import { rewardOf } from '../learning/lane-steps.ts';
import type { RealRows, RealSteps } from '../learning/real-steps.ts';
import type { Rng } from '../math/rng.ts';
import { allocate, flatSizeOf, type TypedArray } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { bootstrapInterval, type Interval } from './bootstrap.ts';
import { mean } from './statistics.ts';

export interface AuditSettings {
  /** Episodes played in truth. */
  readonly episodes: number;
  /** Steps of each, at most. */
  readonly steps: number;
  /** Steps of a segment: the model is started from where truth was at the start of each, and dreams it anew. */
  readonly segment: number;
  /** Dreams of each segment; a multiple of the members lets each dream as many. */
  readonly draws: number;
}

export interface AuditParts {
  /** Any truth that shows its states, in this process or at the other end of a socket. Its lanes begin episodes of their own. */
  readonly truth: RealSteps;
  readonly model: WorldModel;
  /** `[P]`, see `BranchedRollouts`. */
  readonly scale: ArrayLike<number>;
  /** Whose reward and end the dreams have; default that of truth. */
  readonly imagined?: AnyTask;
  /** Acts in both. */
  readonly policy: BatchPolicy;
  /** Deviation of the reward of a step, in whose units the excess is told; above 0. */
  readonly rewardScale: number;
  /** Seed of the next episodes' first lane. */
  readonly seed: () => number;
  /** Gets the real steps, which are as good to learn from as any. */
  readonly take?: (rows: RealRows) => void;
}

/** Of one step: where it began, where it led, and what it paid; entries by name and unit, as in `cartPosition_m (m)`. */
export interface NamedStep {
  readonly state: NamedState;
  readonly next: NamedState;
  readonly reward: number;
}

export type NamedState = Readonly<Record<string, number | readonly number[]>>;

/** Plain data. Means are over segments, intervals 95 % over them; segments of an episode are not quite independent. */
export interface Audit {
  readonly segments: number;
  /** Real steps it took. */
  readonly steps: number;
  /** Of a segment: sum of rewards, of each weighted term of them. `gap` is imagined − true. */
  readonly return: AuditedFigure;
  readonly terms: Readonly<Record<string, AuditedFigure>>;
  /** Imagined − true reward a step, in units of `rewardScale`: what the model promises beyond what is. */
  readonly excess: Interval;
  /** Shares of segments that the task ended in, and of dreams that ended where truth did not, or the other way round. */
  readonly ends: { readonly imagined: number; readonly truth: number; readonly disagreement: Interval };
  /** Mean disagreement of the members along the dreams, see `BranchedRollouts`; null where the model does not tell. */
  readonly disagreement: number | null;
  /** The step in which the model paid most beyond truth: where it is exploited, if it is. `step` is that of the episode. */
  readonly widest: { readonly step: number; readonly imagined: NamedStep; readonly truth: NamedStep | null };
}

export interface AuditedFigure {
  readonly imagined: number;
  readonly truth: number;
  readonly gap: Interval;
}

export interface AuditResult {
  readonly audit: Audit;
  /** Where the segment with the widest gap began, for `VectorEnv.restore`; absent where the env has no snapshots. */
  readonly snapshot?: Uint8Array;
}

const RESAMPLES = 500;

/** Plays the policy in truth, and from the same states in the model. */
export async function playAudit(parts: AuditParts, settings: AuditSettings, rng: Rng): Promise<AuditResult> {
  const { tracks, steps } = await playTruth(parts, settings);
  const segments = tracks.flatMap((track) => segmentsOf(track, settings));
  const dreams = await dreamSegments(parts, settings, segments, rng);
  const gaps = segments.map((segment, i) => meanOf(dreams[i]!, ({ reward }) => sum(reward)) - sum(trueReward(segment)));
  const worst = gaps.indexOf(Math.max(...gaps));
  const snapshot = segments[Math.max(0, worst)]?.snapshot;
  return { audit: { steps, ...figuresOf(parts, segments, dreams, rng) }, ...(snapshot && { snapshot }) };
}

/** An episode in truth, as far as it was played. */
interface Track {
  steps: number;
  isTerminated: boolean;
  isOver: boolean;
  /** `[steps + 1]` rows. */
  readonly states: Float64Array[];
  readonly reward: number[];
  readonly terms: Readonly<Record<string, number[]>>;
  /** At the start of each segment. */
  readonly snapshots: Uint8Array[];
}

async function playTruth({ truth, policy, seed, take }: AuditParts, settings: AuditSettings): Promise<{ tracks: Track[]; steps: number }> {
  const { env, task } = truth;
  const tracks: Track[] = [];
  const action = new Float32Array(env.lanes * flatSizeOf(task.actionSpace));
  let steps = 0;
  while (tracks.length < settings.episodes) {
    await truth.begin(seed());
    const played = Array.from({ length: Math.min(env.lanes, settings.episodes - tracks.length) }, (_, lane) => emptyTrack(truth, lane));
    for (let step = 0; step < settings.steps && played.some(({ isOver }) => !isOver); step++) {
      if (step % settings.segment === 0 && env.canBranch)
        for (const [lane, track] of played.entries()) if (!track.isOver) track.snapshots.push(await env.snapshot(lane));
      await policy(truth.observation, env.lanes, action);
      await truth.step(action, (rows) => {
        take?.(rows);
        played.forEach((track, lane) => void follow(track, lane, rows));
      });
      steps += env.lanes;
    }
    tracks.push(...played);
  }
  return { tracks, steps };
}

function emptyTrack({ state, task, env }: RealSteps, lane: number): Track {
  const size = state.length / env.lanes;
  const terms = Object.fromEntries(Object.keys(task.reward).map((name) => [name, [] as number[]]));
  const states = [state.slice(lane * size, (lane + 1) * size)];
  return { steps: 0, isTerminated: false, isOver: false, states, reward: [], terms, snapshots: [] };
}

function follow(track: Track, lane: number, { lanes, reward, terms, nextState, continues, ended }: RealRows): void {
  if (track.isOver) return;
  const size = nextState.length / lanes;
  track.steps++;
  track.states.push(nextState.slice(lane * size, (lane + 1) * size));
  track.reward.push(reward[lane]!);
  for (const name in track.terms) track.terms[name]!.push(terms[name]![lane]!);
  track.isOver = ended[lane] === 1;
  track.isTerminated = continues[lane] === 0;
}

/** Steps of a track from one on. */
interface Segment {
  readonly track: Track;
  readonly from: number;
  /** That truth took, and that are dreamed at most: more, where truth ended before its time. */
  readonly taken: number;
  readonly asked: number;
  readonly isTerminated: boolean;
  readonly snapshot: Uint8Array | undefined;
}

function segmentsOf(track: Track, { segment, steps }: AuditSettings): Segment[] {
  return Array.from({ length: Math.ceil(track.steps / segment) }, (_, i) => {
    const from = i * segment;
    const taken = Math.min(segment, track.steps - from);
    const isTerminated = track.isTerminated && from + taken === track.steps;
    const asked = isTerminated ? Math.min(segment, steps - from) : taken;
    return { track, from, taken, asked, isTerminated, snapshot: track.snapshots[i] };
  });
}

/** One dream of a segment. */
interface Dream {
  readonly states: Float64Array[];
  readonly reward: number[];
  readonly terms: Readonly<Record<string, number[]>>;
  isTerminated: boolean;
  disagreement: number;
}

/** @returns by segment, `draws` each. */
async function dreamSegments(
  { truth, model, scale, imagined = truth.task, policy }: AuditParts,
  { draws }: AuditSettings,
  segments: readonly Segment[],
  rng: Rng,
): Promise<Dream[][]> {
  const lanes = segments.length * draws;
  const dynamics = new ModelDynamics(imagined, model, lanes, { disagreement: true });
  const env = new TaskEnv(imagined, dynamics, lanes);
  const space = requireBoundedBox(imagined.id, imagined.actionSpace);
  const [seed, active] = [rng.uint32(), new Uint8Array(lanes).fill(1)];
  const startOf = (lane: number) => segments[Math.floor(lane / draws)]!;
  for (let lane = 0; lane < lanes; lane++) void env.setState(lane, startOf(lane).track.states[startOf(lane).from]!, seed + lane);
  const observation = new Float32Array(lanes * flatSizeOf(imagined.observationSpace));
  const unit = new Float32Array(lanes * flatSizeOf(imagined.actionSpace));
  const actions = allocate(imagined.actionSpace, lanes) as TypedArray;
  const dreams = Array.from({ length: lanes }, (_, lane) => emptyDream(env, lane));
  for (let step = 0; active.includes(1); step++) {
    writeObservations(env.observationSpace, env.batch.observation, lanes, observation);
    await policy(observation, lanes, unit);
    toActions(space, unit, actions);
    await env.step(actions, active);
    for (let lane = 0; lane < lanes; lane++) {
      if (!active[lane]) continue;
      takeDreamed(dreams[lane]!, env, lane, disagreementAt(dynamics.uncertainty.disagreement, lane, scale));
      const isOver = env.batch.terminated[lane] || env.batch.problems[lane] || step + 1 === startOf(lane).asked;
      if (isOver) active[lane] = 0;
    }
  }
  return segments.map((_, i) => dreams.slice(i * draws, (i + 1) * draws));
}

function emptyDream(env: TaskEnv, lane: number): Dream {
  const terms = Object.fromEntries(Object.keys(env.task.reward).map((name) => [name, [] as number[]]));
  return { states: [rowAt(env, lane)], reward: [], terms, isTerminated: false, disagreement: 0 };
}

function takeDreamed(dream: Dream, env: TaskEnv, lane: number, disagreement: number): void {
  const { reward, info, terminated } = env.batch;
  const columns = info.rewardTerms as Readonly<Record<string, Float64Array>>;
  dream.states.push(rowAt(env, lane));
  dream.reward.push(rewardOf(reward, lane, env.agents));
  for (const name in dream.terms) dream.terms[name]!.push(rewardOf(columns[name]!, lane, env.agents));
  dream.isTerminated = terminated[lane] === 1;
  dream.disagreement += disagreement;
}

function rowAt({ state, spec }: TaskEnv, lane: number): Float64Array {
  return state.slice(lane * spec.size, (lane + 1) * spec.size);
}

function figuresOf(
  { truth, imagined = truth.task, rewardScale }: AuditParts,
  segments: readonly Segment[],
  dreams: readonly (readonly Dream[])[],
  rng: Rng,
): Omit<Audit, 'steps'> {
  const interval = (values: readonly number[]) => bootstrapInterval(values, mean, rng, RESAMPLES);
  const compared = (ofDream: (dream: Dream) => number, ofSegment: (segment: Segment) => number): AuditedFigure => {
    const [dreamed, true_] = [dreams.map((drawn) => meanOf(drawn, ofDream)), segments.map(ofSegment)];
    return { imagined: mean(dreamed), truth: mean(true_), gap: interval(dreamed.map((value, i) => value - true_[i]!)) };
  };
  const termOf = (name: string) =>
    compared(
      ({ terms }) => sum(terms[name] ?? []),
      ({ track, from, taken }) => sum(track.terms[name]?.slice(from, from + taken) ?? []),
    );
  const names = new Set([...Object.keys(truth.task.reward), ...Object.keys(imagined.reward)]);
  const ended = (drawn: readonly Dream[]) => meanOf(drawn, ({ isTerminated }) => Number(isTerminated));
  const excess = segments.map(
    (segment, i) => (meanOf(dreams[i]!, ({ reward }) => sum(reward)) - sum(trueReward(segment))) / (segment.asked * rewardScale),
  );
  const disagreement = mean(dreams.flat().map((dream) => dream.disagreement / dream.reward.length));
  return {
    segments: segments.length,
    return: compared(
      ({ reward }) => sum(reward),
      (segment) => sum(trueReward(segment)),
    ),
    terms: Object.fromEntries([...names].map((name) => [name, termOf(name)])),
    excess: interval(excess),
    ends: {
      imagined: mean(dreams.map(ended)),
      truth: mean(segments.map(({ isTerminated }) => Number(isTerminated))),
      disagreement: interval(segments.map(({ isTerminated }, i) => Math.abs(ended(dreams[i]!) - Number(isTerminated)))),
    },
    disagreement: Number.isFinite(disagreement) ? disagreement : null,
    widest: widestOf(layOut(truth.task.state), segments, dreams),
  };
}

/** The imagined step that paid most beyond truth at the same time, which after an end paid nothing. */
function widestOf(spec: StateSpec, segments: readonly Segment[], dreams: readonly (readonly Dream[])[]): Audit['widest'] {
  let [most, found] = [Number.NEGATIVE_INFINITY, { segment: segments[0]!, dream: dreams[0]![0]!, step: 0 }];
  segments.forEach((segment, i) => {
    for (const dream of dreams[i]!)
      dream.reward.forEach((reward, step) => {
        const beyond = reward - (step < segment.taken ? segment.track.reward[segment.from + step]! : 0);
        if (beyond > most) [most, found] = [beyond, { segment, dream, step }];
      });
  });
  const { segment, dream, step } = found;
  const at = segment.from + step;
  const stepOf = (states: readonly Float64Array[], reward: readonly number[], from: number): NamedStep => ({
    state: namedState(spec, states[from]!),
    next: namedState(spec, states[from + 1]!),
    reward: reward[from]!,
  });
  return {
    step: at,
    imagined: stepOf(dream.states, dream.reward, step),
    truth: step < segment.taken ? stepOf(segment.track.states, segment.track.reward, at) : null,
  };
}

/** A state as people read it: `name (unit)`. */
export function namedState({ entries }: StateSpec, row: ArrayLike<number>): NamedState {
  return Object.fromEntries(
    entries.map(({ name, unit, size, offset }) => {
      const values = Array.from({ length: size }, (_, i) => row[offset + i]!);
      return [`${name} (${unit})`, size === 1 ? values[0]! : values];
    }),
  );
}

function trueReward({ track, from, taken }: Segment): readonly number[] {
  return track.reward.slice(from, from + taken);
}

function meanOf(drawn: readonly Dream[], figure: (dream: Dream) => number): number {
  return sum(drawn.map(figure)) / drawn.length;
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}
