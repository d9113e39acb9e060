/** An env that does nothing: what is left is the way there and back. */
import type { Backend } from '../../src/core/backend.ts';
import { allocate, box } from '../../src/spaces/space.ts';

/** As many numbers as Ant observes, as many as it takes. */
export const noopSizes = { observation: 27, action: 8 } as const;

/** @param lanes - of float32 `[27]` observed, float32 `[8]` taken; never ends, reward 0. */
export function noopBackend(lanes: number): Backend {
  const observationSpace = box({ low: -1, high: 1, shape: [noopSizes.observation] });
  return {
    id: 'Noop-v0',
    kind: 'truth',
    lanes,
    agents: 1,
    observationSpace,
    actionSpace: box({ low: -1, high: 1, shape: [noopSizes.action] }),
    controlDt_s: 0.01,
    canBranch: true,
    fingerprint: 'noop',
    batch: {
      observation: allocate(observationSpace, lanes),
      reward: new Float64Array(lanes),
      terminated: new Uint8Array(lanes),
      truncated: new Uint8Array(lanes),
      info: {},
      problems: Array.from({ length: lanes }, () => null),
    },
    reset() {},
    step() {},
    save: () => new Uint8Array(0),
    load() {},
    close() {},
  };
}
