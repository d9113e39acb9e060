/** How fast a world model is lived in: `ModelEnv` under a policy, beside the same loop in PyTorch, and beside physics. */
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { compileInference, type MlpSpec, mlp, mlpParameters, nodeRuntime, type OnnxSession } from '../../src/onnx/index.ts';
import { flatSizeOf, type TypedArray } from '../../src/spaces/space.ts';
import type { EnsembleConfig } from '../../src/world-model/ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { untrainedModel } from '../untrained-model.ts';

/** What PETS and MBPO train. */
export const petsConfig = { members: 5, hidden: [200, 200, 200] } as const;

/** An ensemble that nobody trained: it costs what a trained one does. */
export async function dreamModel(id: string, config: Partial<EnsembleConfig>): Promise<WorldModel> {
  const task = registry.task(id);
  const { manifest, predict } = untrainedModel(task, config);
  return openModel(nodeRuntime(), manifest.name, manifest, predict, task);
}

/** Actions in [−1, 1] from observations: an MLP of 64 and 64 units, as Stable-Baselines3 has it. */
async function untrainedPolicy(observations: number, actions: number): Promise<OnnxSession> {
  const spec: MlpSpec = { name: 'policy', sizes: [observations, 64, 64, actions], activation: 'tanh' };
  const weights = mlpParameters(spec, new Rng(0));
  return nodeRuntime().load(
    compileInference({
      parameters: weights,
      values: Object.fromEntries(weights.map(({ name, initial }) => [name, initial])),
      inputs: [{ name: 'observation', dtype: 'float32', shape: ['lanes', observations] }],
      build: (builder, parameters, { observation }) => ({ action: builder.tanh(mlp(builder, parameters, observation!, spec)) }),
    }),
  );
}

/** A loop of policy and `ModelEnv`, reset where episodes end. */
export async function dreamLoop(id: string, model: WorldModel, lanes: number) {
  const env = await registry.makeVector(id, { backend: 'model', model, lanes, autoreset: 'sameStep', copy: false });
  const [width, size] = [flatSizeOf(env.observationSpace), flatSizeOf(env.actionSpace)];
  const policy = await untrainedPolicy(width, size);
  const input = new Float32Array(lanes * width);
  let { observation } = (await env.reset({ seed: 1 })) as { observation: TypedArray };
  let ended = 0;
  return {
    async run(steps: number): Promise<void> {
      for (let step = 0; step < steps; step++) {
        input.set(observation);
        const { action } = await policy.run({ observation: { type: 'float32', data: input, dims: [lanes, width] } });
        const result = await env.step(action!.data as Float32Array);
        observation = result.observation as TypedArray;
        for (let lane = 0; lane < lanes; lane++) if (result.terminated[lane] || result.truncated[lane]) ended++;
      }
    },
    get ended(): number {
      return ended;
    },
    async close(): Promise<void> {
      await env.close();
      await policy.release();
    },
  };
}
