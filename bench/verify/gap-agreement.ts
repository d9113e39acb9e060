/** The suite's statistics against independent code; scripts/goldens/agreement.py made the file. */
import { readFileSync } from 'node:fs';
import { layOut } from '../../src/core/state-spec.ts';
import { resamplePlan } from '../../src/gap/bootstrap.ts';
import {
  calibrationError,
  coverageOf,
  fairCrps,
  interquartileMeanScore,
  meanMaximumRankViolation,
  meanScore,
  pearson,
  percentileInterval,
  type Scores,
  shareInside,
  spearman,
} from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { Measured } from './row.ts';

export interface AgreementGolden {
  readonly versions: Readonly<Record<string, string>>;
  readonly mmrv: readonly {
    readonly task: string;
    readonly model: number[];
    readonly truth: number[];
    readonly mmrv: number;
    /** What the paper prints, to three digits. */
    readonly published: { readonly mmrv: number; readonly pearson: number } | null;
  }[];
  readonly correlations: readonly { readonly x: number[]; readonly y: number[]; readonly pearson: number; readonly spearman: number }[];
  readonly crps: readonly { readonly draws: number[]; readonly truth: number; readonly crps: number }[];
  readonly calibration: {
    readonly ranks: number[];
    readonly levels: number[];
    readonly interval: number;
    readonly quantile: number;
    readonly shares: readonly { readonly level: number; readonly inside: number }[];
  };
  readonly coverage: {
    /** `[starts, draws]` */
    readonly samples: number[][];
    readonly truth: number[];
    readonly inside: readonly { readonly level: number; readonly share: number }[];
  };
  readonly bootstrap: readonly {
    readonly statistic: 'mean' | 'interquartileMean';
    /** `[tasks, runs]` */
    readonly scores: number[][];
    /** `[resamples, tasks, runs]`, as drawn there. */
    readonly resamples: number[][][];
    readonly measured: number;
    readonly low: number;
    readonly high: number;
  }[];
}

export function readAgreement(): AgreementGolden {
  return JSON.parse(readFileSync(new URL('../../test/goldens/agreement.golden.json', import.meta.url), 'utf8')) as AgreementGolden;
}

/** One number of ours beside theirs. */
export interface Agreed {
  readonly what: string;
  readonly ours: number;
  readonly theirs: number;
}

const statistics = { mean: meanScore, interquartileMean: interquartileMeanScore } satisfies Record<string, (scores: Scores) => number>;

/** Every number that both sides compute. */
export function comparisons(golden: AgreementGolden): Agreed[] {
  return [
    ...golden.mmrv.map(({ task, model, truth, mmrv }) => ({
      what: `MMRV, ${task}`,
      ours: meanMaximumRankViolation(model, truth),
      theirs: mmrv,
    })),
    ...golden.correlations.flatMap(({ x, y, ...theirs }, i) => [
      { what: `Pearson ${i}`, ours: pearson(x, y), theirs: theirs.pearson },
      { what: `Spearman ${i}`, ours: spearman(x, y), theirs: theirs.spearman },
    ]),
    ...golden.crps.map(({ draws, truth, crps }) => ({ what: `CRPS of ${draws.length} draws`, ours: fairCrps(draws, truth), theirs: crps })),
    ...calibrations(golden.calibration),
    ...coverages(golden.coverage),
    ...golden.bootstrap.flatMap(intervals),
  ];
}

/** Largest difference. */
export async function agreement(): Promise<Measured> {
  const golden = readAgreement();
  const all = comparisons(golden).map((each) => ({ ...each, difference: Math.abs(each.ours - each.theirs) }));
  return { measured: Math.max(...all.map(({ difference }) => difference)), raw: { versions: golden.versions, comparisons: all } };
}

function calibrations({ ranks, levels, shares, ...theirs }: AgreementGolden['calibration']): Agreed[] {
  return [
    { what: 'calibration error of intervals', ours: calibrationError(ranks, levels, 'interval'), theirs: theirs.interval },
    { what: 'calibration error of quantiles', ours: calibrationError(ranks, levels, 'quantile'), theirs: theirs.quantile },
    ...shares.map(({ level, inside }) => ({ what: `share inside ${level}`, ours: shareInside(ranks, level, 'interval'), theirs: inside })),
  ];
}

/** As rollouts of one element over one step. */
function coverages({ samples, truth, inside }: AgreementGolden['coverage']): Agreed[] {
  const dreams = {
    entries: layOut({ x: { role: 'dynamic', kind: 'length', unit: 'm' } }).entries,
    starts: truth.length,
    horizon: 1,
    samples: samples[0]!.length,
    truth: Float64Array.from(truth.flatMap((value) => [0, value])),
    imaginedSamples: Float64Array.from(samples.flatMap((draws) => draws.flatMap((value) => [0, value]))),
  };
  const { overall } = coverageOf(
    dreams,
    [1],
    inside.map(({ level }) => level),
    resamplePlan(truth.length, new Rng(1), 1),
  );
  return inside.map(({ level, share }, i) => ({ what: `coverage at ${level}`, ours: overall[i]!.measured, theirs: share }));
}

function intervals({ statistic, scores, resamples, ...theirs }: AgreementGolden['bootstrap'][number]): Agreed[] {
  const ours = percentileInterval(statistics[statistic](scores), resamples.map(statistics[statistic]));
  const what = `${statistic} of ${scores.length} tasks`;
  return (['measured', 'low', 'high'] as const).map((part) => ({ what: `${what}, ${part}`, ours: ours[part], theirs: theirs[part] }));
}
