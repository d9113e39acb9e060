/** The figures of the main job and of the core that everything stands on. */
import { badInput } from './bad-input.ts';
import { brokenCaught } from './broken-models.ts';
import { freshRun } from './fresh-clone.ts';
import { lowestReturn, plannerRatio, reportFigure } from './main-jobs.ts';
import { goldenErrors } from './onnx-goldens.ts';
import { float32RuleErrors, loopBitsDifferent, worstOperatorRuleError } from './onnx-rows.ts';
import { repeatBits } from './repeat-bits.ts';
import type { Row } from './row.ts';
import { benchAlone } from './run-node.ts';

const threeSeeds = 'seeds 1, 2, 3';
/** Three main jobs. */
const jobs_s = 900;
const coverageHorizons = [1, 10, 40];

export const mainRows: readonly Row[] = [
  {
    id: 'main.setup_s',
    what: 'main job by npm start in a fresh clone, empty home, installation not counted',
    operator: '<=',
    goal: 300,
    unit: 's',
    budget_s: 600,
    measure: async (context) => {
      const run = await freshRun(context);
      return { measured: run.seconds, raw: run };
    },
  },
  {
    id: 'main.rss_mb',
    what: 'peak resident memory of its whole process tree',
    operator: '<=',
    goal: 1000,
    unit: 'MB',
    budget_s: 600,
    measure: async (context) => {
      const run = await freshRun(context);
      return { measured: run.peak_MB, raw: run };
    },
  },
  {
    id: 'main.return',
    what: `lower 95 % bound of the mean return on physics, lowest of ${threeSeeds}, 20 fresh starts each`,
    operator: '>=',
    goal: 200,
    unit: '',
    budget_s: jobs_s,
    measure: lowestReturn,
  },
  {
    id: 'main.planner_ratio',
    what: `return by planning in the model over that by planning in truth, lowest of ${threeSeeds}`,
    operator: '>=',
    goal: 0.95,
    unit: '',
    budget_s: jobs_s,
    measure: plannerRatio,
  },
  {
    id: 'main.skill10',
    what: `prediction skill 10 steps ahead, lowest of ${threeSeeds}`,
    operator: '>=',
    goal: 0.8,
    unit: '',
    budget_s: jobs_s,
    measure: (context) => reportFigure(context, 'H1', [10], Math.min),
  },
  {
    id: 'main.skill40',
    what: `prediction skill 40 steps ahead, lowest of ${threeSeeds}`,
    operator: '>=',
    goal: 0.5,
    unit: '',
    budget_s: jobs_s,
    measure: (context) => reportFigure(context, 'H1', [40], Math.min),
  },
  {
    id: 'main.coverage90_low',
    what: `coverage of the 90 % interval, lowest over 1, 10, 40 steps and ${threeSeeds}`,
    operator: '>=',
    goal: 0.8,
    unit: '',
    budget_s: jobs_s,
    measure: (context) => reportFigure(context, 'H4', coverageHorizons, Math.min),
  },
  {
    id: 'main.coverage90_high',
    what: `coverage of the 90 % interval, highest over 1, 10, 40 steps and ${threeSeeds}`,
    operator: '<=',
    goal: 0.97,
    unit: '',
    budget_s: jobs_s,
    measure: (context) => reportFigure(context, 'H4', coverageHorizons, Math.max),
  },
  {
    id: 'main.broken_caught',
    what: 'models broken on purpose that groundtwin gap fails with exit code 3, the good one not failing (seed 1)',
    operator: '=',
    goal: 3,
    unit: 'of 3',
    budget_s: 600,
    measure: brokenCaught,
  },
  {
    id: 'main.grad_err',
    what: 'gradients of the ensemble against PyTorch, worst relative error',
    operator: '<=',
    goal: 2e-5,
    unit: '',
    budget_s: 30,
    measure: async () => ({
      measured: (await goldenErrors()).find(({ name }) => name === 'ensemble')!.error,
      raw: { worstOperatorRule: (await worstOperatorRuleError())[0], worstFloat32: worst(await float32RuleErrors()) },
    }),
  },
  {
    id: 'main.loop_bits',
    what: 'floats that differ between 12 training steps in one run and one by one',
    operator: '=',
    goal: 0,
    unit: 'floats',
    budget_s: 30,
    measure: async () => ({ measured: await loopBitsDifferent(), raw: null }),
  },
  {
    id: 'main.repeat_bits',
    what: 'bytes that differ between two runs of a seed, process and socket, before and after restore; every env and backend',
    operator: '=',
    goal: 0,
    unit: 'bytes',
    budget_s: 60,
    measure: ({ folder }) => repeatBits(folder),
  },
  {
    id: 'main.truth_overhead',
    what: 'CPU time of Env.step over a bare loop of world.step, CartPoleSwingUp-v0',
    operator: '<=',
    goal: 1.1,
    unit: '×',
    budget_s: 120,
    measure: async () => {
      const rows = await benchAlone('truth-overhead');
      return { measured: rows[0]!.ratio, raw: rows };
    },
  },
  {
    id: 'main.imagined_ratio',
    what: 'imagined steps a second at 1,024 lanes over a bare loop of session.run',
    operator: '>=',
    goal: 0.85,
    unit: '×',
    budget_s: 60,
    measure: async () => {
      const [row] = await benchAlone('imagined');
      return { measured: row!.ratio, raw: row };
    },
  },
  {
    id: 'main.bad_input',
    what: 'wrong inputs not answered by a typed error with a way out, or that stop the server serving others',
    operator: '=',
    goal: 0,
    unit: 'failures',
    budget_s: 60,
    measure: ({ folder }) => badInput(folder),
  },
];

function worst<T extends { readonly error: number }>(rows: readonly T[]): T | undefined {
  return rows.toSorted((a, b) => b.error - a.error)[0];
}
