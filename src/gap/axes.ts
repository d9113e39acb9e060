/** The axes of the suite, by name. */
import { GroundtwinError } from '../errors.ts';
import { agentAxisOf } from './agent/agent-axis.ts';
import type { Axis } from './axis.ts';
import { causalityAxis } from './causality/causality-axis.ts';
import { plausibilityAxis } from './plausibility/plausibility-axis.ts';
import { predictionAxis } from './prediction/prediction-axis.ts';

export const axisNames = ['plausibility', 'causality', 'prediction', 'agent'] as const;

/**
 * @param names - of `axisNames`, or `none` alone. @param deep - with the rows that train and plan.
 * @throws OPTION_INVALID for another name.
 */
export function axesNamed(names: readonly string[] = axisNames, { deep = false } = {}): Axis[] {
  const axes: Readonly<Record<string, Axis>> = {
    plausibility: plausibilityAxis,
    causality: causalityAxis,
    prediction: predictionAxis,
    agent: agentAxisOf(deep ? { deep: {} } : {}),
  };
  if (names.length === 1 && names[0] === 'none') return [];
  return names.map((name) => {
    if (Object.hasOwn(axes, name)) return axes[name]!;
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'gap',
      option: 'axes',
      value: name.slice(0, 100),
      allowed: `of ${axisNames.join(', ')}, or none`,
    });
  });
}
