import type { Values } from '../spaces/space.ts';

/** What acts: one batch of observations in, one batch of actions out. */
export interface Policy {
  readonly name: string;
  /** Forgets everything: episodes begin in all lanes. @param seed - of its own randomness. */
  reset(seed: number): void;
  /** @param observation - `[lanes, ...]`. @returns `[lanes, ...]` in the action space; may be reused by the next call. */
  act(observation: Values): Values | Promise<Values>;
}
