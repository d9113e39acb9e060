import { compare, evaluationStarts, verdict } from './learnable.ts';
import { keptSearch, search } from './learnable-search.ts';
import { searches } from './learnable-tasks.ts';
import type { Context, Measured, Row } from './row.ts';

/**
 * How many kept policies beat both random and idle play.
 * @param ids - default all.
 */
export async function learnable(
  { rerun, log }: Pick<Context, 'rerun' | 'log'>,
  ids = Object.keys(searches),
  starts = evaluationStarts,
): Promise<Measured> {
  const verdicts = [];
  for (const id of ids) {
    const { policy, steps, cpu_s } = rerun ? await search(id, log) : keptSearch(id);
    const found = verdict(id, await compare(id, policy, starts));
    const { learned, random, idle, overRandom, overIdle, holds } = found;
    log(
      `${id}: ${learned.toFixed(1)} against ${random.toFixed(1)} at random (gain at least ${overRandom.low.toFixed(1)}) and ${idle.toFixed(1)} idle (${overIdle.low.toFixed(1)}): ${holds ? 'beaten' : 'NOT BEATEN'}`,
    );
    verdicts.push({ ...found, search: { steps, cpu_s } });
  }
  return { measured: verdicts.filter(({ holds }) => holds).length, raw: verdicts };
}

export const learnableRows: readonly Row[] = [
  {
    id: 'truth.learnable',
    what: `envs of the suite where a policy found by a small random search beats both random and idle play on ${evaluationStarts} fresh starts, 95 % intervals above 0`,
    operator: '=',
    goal: Object.keys(searches).length,
    unit: 'envs',
    budget_s: 480,
    measure: (context) => learnable(context),
  },
];
