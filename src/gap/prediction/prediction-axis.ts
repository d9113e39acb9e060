import type { Axis, AxisContext, AxisResult } from '../axis.ts';
import { measureCalibration } from './measure-calibration.ts';
import { measureEvents } from './measure-events.ts';
import { measureLong } from './measure-long.ts';
import { CALIBRATION_HORIZONS, predictionTests } from './prediction-tests.ts';

export interface PredictionSettings {
  /** Of the calibration rows and of the events. */
  readonly starts: number;
  /** Of the long rollouts. */
  readonly longStarts: number;
  /** Steps that valid prediction time is looked for in, in horizons. */
  readonly validHorizons: number;
  /** Steps of a long rollout, in horizons. */
  readonly longHorizons: number;
  /** Most draws of a start in long rollouts. */
  readonly longCopies: number;
}

export const predictionDefaults: PredictionSettings = { starts: 256, longStarts: 256, validHorizons: 4, longHorizons: 10, longCopies: 4 };

/**
 * Multi-step predictability beside H1: valid prediction time, events, calibration, stability.
 * Held-out episodes must hold as many moments as `starts` that are followed by the longest calibration horizon.
 */
export function predictionAxisOf(settings: PredictionSettings = predictionDefaults): Axis {
  const horizon = Math.max(...CALIBRATION_HORIZONS);
  return {
    name: 'prediction',
    tests: predictionTests,
    async measure(context: AxisContext): Promise<AxisResult> {
      const { longStarts, validHorizons, longHorizons, longCopies, starts } = settings;
      const long = {
        starts: longStarts,
        horizon,
        valid_steps: validHorizons * horizon,
        steps: longHorizons * horizon,
        copies: longCopies,
      };
      const results = [await measureLong(context, long), await measureEvents(context, starts), await measureCalibration(context, starts)];
      const findings = results.flatMap((result) => result.findings);
      return {
        findings: predictionTests.flatMap((test) => findings.filter((each) => each.test === test)),
        figures: Object.assign({}, ...results.map(({ figures }) => figures)),
      };
    },
  };
}

export const predictionAxis: Axis = predictionAxisOf();
