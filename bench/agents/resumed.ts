/** `resumed.ts <agent> <folder> <steps>`: a small training that goes on from its checkpoint in the folder, however often it is killed, and leaves `policy.onnx` there. */
import { join } from 'node:path';
import { mbpoDefaults } from '../../agents/mbpo/config.ts';
import { trainMbpo } from '../../agents/mbpo/train.ts';
import { ppoDefaults } from '../../agents/ppo/config.ts';
import { trainPpo } from '../../agents/ppo/train.ts';
import { sacDefaults } from '../../agents/sac/config.ts';
import { trainSac } from '../../agents/sac/train.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { writeFileAtomically } from '../../src/data/atomic-file.ts';
import { registry } from '../../src/index.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import type { TrainingFiles } from './resumed-agents.ts';

const [agent, folder, steps] = process.argv.slice(2) as [string, string, string];

const trainings: Readonly<Record<string, (env: VectorEnv, files: TrainingFiles) => Promise<{ readonly policy: Uint8Array }>>> = {
  ppo: (env, files) => {
    const config = { ...ppoDefaults, steps: Number(steps), rolloutSteps: 128, minibatch: 64, epochs: 4 };
    return trainPpo(env, config, 1, nodeRuntime(), files);
  },
  // Fewer steps, since each is of more work.
  sac: (env, files) => {
    const config = { ...sacDefaults, steps: Number(steps) / 10, capacity: 5000, hidden: [32, 32], batch: 64, reportEvery: 200 };
    return trainSac(env, config, 1, nodeRuntime(), files);
  },
  mbpo: (env, files) => {
    const { sac, model } = mbpoDefaults;
    const small = { ...model, ensemble: { ...model.ensemble, members: 2, hidden: [16] }, elites: 2, freshUpdates: 1000, warmUpdates: 500 };
    const config = { ...mbpoDefaults, steps: Number(steps) / 25, explorationSteps: 100, modelEvery: 50, updatesPerStep: 10, model: small };
    return trainMbpo(
      env,
      registry.task('Pendulum-v0'),
      { ...config, sac: { ...sac, hidden: [16, 16], batch: 32 } },
      1,
      nodeRuntime(),
      files,
    );
  },
};

const env = await registry.makeVector('Pendulum-v0', { lanes: 2, copy: false });
const files: TrainingFiles = { metrics: join(folder, 'metrics.jsonl'), checkpoint: { path: join(folder, 'checkpoint.bin'), every: 1 } };
const { policy } = await trainings[agent]!(env, files);
await env.close();
writeFileAtomically(join(folder, 'policy.onnx'), policy);
