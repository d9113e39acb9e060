/** Effects of actions as dots, for drawing: what each alternative changed in truth, and what the subject says it would. */
import { type Counterfactuals, effectOn } from './counterfactual.ts';
import { type Figure, figure, thinned, words } from './figures.ts';
import { elementsOf } from './paired-rollouts.ts';

/** Of one element, in its standard deviations, a dot for each pair of a start and an alternative. */
export interface EffectDots {
  readonly label: string;
  /** The label in plain words. */
  readonly name: string;
  readonly truth: readonly Figure[];
  readonly imagined: readonly Figure[];
}

/** @param most - dots of all elements together, about: the pairs are thinned out evenly. */
export function effectDots(data: Counterfactuals, most: number): EffectDots[] {
  const elements = elementsOf(data.entries);
  const pairs = thinned(data.starts * data.alternatives, Math.max(1, Math.floor(most / elements.length)));
  return elements.map((element) => {
    const effects = pairs.map((pair) =>
      effectOn(data, element, Math.floor(pair / data.alternatives) * elements.length, pair * elements.length),
    );
    return {
      label: element.label,
      name: words(element.label),
      truth: effects.map(({ truth }) => figure(truth)),
      imagined: effects.map(({ near }) => figure(near)),
    };
  });
}
