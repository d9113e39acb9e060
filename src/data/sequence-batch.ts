import { GroundtwinError } from '../errors.ts';
import { allocate, type Values } from '../spaces/space.ts';
import type { EpisodeSpec } from './episode.ts';

/** Sequences of steps, row-major, one after another. */
export interface SequenceBatch {
  readonly count: number;
  readonly horizon: number;
  /** `[count, horizon + 1, ...]` in the observation space. */
  readonly observation: Values;
  /** `[count, horizon, ...]` in the action space. */
  readonly action: Values;
  /** float64 `[count, horizon, agents]` */
  readonly reward: Float64Array;
  /** `[count, horizon]`, 0 or 1; set at most in the last step of a sequence. */
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
}

/** Zeroed. */
export function allocateSequences({ observationSpace, actionSpace, agents }: EpisodeSpec, count: number, horizon: number): SequenceBatch {
  return {
    count,
    horizon,
    observation: allocate(observationSpace, count * (horizon + 1)),
    action: allocate(actionSpace, count * horizon),
    reward: new Float64Array(count * horizon * agents),
    terminated: new Uint8Array(count * horizon),
    truncated: new Uint8Array(count * horizon),
  };
}

/** @throws OPTION_INVALID */
export function requireHorizon(who: string, horizon: number): void {
  if (!Number.isInteger(horizon) || horizon < 1)
    throw new GroundtwinError('OPTION_INVALID', { who, option: 'horizon', value: String(horizon), allowed: 'an integer of at least 1' });
}

/** @throws OPTION_INVALID when there is nothing to draw from. */
export function requireWindows(who: string, windows: number, horizon: number): void {
  if (windows === 0)
    throw new GroundtwinError('OPTION_INVALID', {
      who,
      option: 'horizon',
      value: String(horizon),
      allowed: 'at most the steps of the longest episode held',
    });
}
