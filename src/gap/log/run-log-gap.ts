/** The gap between a subject and a log: from what was recorded to a report. */
import type { Transitions } from '../../data/transitions.ts';
import type { Rng } from '../../math/rng.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import type { AxisResult } from '../axis.ts';
import { DEFAULT_RESAMPLES, type ResamplePlan } from '../bootstrap.ts';
import { type GapReport, gapReport } from '../gap-report.ts';
import type { LinearReference } from '../linear-reference.ts';
import type { GapMetadata } from '../measurements.ts';
import type { PairedRollouts } from '../paired-rollouts.ts';
import { play } from '../play.ts';
import { predictionTests } from '../prediction/prediction-tests.ts';
import { envSubject, type OpenEnv } from '../subject.ts';
import type { GapTest } from '../thresholds.ts';
import { blockPlan } from './block-plan.ts';
import { type LogPlayer, planOf, withLogPlayer } from './log-player.ts';
import { unanswered } from './log-tests.ts';
import { measureIdentification, withoutIdentification } from './measure-identification.ts';
import { type LogSettings, measureDoubt, measureValidTime, playEpisodes, segmentsAsked, type WholeEpisodes } from './measure-log.ts';
import { floorByPhysics, type LogParts, linearOf, noFloor, pairWithLog } from './pair-with-log.ts';
import type { LogSegments, Recorded } from './recorded.ts';

/** Physics that can be put where the log was. */
export interface LogPhysics {
  /** Of the task, without wrappers; closed by the caller. Any number of lanes. */
  readonly env: TaskEnv;
  /** What is replayed: the part of the log that is measured. */
  readonly data: Transitions;
  /** The same task with other parameters, its actions played so many steps later; absent where nothing was identified. */
  readonly identified?: { readonly open: OpenEnv; readonly delay_steps: number };
}

export interface RunLogGapOptions {
  /** Called so in refusals. */
  readonly path: string;
  readonly recorded: Recorded;
  readonly player: LogPlayer;
  /** Whether it is what an identification from the same log kept apart. */
  readonly isPart?: boolean;
  /** Whether the subject says of itself that it draws. */
  readonly claims: boolean;
  /** Absent where observations are compared. */
  readonly physics?: LogPhysics;
  /** What the linear reference is fitted on; the log itself where it is absent. */
  readonly linear?: LinearReference;
  /** Of the axes that are asked for. */
  readonly tests: readonly GapTest[];
  readonly settings: LogSettings;
  readonly metadata: GapMetadata;
  readonly rng: Rng;
  readonly onProgress?: (stage: string, done: number, of: number) => void;
}

/** @throws DATA_INVALID for a log without two segments, GAP_INPUT_INVALID for one too short to fit a line to. */
export async function runLogGap(options: RunLogGapOptions): Promise<GapReport> {
  const { path, recorded, player, physics, settings, rng, claims, tests, onProgress } = options;
  const floor = physics ? floorByPhysics(physics.env, physics.data, recorded) : noFloor(recorded);
  const parts: LogParts = { recorded, player, floor, linear: options.linear ?? linearOf(recorded), samples: settings.samples };
  const lead = Math.max(player.lead, physics?.identified?.delay_steps ?? 0);
  const segments = segmentsAsked(recorded, settings, lead, path);
  const { starts } = segments;
  onProgress?.('segments', 0, starts.length);
  const rollouts = await pairWithLog(parts, starts, settings.segment_steps, rng);
  const plan = blockPlan(starts.length, segments.block, rng, DEFAULT_RESAMPLES);
  const isAsked = (test: GapTest) => tests.includes(test);
  const predicted: AxisResult[] = predictionTests.some(isAsked)
    ? [await measureValidTime(parts, rollouts, plan, lead, rng), measureDoubt(rollouts, recorded, claims, plan, rng)]
    : [];
  const identified = await identification(rollouts, segments, physics, plan);
  const whole = await playEpisodes(parts, settings, rng, DEFAULT_RESAMPLES, (done, of) => onProgress?.('whole episodes', done, of));
  const answered = [...predicted, identified].flatMap(({ findings }) => findings);
  const rest = unanswered(tests.filter((test) => !answered.some((finding) => finding.test === test)));
  const figures = Object.assign({ wholeEpisodes: whole }, ...[...predicted, identified].map((result) => result.figures));
  const report = gapReport({
    rollouts,
    axes: { log: { findings: [...answered, ...rest], figures } },
    metadata: options.metadata,
    rng,
    plan,
  });
  return { ...report, summary: [...report.summary, extentSentence(options, report), ...wholeSentences(whole, options.metadata)] };
}

async function identification(
  rollouts: PairedRollouts,
  { starts, apart }: LogSegments,
  physics: LogPhysics | undefined,
  plan: ResamplePlan,
): Promise<AxisResult> {
  if (!physics)
    return withoutIdentification(
      'The subject predicts observations and knows of no state, so there is no physics beside it whose parameters could be better.',
    );
  const { env, data, identified } = physics;
  if (!identified)
    return withoutIdentification('No identified parameters were given: groundtwin identify finds them, --identified takes its result.');
  const { task } = env;
  const { horizon } = rollouts;
  const before = await play(env, planOf(task, data, starts, horizon), 1, 0);
  const { open, delay_steps } = identified;
  const after = await withLogPlayer(envSubject('physics', task, open), data, { samples: 1, delay_steps }, (player) =>
    player.play(starts, horizon, 1, 0),
  );
  return measureIdentification(rollouts, before.rows, after, plan, apart);
}

function extentSentence({ recorded, settings, isPart }: RunLogGapOptions, { starts, metadata }: GapReport): string {
  const episodes = recorded.spans.length;
  const part = isPart ? ', those that were kept apart when it was identified from' : '';
  const each = `${settings.segment_steps} steps (${seconds(settings.segment_steps, metadata)})`;
  return `Truth is a log: ${metadata.truth ?? 'recorded'}, ${recorded.count} steps in ${episodes} ${episodes === 1 ? 'episode' : 'episodes'}${part}. ${starts} segments of ${each} were replayed with the recorded actions, each from a recorded state.`;
}

function wholeSentences({ episodes, validSteps, error }: WholeEpisodes, metadata: GapMetadata): string[] {
  if (validSteps === null || error === null || validSteps.measured === null) return [];
  const outlasting = episodes.filter(({ steps, validSteps: valid }) => valid >= steps).length;
  return [
    `From their first states on, ${episodes.length} whole episodes stay within 0.4 σ for ${seconds(validSteps.measured, metadata)} (median), ${outlasting} of them to their end; over all their steps the error is ${error.measured === null ? 'beyond measure' : `${Number(error.measured.toPrecision(2))} σ`} (median).`,
  ];
}

function seconds(steps: number, { controlDt_s }: GapMetadata): string {
  return `${Number((steps * controlDt_s).toPrecision(3))} s`;
}
