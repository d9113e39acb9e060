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
  /** Audits of the training, where it had any. */
  readonly audits?: readonly AuditFigures[];
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
  readonly floor?: number;
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
    readonly truth?: string;
    readonly command: string;
    readonly seeds: readonly number[];
    readonly versions: Readonly<Record<string, string>>;
    readonly machine: string;
    readonly date: string;
    readonly dataHash: string;
    readonly controlDt_s: number;
    readonly trainingSteps?: number;
    readonly hashes?: Readonly<Record<string, string>>;
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
  /** Absent in reports of old, as `effects`, `worst` and `axes` are. */
  readonly spread?: SpreadFigures;
  readonly effects?: EffectFigures | null;
  readonly worst?: WorstFigures;
  /** Of each axis that was measured; what is drawn of them: `AxisFigures`. */
  readonly axes?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
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

/** Quantiles of the error over starts, each as long as `steps`. */
export interface SpreadFigures {
  readonly steps: readonly number[];
  readonly median: readonly Figure[];
  readonly half: { readonly low: readonly Figure[]; readonly high: readonly Figure[] };
  readonly most: { readonly low: readonly Figure[]; readonly high: readonly Figure[] };
  readonly floor: readonly Figure[];
  readonly persistence: readonly Figure[];
  readonly linear: readonly Figure[];
}

export interface EffectFigures {
  readonly effectR2: IntervalFigures;
  readonly horizon: number;
  readonly pairs: number;
  readonly dots?: readonly { readonly name: string; readonly truth: readonly Figure[]; readonly imagined: readonly Figure[] }[];
}

export interface WorstFigures {
  readonly step: number;
  readonly starts: readonly WorstStartFigures[];
}

export interface WorstStartFigures {
  readonly start: number;
  readonly error: Figure;
  readonly exceedsAt: number | null;
  readonly errors: readonly Figure[];
  readonly entries: readonly WorstEntryFigures[];
  readonly from?: { readonly episode: number; readonly seed: number };
  /** Files, relative to the page, and the commands that play them. */
  readonly kept?: { readonly files: readonly { readonly path: string; readonly what: string }[]; readonly commands: readonly string[] };
}

export interface WorstEntryFigures {
  readonly name: string;
  readonly kind: string;
  readonly unit: string;
  readonly error: Figure;
  readonly truth: readonly Figure[];
  readonly imagined: readonly Figure[];
  readonly draw: readonly Figure[];
}

/** Return of a segment as the model promised it and as it was, after so many real steps of the training. */
export interface AuditFigures {
  readonly steps: number;
  readonly imagined: number;
  readonly truth: number;
}

/** What is drawn of the axes' figures; each part is absent where it was not measured. */
export interface AxisFigures {
  readonly plausibility?: {
    readonly energy?: readonly { readonly drive: string; readonly truth: readonly Figure[]; readonly subject: readonly Figure[] }[];
    readonly violations?: readonly { readonly kind: string; readonly levels: readonly number[]; readonly accuracy: readonly Figure[] }[];
  };
  readonly causality?: {
    readonly graph?: GraphFigures | null;
  };
  readonly prediction?: {
    readonly ranks?: readonly { readonly horizon: number; readonly histogram: readonly Figure[] }[];
    readonly marginals?: readonly { readonly label: string; readonly distance: Figure }[];
  };
  readonly agent?: {
    readonly policies?: { readonly returns: readonly { readonly name: string; readonly truth: Figure; readonly imagined: Figure }[] };
    readonly exploitation?: { readonly truth: readonly (readonly Figure[])[]; readonly imagined: readonly (readonly Figure[])[] };
    readonly transfer?: Readonly<Record<'dream' | 'equal' | 'unlimited' | 'random', Figure>>;
    readonly planning?: { readonly dream: Figure; readonly truth: Figure; readonly random: Figure };
  };
}

/** Who moves whom; what only the model has and what it lacks as `from → to`. */
export interface GraphFigures {
  readonly edges?: readonly EdgeFigures[];
  readonly spurious?: readonly string[];
  readonly missed?: readonly string[];
}

/** How far one variable moves another, in standard deviations. */
export interface EdgeFigures {
  readonly from: string;
  readonly to: string;
  readonly truth: Figure;
  readonly imagined: Figure;
}
