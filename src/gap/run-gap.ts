/** The everyday gap suite, from held-out episodes to a report. */
import type { PhysicsEngine } from '../core/physics-world.ts';
import type { Transitions } from '../data/transitions.ts';
import { Rng } from '../math/rng.ts';
import type { TaskEnv } from '../task/task-env.ts';
import type { Axis, AxisResult } from './axis.ts';
import { DEFAULT_RESAMPLES } from './bootstrap.ts';
import type { Counterfactuals } from './counterfactual.ts';
import { type GapReport, gapReport } from './gap-report.ts';
import { drawHeldOut, type HeldOut } from './held-out.ts';
import type { GapMetadata } from './measurements.ts';
import { pairRollouts, playCounterfactuals } from './pair-rollouts.ts';
import type { PairedReturns } from './return-comparison.ts';
import type { Subject } from './subject.ts';

export interface GapSettings {
  readonly starts: number;
  readonly horizon: number;
  /** Imagined draws a start; 19 or more hold a 90 % interval. */
  readonly samples: number;
  readonly counterfactualStarts: number;
  /** K other action sequences tried from each of them. */
  readonly alternatives: number;
  readonly counterfactualHorizon: number;
}

export const gapDefaults: GapSettings = {
  starts: 256,
  horizon: 40,
  samples: 30,
  counterfactualStarts: 64,
  alternatives: 8,
  counterfactualHorizon: 10,
};

export interface RunGapOptions {
  /** Truth without wrappers; owned by the caller. */
  readonly truth: TaskEnv;
  /** Closed by the caller. */
  readonly subject: Subject;
  /** Axes measured beside, and the engine of truth that they ask. Default none. */
  readonly axes?: { readonly list: readonly Axis[]; readonly engine: PhysicsEngine };
  /** Episodes the subject has never seen. */
  readonly heldOut: Transitions;
  /** What it was trained on: the linear reference gets the same. */
  readonly training: Transitions;
  readonly returns?: PairedReturns;
  readonly metadata: GapMetadata;
  readonly settings?: GapSettings;
  readonly rng: Rng;
  readonly onProgress?: (stage: string, done: number, of: number) => void;
}

/** @throws DATA_INVALID when the held-out episodes are too short or too few. */
export async function runGap(options: RunGapOptions): Promise<GapReport> {
  const { truth, rng } = options;
  const settings = options.settings ?? gapDefaults;
  const heldOut = drawHeldOut(truth.task, options.heldOut, settings.starts, settings.horizon, rng);
  const { rollouts, seed } = await pairRollouts({
    truth,
    subject: options.subject,
    heldOut,
    training: options.training,
    all: options.heldOut,
    samples: settings.samples,
    rng,
    onProgress: (done, of) => options.onProgress?.('rollouts', done, of),
  });
  const scale = rollouts.scale as Float64Array;
  const counterfactuals = await executeCounterfactuals(options, settings, scale);
  return gapReport({
    rollouts,
    from: { heldOut, seed },
    counterfactuals,
    axes: await measureAxes(options, settings, scale),
    ...(options.returns ? { returns: options.returns } : {}),
    metadata: options.metadata,
    rng,
  });
}

/** Each axis draws from a stream of its own, so that none shifts another. */
async function measureAxes(options: RunGapOptions, { samples }: GapSettings, scale: Float64Array): Promise<Record<string, AxisResult>> {
  const { axes, rng, onProgress, ...parts } = options;
  const results: Record<string, AxisResult> = {};
  if (!axes) return results;
  const seed = rng.uint32();
  for (const [i, axis] of axes.list.entries())
    results[axis.name] = await axis.measure({
      ...parts,
      engine: axes.engine,
      scale,
      samples,
      rng: new Rng(seed, i),
      resamples: DEFAULT_RESAMPLES,
      onProgress: (stage, done, of) => onProgress?.(`${axis.name}, ${stage}`, done, of),
    });
  return results;
}

/** Alternatives are what the agent did from other moments, so they stay within what it might do. */
function executeCounterfactuals(
  { truth, subject, heldOut, rng, onProgress }: RunGapOptions,
  settings: GapSettings,
  scale: Float64Array,
): Promise<Counterfactuals> {
  const { counterfactualStarts, counterfactualHorizon } = settings;
  const base = drawHeldOut(truth.task, heldOut, counterfactualStarts, counterfactualHorizon, rng);
  const alternatives = Array.from({ length: settings.alternatives }, () => shuffledActions(base, rng));
  onProgress?.('counterfactuals', 0, settings.alternatives);
  return playCounterfactuals({ truth, subject, heldOut: base, scale, alternatives, samples: settings.samples, rng });
}

function shuffledActions(base: HeldOut, rng: Rng): Float64Array {
  const order = Array.from({ length: base.starts }, (_, i) => i);
  rng.shuffle(order);
  const size = base.action.length / base.starts;
  const shuffled = new Float64Array(base.action.length);
  order.forEach((from, to) => void shuffled.set(base.action.subarray(from * size, (from + 1) * size), to * size));
  return shuffled;
}
