import { agreement } from './gap-agreement.ts';
import { gapCost } from './gap-cost.ts';
import { explainedEnvs } from './gap-engines.ts';
import { identifyCover, plazaGain, unidentifiable, wrongDelay } from './gap-identify.ts';
import { falseKills, killedShare, uniqueControls } from './gap-kills.ts';
import { remoteBits } from './gap-remote.ts';
import type { Row } from './row.ts';

export const gapRows: readonly Row[] = [
  {
    id: 'gap.kills',
    what: 'share of the trials in which a subject broken on purpose fails the row that is named to catch it, mean over controls; three tasks, three seeds, recorded',
    operator: '=',
    goal: 1,
    unit: 'share',
    budget_s: 10,
    measure: killedShare,
  },
  {
    id: 'gap.false_kills',
    what: 'rows that truth, exact physics as a model, the same with errors it knows of, or with parameters 2 % off, fail in the same trials',
    operator: '=',
    goal: 0,
    unit: 'rows',
    budget_s: 10,
    measure: falseKills,
  },
  {
    id: 'gap.unique',
    what: 'controls that on some task only their named row catches, of all rows of the everyday suite',
    operator: '>=',
    goal: 5,
    unit: 'controls',
    budget_s: 10,
    measure: uniqueControls,
  },
  {
    id: 'gap.agreement',
    what: 'largest difference of our MMRV, correlations, IQM, bootstrap intervals (same resamples), CRPS, coverage and calibration error from independent code (SIMPLER’s authors, scipy, rliable, scoringrules, uncertainty-toolbox, numpy)',
    operator: '<=',
    goal: 1e-6,
    unit: '1',
    budget_s: 10,
    measure: agreement,
  },
  {
    id: 'gap.engine_envs',
    what: 'envs whose gap between Rapier and MuJoCo, 10 control steps ahead, falls by half when its named causes are taken away (lower 95 % bound a third), both as an error and over how far things move; recorded, on starts that no cause was chosen on',
    operator: '>=',
    goal: 6,
    unit: 'envs',
    budget_s: 20,
    measure: () => explainedEnvs(),
  },
  {
    id: 'gap.plaza_30s_gain',
    what: 'lower 95 % bound of the relative fall of the median 30 s end error on the Plaza2 mower log after three parameters were identified on Plaza1 alone',
    operator: '>=',
    goal: 0.1,
    unit: 'share',
    budget_s: 120,
    measure: plazaGain,
  },
  {
    id: 'gap.identify_cover',
    what: 'share of identified parameters whose true value is within two 95 % intervals, 50 draws of four parameters from noisy episodes',
    operator: '>=',
    goal: 0.95,
    unit: 'share',
    budget_s: 400,
    measure: (context) => identifyCover(context),
  },
  {
    id: 'gap.unidentifiable',
    what: 'share of parameters that are flagged as they should be: those that the data cannot tell, and no other',
    operator: '=',
    goal: 1,
    unit: 'share',
    budget_s: 200,
    measure: (context) => unidentifiable(context),
  },
  {
    id: 'gap.wrong_delay',
    what: 'share of recordings whose command delay is found, while every other delay raises the residual by the lower end of its interval',
    operator: '=',
    goal: 1,
    unit: 'share',
    budget_s: 600,
    measure: (context) => wrongDelay(context),
  },
  {
    id: 'gap.remote_bits',
    what: 'numbers and verdicts that differ between the report of one process and the same seed with the subject on a server, and measured by a server (asked from Python); an ensemble and exact physics on Pendulum-v0, all everyday rows',
    operator: '=',
    goal: 0,
    unit: 'numbers',
    budget_s: 1200,
    measure: (context) => remoteBits(context),
  },
  {
    id: 'gap.seconds',
    what: 'groundtwin gap with all everyday rows on the model of the main job (CartPoleSwingUp-v0), a process from start to end',
    operator: '<=',
    goal: 120,
    unit: 's',
    budget_s: 500,
    measure: async (context) => {
      const cost = await gapCost(context);
      return { measured: cost.seconds, raw: cost };
    },
  },
  {
    id: 'gap.rss_mb',
    what: 'the most memory that it holds at once',
    operator: '<=',
    goal: 1000,
    unit: 'MB',
    budget_s: 500,
    measure: async (context) => {
      const cost = await gapCost(context);
      return { measured: cost.peak_MB, raw: cost };
    },
  },
];
