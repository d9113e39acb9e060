import type { Policy } from '../../src/core/policy.ts';
import { requireBoundedBox, scaledAction, toActionRange } from '../../src/learning/action-scale.ts';
import { compilePolicy } from '../../src/learning/policy-export.ts';
import { squashedMode } from '../../src/learning/squashed-gaussian.ts';
import { Rng } from '../../src/math/rng.ts';
import type { OnnxRuntime } from '../../src/onnx/index.ts';
import { allocate, type Box, flatSizeOf, flattenInto, rowOf, type Space, type TypedArray } from '../../src/spaces/space.ts';
import type { TdMpc2Config } from './config.ts';
import type { Weights } from './forward.ts';
import { encode, initialParameters, networksOf, policyOutput, type TdMpc2Networks } from './networks.ts';
import { LatentPlanner, type PlannerConfig } from './planner.ts';

/** What the policy does without planning, at its likeliest, as one ONNX graph by the contract of `onnxPolicy`. */
export function exportPolicy(
  networks: TdMpc2Networks,
  observationSpace: Space,
  actionSpace: Box,
  weights: Weights,
): Uint8Array<ArrayBuffer> {
  return compilePolicy(observationSpace, {
    // For names and shapes alone.
    parameters: initialParameters(networks, new Rng(0)).filter(({ name }) => /^(encoder|policy)\./.test(name)),
    values: weights,
    action: (builder, parameters, observation) => {
      const latent = encode(builder, parameters, networks, observation);
      return scaledAction(builder, actionSpace, squashedMode(builder, policyOutput(builder, parameters, networks, latent)));
    },
  });
}

/** The agent whole: it plans each action in its model. Holds memory of its runtime until closed. */
export interface TdMpc2Policy extends Policy {
  close(): Promise<void>;
}

/**
 * @param weights - as a training gave them. @param config - what it was trained with; that of planning may differ.
 * @param spaces - of the env that it acts in, and how many of it.
 * @throws OPTION_INVALID for actions that are no bounded box of floats, RUNTIME_FAILED for weights of another size.
 */
export async function tdMpc2Policy(
  runtime: OnnxRuntime,
  weights: Weights,
  config: PlannerConfig & Pick<TdMpc2Config, 'latent' | 'encoder' | 'hidden' | 'critics' | 'bins' | 'reach'>,
  { observationSpace, actionSpace, lanes }: { readonly observationSpace: Space; readonly actionSpace: Space; readonly lanes: number },
): Promise<TdMpc2Policy> {
  const space = requireBoundedBox('tdmpc2', actionSpace);
  const [seen, done] = [flatSizeOf(observationSpace), flatSizeOf(actionSpace)];
  const networks = networksOf(seen, done, config);
  const planner = await LatentPlanner.open(runtime, networks, config, lanes, initialParameters(networks, new Rng(0)));
  const rng = new Rng(0);
  const flat = new Float64Array(lanes * seen);
  const chosen = new Float32Array(lanes * done);
  const actions = allocate(actionSpace, lanes) as TypedArray;
  return {
    name: 'tdmpc2',
    reset(seed) {
      rng.seed(seed);
      for (const search of planner.searches) search.reset();
    },
    async act(observation) {
      for (let lane = 0; lane < lanes; lane++) flattenInto(rowOf(observationSpace, observation, lane), flat, lane * seen);
      await planner.decide(weights, Float32Array.from(flat), false, rng, chosen);
      for (let i = 0; i < actions.length; i++) actions[i] = toActionRange(space, i % done, chosen[i]!);
      return actions;
    },
    close: () => planner.release(),
  };
}
