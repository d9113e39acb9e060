/**
 * A world model made elsewhere: trained in PyTorch and exported by examples/pytorch-model/train.py. It is checked against the contract, dreamt in,
 * run beside physics, and measured: what any folder with a manifest and an ONNX graph gets.
 */
import { fileURLToPath } from 'node:url';
import { checkModel, loadModel, make, modelSubject, Rng, recordEpisode, registry, runGap, TransitionRecorder } from 'groundtwin';
import { randomPolicy } from 'groundtwin/agents';

const ENV = 'Pendulum-v0';
const folder = process.argv[2] ?? fileURLToPath(new URL('pytorch-model', import.meta.url));

// Does it keep the contract? `groundtwin check-model` prints the same.
const { holds, checks } = await checkModel(registry, ENV, folder);
for (const check of checks) console.log(`${check.holds ? 'holds' : 'BROKEN'}  ${check.name}  ${check.detail}`);
if (!holds) process.exit(1);

// A dream: the model steps, the task's own code observes and rewards.
const dream = await make(ENV, { backend: 'model', model: folder });
await dream.reset({ seed: 7 });
let dreamt = 0;
for (let step = 0; step < 50; step++) dreamt += (await dream.step([0.5])).reward;
console.log(`50 steps of the dream: return ${dreamt.toFixed(1)}`);
await dream.close();

// Beside physics, on the same actions.
const twin = await make(ENV, { backend: 'twin', model: folder, resync: 'never' });
await twin.reset({ seed: 7 });
let real = 0;
let error_rad = 0;
for (let step = 0; step < 50; step++) {
  const { reward, info } = await twin.step([0.5]);
  real += reward;
  error_rad = (info.twin as { error: { angle_rad: number } }).error.angle_rad;
}
console.log(`50 steps of physics: return ${real.toFixed(1)}; the model's angle is off by ${Math.abs(error_rad).toFixed(4)} rad at the end`);
await twin.close();

// How far may it be trusted? On episodes that it has never seen; `groundtwin gap --model <folder>` draws the page too.
const physics = await registry.truth(ENV);
const recorder = new TransitionRecorder(physics.task);
const policy = randomPolicy(physics.task.actionSpace, 1, 5);
for (let episode = 0; episode < 3; episode++)
  await recordEpisode(physics, policy, recorder, { seed: 5000 + episode, maxSteps: 200, episode });
const model = await loadModel(ENV, folder);
const heldOut = recorder.transitions();
const report = await runGap({
  truth: physics,
  subject: modelSubject(physics.task, model),
  heldOut,
  training: heldOut,
  settings: { starts: 64, horizon: 40, samples: 20, counterfactualStarts: 16, alternatives: 8, counterfactualHorizon: 10 },
  metadata: {
    task: ENV,
    model: model.manifest.name,
    command: 'examples/foreign-model.ts',
    seeds: [1],
    versions: {},
    machine: 'not noted',
    date: 'not noted',
    dataHash: 'not noted',
    controlDt_s: physics.task.controlDt_s,
  },
  rng: new Rng(1),
});
for (const { verdict, id, title, horizon, measured } of report.rows)
  console.log(`${verdict.padEnd(14)} ${id} ${title}${horizon === undefined ? '' : ` at ${horizon} steps`}: ${measured?.toFixed(3) ?? '–'}`);
console.log(report.summary.join('\n'));
await model.close();
await physics.close();
