/** What a log says of a subject beside H1: how long it holds (H2), whether it knows how sure it may be (H4), and whole episodes played from their first states. */
import { GroundtwinError } from '../../errors.ts';
import type { Rng } from '../../math/rng.ts';
import { type AxisResult, measured } from '../axis.ts';
import { plannedInterval, type ResamplePlan, resamplePlan } from '../bootstrap.ts';
import { errorsOfStarts, firstPassages } from '../error-over-horizon.ts';
import { type Figure, figure, type IntervalFigures, intervalFigures, thinned } from '../figures.ts';
import type { PairedRollouts } from '../paired-rollouts.ts';
import { angleElements, meanOverSamples } from '../play.ts';
import { judgeCalibration } from '../prediction/measure-calibration.ts';
import { validTimeTest } from '../prediction/prediction-tests.ts';
import { validTime } from '../prediction/valid-time.ts';
import { mean, median } from '../statistics.ts';
import { blockPlan } from './block-plan.ts';
import { type LogParts, pairWithLog } from './pair-with-log.ts';
import { type LogSegments, type Recorded, recordedRollouts, segmentsOf } from './recorded.ts';

export interface LogSettings {
  /** Steps from one recorded state that a subject is put into to the next. */
  readonly segment_steps: number;
  /** At most. */
  readonly segments: number;
  /** Draws of a start. */
  readonly samples: number;
  /** Whole episodes played, at most, and steps of each. */
  readonly episodes: number;
  readonly episode_steps: number;
}

export const logDefaults: Omit<LogSettings, 'samples'> = { segment_steps: 40, segments: 256, episodes: 32, episode_steps: 2000 };

/** Valid time is looked for in as many segment lengths as leave this many segments that share nothing. */
const ENOUGH_SEGMENTS = 16;
const MOST_LENGTHS = 4;

/** @throws DATA_INVALID where the log has fewer than two segments. */
export function segmentsAsked(recorded: Recorded, { segment_steps, segments }: LogSettings, lead: number, path: string): LogSegments {
  const found = segmentsOf(recorded, segment_steps, lead, segments);
  if (found.starts.length >= 2) return found;
  const longest = Math.max(0, ...recorded.spans.map(({ from, end }) => end - from));
  throw new GroundtwinError('DATA_INVALID', {
    path,
    problem: `it has ${found.starts.length} segments of ${segment_steps} steps, and 2 are needed; its longest episode has ${longest} steps${lead > 0 ? `, ${lead} of which go before a segment` : ''}: log more, or ask for shorter ones (--segment)`,
  });
}

/** H2. @param plan - of the rollouts. @param lead - steps before a segment. */
export async function measureValidTime(
  parts: LogParts,
  rollouts: PairedRollouts,
  plan: ResamplePlan,
  lead: number,
  rng: Rng,
): Promise<AxisResult> {
  const long = longerSegments(parts.recorded, rollouts, lead);
  const played = long ? await pairWithLog(parts, long.starts, long.steps, rng) : rollouts;
  const drawn = long ? blockPlan(long.starts.length, long.block, rng, plan.resamples) : plan;
  const stepsOf = (rows: PairedRollouts['truth']) => firstPassages(errorsOfStarts(played, rows), played.horizon);
  const found = validTime(stepsOf(played.imaginedMean), stepsOf(played.perturbed), played.horizon, drawn);
  return {
    findings: [{ test: validTimeTest, finding: measured(found.fraction, played.starts, { horizon: played.horizon }) }],
    figures: { validTime: { subject: intervalFigures(found.model), twin: intervalFigures(found.twin), twinOutlasts: found.isCensored } },
  };
}

/** Where the log has enough of them. */
function longerSegments(
  recorded: Recorded,
  { horizon, starts }: PairedRollouts,
  lead: number,
): (LogSegments & { readonly steps: number }) | undefined {
  for (let lengths = MOST_LENGTHS; lengths > 1; lengths /= 2) {
    const steps = lengths * horizon;
    const found = segmentsOf(recorded, steps, lead, starts);
    if (found.apart >= ENOUGH_SEGMENTS) return { ...found, steps };
  }
  return undefined;
}

/** H4. @param claims - whether the subject says of itself that it draws. */
export function measureDoubt(rollouts: PairedRollouts, { now }: Recorded, claims: boolean, plan: ResamplePlan, rng: Rng): AxisResult {
  return judgeCalibration(rollouts, { claims, scale: rollouts.scale as Float64Array, rng, plan, known: now });
}

export interface EpisodeFigures {
  readonly steps: number;
  /** Steps until it is .4 σ off; all of them where it never is. */
  readonly validSteps: number;
  /** Root mean square over all steps, σ. */
  readonly error: Figure;
}

export interface WholeEpisodes {
  readonly episodes: readonly EpisodeFigures[];
  /** Medians over episodes; null for fewer than two. */
  readonly validSteps: IntervalFigures | null;
  readonly error: IntervalFigures | null;
}

/** Each episode open loop, from its first state to its end: errors add up over all of it. */
export async function playEpisodes(
  { recorded, player, samples }: LogParts,
  { episodes, episode_steps }: LogSettings,
  rng: Rng,
  resamples: number,
  onProgress?: (done: number, of: number) => void,
): Promise<WholeEpisodes> {
  const { entries, scale } = recorded;
  const long = recorded.spans.filter(({ from, end }) => end - from > player.lead);
  const chosen = thinned(long.length, episodes).map((i) => long[i]!);
  const found: EpisodeFigures[] = [];
  for (const { from, end } of chosen) {
    const start = [from + player.lead];
    const steps = Math.min(episode_steps, end - start[0]!);
    const rows = await player.play(start, steps, samples, rng.integer(1 << 20) * 64);
    const guess = meanOverSamples(rows, 1, samples, angleElements(entries));
    const errors = errorsOfStarts({ entries, scale, truth: recordedRollouts(recorded, start, steps) }, samples === 1 ? rows : guess);
    const error = figure(Math.sqrt(mean(errors.subarray(1).map((each) => each ** 2))));
    found.push({ steps, validSteps: firstPassages(errors, steps)[0]!, error });
    onProgress?.(found.length, chosen.length);
  }
  if (found.length < 2) return { episodes: found, validSteps: null, error: null };
  const plan = resamplePlan(found.length, rng, resamples);
  const medianOf = (values: readonly number[]) => intervalFigures(plannedInterval([values], ([drawn]) => median(drawn!), plan));
  return {
    episodes: found,
    validSteps: medianOf(found.map((each) => each.validSteps)),
    error: medianOf(found.map((each) => each.error ?? Number.NaN)),
  };
}
