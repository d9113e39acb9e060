/** Cheap agents in closed loop: what must run for many simulated hours cannot plan. */
import { arsPolicy } from '../../agents/index.ts';
import type { Policy } from '../../src/core/policy.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, type Box, type TypedArray } from '../../src/spaces/space.ts';
import { keptSearch } from './learnable-search.ts';

export type DriftTask = 'CartPoleSwingUp-v0' | 'Pendulum-v0';

/** Of the exploration noise, from step to step. */
const correlation = 0.8;

/**
 * Swings up and balances, and explores a little, as an agent that still learns does.
 * @param noise - standard deviation of what is added to the action, in half ranges; correlated in time.
 */
export function driftAgent(id: DriftTask, lanes: number, noise: number): Policy {
  const { observationSpace, actionSpace } = registry.task(id);
  const policy = id === 'Pendulum-v0' ? arsPolicy(observationSpace, actionSpace, keptSearch(id).policy, lanes) : swingUpAgent(lanes);
  return exploring(policy, actionSpace as Box, lanes, noise);
}

/** Pumps energy into the pole by pushing along with it, then holds it up by linear feedback. */
function swingUpAgent(lanes: number): Policy {
  const actions = allocate(registry.task('CartPoleSwingUp-v0').actionSpace, lanes) as TypedArray;
  return {
    name: 'swing-up by energy',
    reset() {},
    act(observation) {
      for (let lane = 0; lane < lanes; lane++) actions[lane] = push((observation as TypedArray).subarray(lane * 5, lane * 5 + 5));
      return actions;
    },
  };
}

/** @param observed - cart position and velocity, cosine and sine of the pole's angle, its velocity. @returns the action, unbounded. */
function push(observed: TypedArray): number {
  const [x_m, v_mps, cosine, sine, w_radps] = observed as unknown as [number, number, number, number, number];
  if (cosine > 0.85 && Math.abs(w_radps) < 4) return 0.1 * x_m + 0.22 * v_mps + 3.2 * Math.atan2(sine, cosine) + 0.65 * w_radps;
  // Per kilogram and over the level at rest upright, J/kg; a uniform pole 1 m long.
  const lacking = w_radps ** 2 / 6 + 9.81 * 0.5 * (cosine - 1);
  return 0.35 * Math.max(-1, Math.min(1, 1.5 * lacking)) * (Math.sign(w_radps * cosine) || 1) - 0.12 * x_m - 0.05 * v_mps;
}

function exploring(policy: Policy, space: Box, lanes: number, noise: number): Policy {
  const rng = new Rng(0);
  const carried = new Float64Array(lanes);
  const noisy = allocate(space, lanes) as TypedArray;
  return {
    name: `${policy.name}, exploring`,
    reset(seed) {
      policy.reset(seed);
      rng.seed(seed);
      rng.normals(carried, 0, lanes);
    },
    act(observation) {
      const actions = policy.act(observation) as TypedArray;
      const [low, high] = [space.low[0]!, space.high[0]!];
      for (let lane = 0; lane < lanes; lane++) {
        noisy[lane] = Math.max(low, Math.min(high, actions[lane]! + (noise * carried[lane]! * (high - low)) / 2));
        carried[lane] = correlation * carried[lane]! + Math.sqrt(1 - correlation ** 2) * rng.normal();
      }
      return noisy;
    },
  };
}
