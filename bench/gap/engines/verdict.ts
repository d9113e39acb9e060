/** What a recorded study says: worked out anew from its single starts. */
import { resamplePlan } from '../../../src/gap/bootstrap.ts';
import { Rng } from '../../../src/math/rng.ts';
import { explains, type Fall, fallOf } from './fall.ts';
import type { Recorded } from './results.ts';

export interface Explained extends Fall {
  readonly env: string;
  /** Ids of what was taken away. */
  readonly named: readonly string[];
  readonly isExplained: boolean;
}

/** On the starts of the test, which the causes were not chosen on. */
export function explanationOf({ env, named, whole, removed }: Pick<Recorded, 'env' | 'named' | 'whole' | 'removed'>): Explained {
  const fall = fallOf(whole, removed, resamplePlan(whole.error.length, new Rng(1)));
  return { env, named, ...fall, isExplained: explains(fall) };
}
