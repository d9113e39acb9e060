import type { Pose, ShapeForm } from '../core/scene-spec.ts';
import type { TrustHorizon } from '../world-model/trust.ts';

/**
 * What a report shows. `GapReport` (src/gap, the same layer, so not imported) has this shape: `test/report` holds the two together.
 * Numbers are plain; null stands for what could not be computed.
 */
export interface ReportInput extends GapFigures {
  readonly title: string;
  readonly replay?: Replay;
  readonly training?: TrainingCurves;
  /** File name of the JSON that lies next to the page. */
  readonly jsonFile?: string;
}

export type Figure = number | null;

export interface IntervalFigures {
  readonly measured: Figure;
  readonly low: Figure;
  readonly high: Figure;
}

export interface FanFigures {
  readonly measured: readonly Figure[];
  readonly low: readonly Figure[];
  readonly high: readonly Figure[];
}

export interface ErrorFigures {
  readonly name: string;
  readonly unit: string;
  readonly steps: readonly number[];
  readonly model: FanFigures;
  readonly floor: readonly Figure[];
  readonly persistence: readonly Figure[];
  readonly linear: readonly Figure[];
}

export interface RowFigures extends IntervalFigures {
  readonly id: string;
  readonly title: string;
  readonly passes: string;
  readonly bound: { readonly low: number | null; readonly high: number | null };
  readonly verdict: ReportVerdict;
  readonly horizon?: number;
  readonly n: number;
  readonly reason?: string;
}

export type ReportVerdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE' | 'NOT_APPLICABLE';

export interface CoverageFigures extends IntervalFigures {
  readonly horizon: number;
  readonly level: number;
}

export interface GapFigures {
  readonly verdict: ReportVerdict;
  readonly summary: readonly string[];
  readonly rows: readonly RowFigures[];
  readonly metadata: {
    readonly task: string;
    readonly model: string;
    readonly command: string;
    readonly seeds: readonly number[];
    readonly versions: Readonly<Record<string, string>>;
    readonly machine: string;
    readonly date: string;
    readonly dataHash: string;
    readonly controlDt_s: number;
    readonly trainingSteps?: number;
  };
  readonly starts: number;
  readonly horizon: number;
  readonly samples: number;
  readonly resamples: number;
  readonly errors: readonly ErrorFigures[];
  readonly normalised: ErrorFigures;
  readonly skill: FanFigures & { readonly steps: readonly number[] };
  readonly validSteps: IntervalFigures & { readonly share: number };
  /** Absent in reports of old. */
  readonly trust?: TrustHorizon & { readonly coverage: (FanFigures & { readonly steps: readonly number[] }) | null };
  readonly coverage: {
    readonly overall: readonly CoverageFigures[];
    readonly elements: readonly (CoverageFigures & { readonly name: string })[];
  } | null;
  readonly returns: {
    readonly imagined: readonly Figure[];
    readonly truth: readonly Figure[];
    readonly comparison: Readonly<Record<'bias' | 'pearson' | 'spearman', IntervalFigures>>;
  } | null;
}

/** One episode in which truth and dream took the same actions. */
export interface Replay {
  /** Seconds between frames. */
  readonly dt_s: number;
  readonly bodies: readonly ReplayBody[];
  /** Each float `[frames, bodies, 7]`: x, y, z (m), qx, qy, qz, qw of the body frame in the world. */
  readonly frames: { readonly truth: ArrayLike<number>; readonly dream: ArrayLike<number> };
  /** What is looked at: x to the right, z up. */
  readonly view: {
    readonly plane: 'xz';
    readonly bounds: { readonly left_m: number; readonly right_m: number; readonly bottom_m: number; readonly top_m: number };
  };
  /** Frames at which the dream was set back onto truth. */
  readonly resyncs: readonly number[];
  /** `[frames]`: how far the dream is off. */
  readonly errors: ArrayLike<number>;
  /** Of `errors`; default σ. */
  readonly errorUnit?: string;
  /** `[frames]` each. */
  readonly rewards?: { readonly truth: ArrayLike<number>; readonly dream?: ArrayLike<number> };
}

export interface ReplayBody {
  readonly name: string;
  readonly shapes: readonly ReplayShape[];
}

export interface ReplayShape {
  readonly form: ShapeForm;
  /** In the body frame. */
  readonly pose?: Pose;
  /** `#rrggbb`; anything else is drawn in the default colour. */
  readonly colour?: string;
}

export interface TrainingCurves {
  /** Return of the agent on truth by real steps. */
  readonly returns?: readonly Curve[];
  /** Levels to compare returns with, for example an expert's. */
  readonly references?: readonly { readonly name: string; readonly value: number }[];
  /** Loss of the model by update. */
  readonly losses?: readonly Curve[];
}

/** All arrays equally long. */
export interface Curve {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}
