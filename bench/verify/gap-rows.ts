import { agreement } from './gap-agreement.ts';
import type { Row } from './row.ts';

export const gapRows: readonly Row[] = [
  {
    id: 'gap.agreement',
    what: 'largest difference of our MMRV, correlations, IQM, bootstrap intervals (same resamples), CRPS, coverage and calibration error from independent code (SIMPLER’s authors, scipy, rliable, scoringrules, uncertainty-toolbox, numpy)',
    operator: '<=',
    goal: 1e-6,
    unit: '1',
    budget_s: 10,
    measure: agreement,
  },
];
