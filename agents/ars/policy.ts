import type { Policy } from '../../src/core/policy.ts';
import { type ControllerData, controllerPolicy } from '../../src/learning/controller.ts';
import type { Space } from '../../src/spaces/space.ts';

/** A policy that was found; plain data. */
export type ArsPolicyData = ControllerData;

/** Acts as a policy that was found: `controllerPolicy`. */
export function arsPolicy(observationSpace: Space, actionSpace: Space, data: ArsPolicyData, lanes: number): Policy {
  return { ...controllerPolicy(observationSpace, actionSpace, data, lanes), name: 'ars' };
}
