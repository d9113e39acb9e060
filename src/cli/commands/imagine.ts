import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { icem, icemDefaults, mppi, mppiDefaults } from '../../../agents/index.ts';
import type { EngineName } from '../../core/scene-spec.ts';
import { writeFileAtomically } from '../../data/atomic-file.ts';
import { type ImaginedPlan, imagine } from '../../gap/index.ts';
import { registry } from '../../index.ts';
import { type GoalEntry, parseGoal, type SequenceRecipe } from '../../planning/index.ts';
import { renderPlans } from '../../report/index.ts';
import { type Condition, conditionedTask, conditionOption } from '../condition.ts';
import { exitCodes } from '../exit-codes.ts';
import { EVALUATION_SEED } from '../main-job.ts';
import { envOfModel, modelEnvOption } from '../model-env.ts';
import { engineOption, type Finish, planCount, planSteps, requirePlaceFor, seedNumber, withCommon } from '../options.ts';
import { table, terminal } from '../terminal.ts';

interface ImagineOptions {
  readonly json?: boolean;
  readonly env?: string;
  readonly engine: EngineName;
  readonly seed: number;
  readonly model: string;
  readonly goal: string;
  readonly plans: number;
  readonly horizon: number;
  readonly planner: keyof typeof planners;
  readonly start: number;
  readonly out?: string;
  readonly condition?: Condition;
}

/** Each plan is found from nothing in one decision, so with a wider and longer search than at every step of an episode. */
const search = { population: 200, iterations: 10 };
const planners = {
  icem: (horizon: number) => icem({ ...icemDefaults, ...search, elites: 20, decay: 1.1, initialDeviation: 0.8, horizon }),
  mppi: (horizon: number) => mppi({ ...mppiDefaults, ...search, horizon }),
} satisfies Record<string, (horizon: number) => SequenceRecipe>;

export function addImagine(program: Command, finish: Finish): void {
  withCommon(program.command('imagine'), { seed: true })
    .description('find ways to a goal in a model, and execute each in physics')
    .addOption(modelEnvOption())
    .addOption(engineOption())
    .requiredOption('--model <folder>', 'the model')
    .requiredOption('--goal <entries>', 'where to be: name=value[,name=value…] of the state, in its units')
    .option('--plans <n>', 'how many plans, each another way, up to 64', planCount, 3)
    .option('--horizon <n>', 'control steps of a plan, up to 1000', planSteps, 40)
    .addOption(new Option('--planner <name>', 'who searches').choices(Object.keys(planners)).default('icem'))
    .option('--start <seed>', 'seed of the start', seedNumber, EVALUATION_SEED)
    .option('--out <folder>', 'where imagine.json and imagine.html go')
    .addOption(conditionOption())
    .action(async (options: ImagineOptions) => finish(await imagineGoal(options)));
}

async function imagineGoal(options: ImagineOptions): Promise<number> {
  if (options.out !== undefined) requirePlaceFor('folder', resolve(options.out));
  const screen = terminal(options.json ?? false);
  const { task, ranges } = conditionedTask(options.env ?? envOfModel(resolve(options.model)), options.condition);
  const goal = parseGoal(task, options.goal);
  const model = await registry.loadModel(task, options.model);
  const truth = await registry.truth(task, 1, options.engine, ranges);
  const { plans: count, start, seed, horizon } = options;
  const plans = await imagine({
    ...{ truth, model, goal, start, seed, plans: count },
    planner: planners[options.planner](horizon),
    onProgress: (done, of) => screen.progress({ stage: 'imagine: plans found', done, of }),
  }).finally(async () => {
    await truth.close();
    await model.close();
  });
  screen.settle();
  const facts = { env: task.id, model: model.manifest.name, planner: options.planner, start, seed, horizon, controlDt_s: task.controlDt_s };
  const shown = goal.map(({ label, target, unit, scale }) => ({ label, target, unit, scale }));
  const result = { ...facts, goal: shown, plans };
  if (options.out !== undefined) {
    writeFileAtomically(join(options.out, 'imagine.json'), `${JSON.stringify(result, null, 1)}\n`);
    const summary = `${count} plans of ${horizon} steps, found by ${options.planner} in the model ${facts.model} from start ${start}, each played open loop.`;
    writeFileAtomically(
      join(options.out, 'imagine.html'),
      renderPlans({ title: `To ${options.goal}`, task: task.id, summary, goal, plans }),
    );
  }
  screen.result(result, prose(goal, plans, options.out));
  return exitCodes.ok;
}

function prose(goal: readonly GoalEntry[], plans: readonly ImaginedPlan[], out: string | undefined): string {
  const number = (value: number | null) => (value === null ? '–' : value.toFixed(3));
  const head = ['plan', 'apart', '', 'distance', 'return', ...goal.map(({ label, unit }) => (unit === '1' ? label : `${label} (${unit})`))];
  const rows = plans.flatMap(({ apart, imagined, executed, difference }, i) =>
    [imagined, executed, difference].map((side, k) => [
      k === 0 ? String(i + 1) : '',
      k === 0 ? number(apart) : '',
      ['imagined', 'executed', 'difference'][k]!,
      number(side.distance),
      number(side.return),
      ...goal.map(({ label }) => number(side.final[label]!)),
    ]),
  );
  return [table([head, ...rows]), ...(out === undefined ? [] : [`Pictures: ${join(out, 'imagine.html')}`])].join('\n');
}
