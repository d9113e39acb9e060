/**
 * Record physics, learn it, measure how far the learned world may be trusted: what `groundtwin record`, `train-model` and `gap` do, from code.
 * Sizes are cut down so that it takes seconds; the comments tell what the commands take. Give a folder to keep the model and the report.
 */
import { join } from 'node:path';
import { randomPolicy } from '../agents/index.ts';
import { writeFileAtomically } from '../src/data/atomic-file.ts';
import { recordEpisode } from '../src/data/record.ts';
import { TransitionRecorder, type Transitions, transitionsHash } from '../src/data/transitions.ts';
import { gapDefaults, modelSubject, runGap } from '../src/gap/index.ts';
import { registry } from '../src/index.ts';
import { Rng } from '../src/math/rng.ts';
import { nodeRuntime } from '../src/onnx/index.ts';
import { renderReport } from '../src/report/index.ts';
import { fitEnsemble } from '../src/world-model/fit-ensemble.ts';
import { openModel, writeModel } from '../src/world-model/model-folder.ts';
import { trainEnsemble } from '../src/world-model/train-ensemble.ts';

const SEED = 1;
const UPDATES = 400; // some 10,000
const SETTINGS = { ...gapDefaults, starts: 64, samples: 20, counterfactualStarts: 16 }; // 256, 30, 64

const task = registry.task('Pendulum-v0');
const physics = await registry.truth(task.id);

async function record(episodes: number, firstSeed: number): Promise<Transitions> {
  const recorder = new TransitionRecorder(task);
  const policy = randomPolicy(task.actionSpace, 1, 5); // each action held 5 steps
  for (let episode = 0; episode < episodes; episode++)
    await recordEpisode(physics, policy, recorder, { seed: firstSeed + episode, maxSteps: task.horizon, episode });
  return recorder.transitions();
}

const training = await record(3, SEED);
const heldOut = await record(2, SEED + 1000); // episodes the model never sees

const trained = await trainEnsemble(task, training, {
  name: 'pendulum, trained in seconds',
  updates: UPDATES,
  seed: SEED,
  fit: (job, hooks) => fitEnsemble(nodeRuntime(), job, hooks), // in this process; the commands use a child
});
const model = await openModel(nodeRuntime(), 'pendulum', trained.manifest, trained.predict, task);

const report = await runGap({
  truth: physics,
  subject: modelSubject(task, model),
  heldOut,
  training,
  settings: SETTINGS,
  metadata: {
    task: task.id,
    model: trained.manifest.name,
    command: 'examples/train-and-gap.ts',
    seeds: [SEED],
    versions: {},
    machine: 'not noted',
    date: 'not noted',
    dataHash: transitionsHash(heldOut),
    controlDt_s: task.controlDt_s,
    trainingSteps: training.count,
  },
  rng: new Rng(SEED),
});
for (const { verdict, id, title, horizon, measured, passes } of report.rows)
  console.log(`${verdict.padEnd(14)} ${id} ${title}${horizon === undefined ? '' : ` at ${horizon} steps`}: ${measured}, passes ${passes}`);
console.log(report.summary.join('\n'));

const folder = process.argv[2];
if (folder !== undefined) {
  writeModel(join(folder, 'model'), trained.manifest, trained.predict);
  writeFileAtomically(join(folder, 'report.html'), renderReport({ ...report, title: `${task.id}: a learned world against physics` }));
}
await model.close();
await physics.close();
