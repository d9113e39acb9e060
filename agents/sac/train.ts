import type { VectorEnv } from '../../src/core/vector-env.ts';
import { type OffPolicyProgress, type OffPolicyResult, trainOffPolicy } from '../../src/learning/off-policy-training.ts';
import type { TrainingOptions } from '../../src/learning/run-training.ts';
import type { OnnxRuntime } from '../../src/onnx/index.ts';
import type { SacConfig } from './config.ts';

/**
 * Soft actor-critic (Haarnoja et al. 2018) to the end, or on to it from a checkpoint. The same env, config and seed give the same bytes.
 *
 * @param env - its actions are a bounded box of floats; the caller closes it.
 * @throws OPTION_INVALID for a config or an env that does not fit; CHECKPOINT_INVALID, CHECKPOINT_FOREIGN; DATA_TOO_LARGE; RUNTIME_MISSING.
 */
export function trainSac(
  env: VectorEnv,
  config: SacConfig,
  seed: number,
  runtime: OnnxRuntime,
  options?: TrainingOptions<OffPolicyProgress>,
): Promise<OffPolicyResult> {
  return trainOffPolicy('sac', env, config, seed, runtime, options);
}
