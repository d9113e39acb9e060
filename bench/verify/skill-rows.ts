/** Skill and honesty of models learned from state data: one measurement, three rows. */
import { seeds } from './main-jobs.ts';
import type { Context, Measured, Row } from './row.ts';
import { type AtHorizon, type Limits, limitsOf, measureSkill, type SkillFigures } from './skill.ts';

/** The figures are the worst of these. */
const judged = ['CartPoleSwingUp-v0', 'Pendulum-v0', 'Reacher-v0'] as const;
/** Printed beside them, with what limits them. */
const beside = ['Hopper-v0', 'HalfCheetah-v0'] as const;

interface Measurements {
  readonly judged: readonly SkillFigures[];
  readonly beside: readonly (SkillFigures & { readonly limits: Limits })[];
}

function measurements({ once, log }: Context): Promise<Measurements> {
  return once('skill', async () => {
    const found: SkillFigures[] = [];
    for (const env of judged)
      for (const seed of seeds) {
        const { figures, truth } = await measureSkill(env, seed);
        await truth.close();
        log(textOf(figures));
        found.push(figures);
      }
    const bodies: Measurements['beside'][number][] = [];
    for (const env of beside) {
      const measurement = await measureSkill(env, seeds[0]);
      const limits = await limitsOf(measurement);
      await measurement.truth.close();
      log(textOf(measurement.figures));
      bodies.push({ ...measurement.figures, limits });
    }
    return { judged: found, beside: bodies };
  });
}

/** The worst of all judged envs, seeds and horizons. */
export function worstOf(
  figures: readonly SkillFigures[],
  horizons: readonly number[],
  value: (at: AtHorizon) => number,
  worse: (...values: number[]) => number,
): number {
  return worse(...figures.flatMap(({ at }) => at.filter(({ horizon }) => horizons.includes(horizon)).map(value)));
}

function textOf({ env, seed, at, train_s }: SkillFigures): string {
  const shares = (pick: (one: AtHorizon) => number) => at.map((one) => pick(one).toFixed(3)).join(', ');
  return `${env}, seed ${seed}: skill ${shares(({ skill }) => skill)}, coverage ${shares(({ coverage }) => coverage)} at ${at.map(({ horizon }) => horizon).join(', ')} steps; trained in ${train_s.toFixed(0)} s`;
}

const about = `models of at most 50,000 agent-like steps on episodes never seen, worst of ${judged.join(', ')} and of seeds ${seeds.join(', ')}`;
const budget_s = 1800;

export const skillRows: readonly Row[] = [
  skillRow('model.skill10', 10, 0.8),
  skillRow('model.skill40', 40, 0.5),
  {
    id: 'model.coverage_err',
    what: `largest distance from .9 of the coverage of the 90 % interval at 1, 10, 40 steps: ${about}`,
    operator: '<=',
    goal: 0.05,
    unit: '',
    budget_s,
    measure: async (context) => {
      const raw = await measurements(context);
      return { measured: worstOf(raw.judged, [1, 10, 40], ({ coverage }) => Math.abs(coverage - 0.9), Math.max), raw };
    },
  },
];

function skillRow(id: string, horizon: number, goal: number): Row {
  return {
    id,
    what: `prediction skill ${horizon} steps ahead (1 = the noise floor, 0 = the better of standing still and a linear model): ${about}`,
    operator: '>=',
    goal,
    unit: '',
    budget_s,
    measure: async (context): Promise<Measured> => {
      const raw = await measurements(context);
      return { measured: worstOf(raw.judged, [horizon], ({ skill }) => skill, Math.min), raw };
    },
  };
}
