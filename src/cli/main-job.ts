/**
 * The main job: collect on physics, learn the world, act from the learned world alone, check over WebSocket, measure the gap.
 * `groundtwin demo` runs it; `npm run verify -- main` measures it.
 */
import { join } from 'node:path';
import { type CemConfig, cem, cemDefaults, type PetsConfig, petsDefaults, randomPolicy, trainPets } from '../../agents/index.ts';
import { connect } from '../client/index.ts';
import type { Policy } from '../core/policy.ts';
import { elementsWithRole, layOut } from '../core/state-spec.ts';
import { writeFileAtomically } from '../data/atomic-file.ts';
import { TransitionRecorder, type Transitions, transitionsHash, writeTransitions } from '../data/transitions.ts';
import { type GapReport, horizonAlone, measureTrust, modelSubject, predictedScale, runGap, transitionsOf } from '../gap/index.ts';
import { registry } from '../index.ts';
import { Rng } from '../math/rng.ts';
import { nodeRuntime } from '../onnx/index.ts';
import { rapierEngine } from '../physics/rapier-engine.ts';
import { inModel, planningPolicy } from '../planning/index.ts';
import { renderReport, type TrainingCurves } from '../report/index.ts';
import { rootBeside } from '../roots.ts';
import { clockFrom, serve } from '../server/index.ts';
import type { AnyTask } from '../task/task.ts';
import { type Evaluation, evaluate } from '../vector/evaluate.ts';
import { SyncVectorEnv } from '../vector/sync-vector-env.ts';
import { fitInChild } from '../world-model/fit-in-child.ts';
import { writeModel } from '../world-model/model-folder.ts';
import type { TrainedModel } from '../world-model/train-ensemble.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { timeLimit } from '../wrappers/time-limit.ts';
import { codeHash } from './code-hash.ts';
import { replayOf } from './replay.ts';
import { describeRun, type RunDescription } from './run-description.ts';
import { serverParts } from './server-parts.ts';
import { keepWorst } from './worst-episodes.ts';

export const MAIN_TASK = 'CartPoleSwingUp-v0';
/** First seed of the check's starts: episodes of training draw theirs from a generator, so these are fresh. */
export const EVALUATION_SEED = 1_000_000;

/** How much is collected, learned and checked; what a run folder's config holds. */
export interface MainJobConfig {
  readonly task: string;
  readonly training: PetsConfig;
  /** Fresh starts that the agent is checked on. */
  readonly evaluationStarts: number;
  /** Starts on which the agent is also run inside the model, for imagined returns. */
  readonly imaginedStarts: number;
  readonly replayResync: number;
}

export const mainJobDefaults: MainJobConfig = {
  task: MAIN_TASK,
  training: petsDefaults,
  evaluationStarts: 20,
  imaginedStarts: 10,
  replayResync: 25,
};

export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly of: number;
  readonly note?: string;
}

export interface MainJobOptions {
  readonly seed: number;
  /** The run folder. */
  readonly out: string;
  readonly command?: string;
  readonly config?: Partial<MainJobConfig>;
  /** The agent's planner; default `cemDefaults`. */
  readonly planner?: CemConfig;
  readonly onProgress?: (progress: Progress) => void;
}

export interface MainJobResult {
  readonly seed: number;
  /** Control steps of physics that anything was learned from. */
  readonly realSteps: number;
  readonly trueReturns: readonly number[];
  readonly imaginedReturns: readonly number[];
  readonly randomReturns: readonly number[];
  /** Of the agent, one lane, mean over the last episode collected. */
  readonly decision_ms: number;
  readonly seconds: number;
  readonly modelFolder: string;
  readonly reportFile: string;
  readonly report: GapReport;
}

/** State of a job under way. */
interface Job {
  readonly task: AnyTask;
  readonly config: MainJobConfig;
  readonly seed: number;
  readonly out: string;
  readonly planner: CemConfig;
  /** All that was learned from; empty until then. */
  transitions: Transitions;
  /** Mean reward a step of each episode collected, by real steps. */
  readonly rewards: { steps: number; value: number }[];
  readonly losses: { update: number; loss: number }[];
  readonly report: (progress: Progress) => void;
  readonly metrics: (line: Readonly<Record<string, unknown>>) => void;
  decision_ms: number;
}

export async function runMainJob(options: MainJobOptions): Promise<MainJobResult> {
  const started_ms = performance.now();
  const config: MainJobConfig = { ...mainJobDefaults, ...options.config };
  const description = await describeRun({
    command: options.command ?? 'groundtwin demo',
    seeds: [options.seed],
    config: { ...config, planner: options.planner ?? cemDefaults },
  });
  const job = begin(options, config, description);
  const { trained, model } = await learn(job);
  const check = await checkOverSocket(job, model);
  const imagined = await dream(job, model);
  const heldOut = transitionsOf(job.task, check.agent);
  writeTransitions(join(job.out, 'held-out.bin'), job.task, heldOut);
  const report = await gap(job, model, heldOut, check, imagined, description);
  await keepTrust(job, trained, model, heldOut, report);
  const page = await picture(job, model, heldOut, report, check);
  writeFileAtomically(join(job.out, 'gap.json'), `${JSON.stringify(report, null, 1)}\n`);
  writeFileAtomically(join(job.out, 'report.html'), page);
  await model.close();
  const result = {
    seed: options.seed,
    realSteps: job.transitions.count,
    trueReturns: Array.from(check.agent.returns),
    imaginedReturns: Array.from(imagined.returns),
    randomReturns: Array.from(check.random.returns),
    decision_ms: job.decision_ms,
    seconds: (performance.now() - started_ms) / 1000,
    modelFolder: join(job.out, 'model'),
    reportFile: join(job.out, 'report.html'),
  };
  writeFileAtomically(
    join(job.out, 'main-job.json'),
    `${JSON.stringify({ ...result, verdict: report.verdict, finalLoss: trained.losses.at(-1)?.loss }, null, 1)}\n`,
  );
  return { ...result, report };
}

function begin(options: MainJobOptions, config: MainJobConfig, description: RunDescription): Job {
  const task = registry.task(config.task);
  const lines: string[] = [];
  writeFileAtomically(join(options.out, 'config.json'), `${JSON.stringify(description, null, 1)}\n`);
  return {
    task,
    config,
    seed: options.seed,
    out: options.out,
    planner: options.planner ?? cemDefaults,
    transitions: new TransitionRecorder(task).transitions(),
    rewards: [],
    losses: [],
    report: options.onProgress ?? (() => {}),
    metrics: (line) => {
      lines.push(JSON.stringify(line));
      writeFileAtomically(join(options.out, 'metrics.jsonl'), `${lines.join('\n')}\n`);
    },
    decision_ms: 0,
  };
}

/** Explores, then learns and acts in turns; then learns once more, longer. */
async function learn(job: Job): Promise<{ trained: TrainedModel; model: WorldModel }> {
  const { task } = job;
  const env = await registry.makeVector(task.id, { lanes: 1 });
  const { model, transitions } = await trainPets(env, task, cem(job.planner), job.config.training, job.seed, nodeRuntime(), {
    fit: (fit, hooks) => fitInChild({ url: rootBeside('worker') }, fit, hooks),
    clock_ms: () => performance.now(),
    onStage: job.report,
    onProgress: (progress) => {
      job.decision_ms = progress.decision_ms;
      job.rewards.push({ steps: progress.steps, value: progress.return / progress.length });
      job.metrics({ event: 'round', ...progress });
    },
  }).finally(() => env.close());
  job.losses.push(...model.losses);
  job.metrics({
    event: 'model',
    updates: model.losses.at(-1)?.update,
    finalLoss: model.losses.at(-1)?.loss,
    transitions: transitions.count,
  });
  writeTransitions(join(job.out, 'training.bin'), task, transitions);
  job.transitions = transitions;
  writeModel(join(job.out, 'model'), model.manifest, model.predict);
  return { trained: model, model: await registry.loadModel(task.id, join(job.out, 'model')) };
}

interface Check {
  readonly agent: Evaluation;
  readonly random: Evaluation;
}

/** The agent, planning in the model alone, acts on physics that it reaches only through a socket. */
async function checkOverSocket(job: Job, model: WorldModel): Promise<Check> {
  const { task, config } = job;
  const lanes = config.evaluationStarts;
  const clock = clockFrom(() => performance.now());
  const server = await serve({ ...serverParts(registry), clock });
  try {
    const client = await connect({ url: server.url, token: server.token!, clock });
    const play = async (policy: Policy, stage: string) => {
      const env = await client.make(task.id, { lanes });
      const evaluation = await evaluate(env, policy, {
        seed: EVALUATION_SEED,
        policySeed: job.seed,
        maxSteps: task.horizon,
        onStep: (step) => job.report({ stage, done: step, of: task.horizon }),
      });
      await env.close();
      return evaluation;
    };
    const agent = await play(
      planningPolicy(inModel(task, model, lanes), cem(job.planner)),
      `check on physics over WebSocket, ${lanes} fresh starts`,
    );
    const random = await play(randomPolicy(task.actionSpace, lanes), 'random agent, same starts');
    await client.close();
    job.metrics({ event: 'check', returns: Array.from(agent.returns), random: Array.from(random.returns) });
    return { agent, random };
  } finally {
    await server.close();
  }
}

/** The same agent on the first of the same starts, but inside the model. */
async function dream(job: Job, model: WorldModel): Promise<Evaluation> {
  const { task, config } = job;
  const lanes = Math.min(config.imaginedStarts, config.evaluationStarts);
  const env = new SyncVectorEnv(await registry.imagined(task.id, model, lanes), { wrappers: [timeLimit(task.horizon)], entropy: () => 0 });
  return evaluate(env, planningPolicy(inModel(task, model, lanes), cem(job.planner)), {
    seed: EVALUATION_SEED,
    policySeed: job.seed,
    maxSteps: task.horizon,
    onStep: (step) => job.report({ stage: `the same agent inside the model, ${lanes} starts`, done: step, of: task.horizon }),
  });
}

async function gap(
  job: Job,
  model: WorldModel,
  heldOut: Transitions,
  check: Check,
  imagined: Evaluation,
  description: RunDescription,
): Promise<GapReport> {
  const truth = await registry.truth(job.task.id, 16);
  const subject = modelSubject(job.task, model);
  const report = await runGap({
    truth,
    subject,
    heldOut,
    training: job.transitions,
    returns: {
      imagined: imagined.returns,
      truth: check.agent.returns.subarray(0, imagined.returns.length),
      expert: mean(check.agent.returns),
      random: mean(check.random.returns),
    },
    metadata: {
      ...metadataOf(description),
      task: job.task.id,
      model: model.manifest.name,
      dataHash: transitionsHash(heldOut),
      controlDt_s: job.task.controlDt_s,
      trainingSteps: job.transitions.count,
      hashes: { model: model.fingerprint, code: codeHash() },
    },
    rng: new Rng(job.seed, 1),
    onProgress: (stage, done, of) => job.report({ stage: `gap: ${stage}`, done, of }),
  });
  await truth.close();
  const conditioned = { task: job.task, names: [], ranges: undefined };
  const who = { model: join(job.out, 'model'), subject: undefined, data: undefined };
  const worst = await keepWorst({ report, conditioned, subject, engine: await rapierEngine(), heldOut, out: job.out, who });
  return { ...report, worst };
}

/** The model's manifest learns how far it may be trusted. */
async function keepTrust(job: Job, { manifest, predict }: TrainedModel, model: WorldModel, heldOut: Transitions, report: GapReport) {
  const truth = await registry.truth(job.task.id);
  const training = job.transitions;
  const known = horizonAlone(report.trust);
  try {
    const trust = await measureTrust({ truth, model, training, heldOut, known, rng: new Rng(job.seed, 2) });
    writeModel(join(job.out, 'model'), { ...manifest, trust }, predict);
  } finally {
    await truth.close();
  }
}

/** What a gap report says of the run that made it. */
export function metadataOf({ command, seeds, versions, machine, date }: RunDescription) {
  return { command, seeds, versions, machine, date };
}

async function picture(job: Job, model: WorldModel, heldOut: Transitions, report: GapReport, check: Check): Promise<string> {
  const { task } = job;
  const truth = await registry.truth(task.id, 1);
  const inDream = await registry.imagined(task.id, model, 1);
  const replay = await replayOf({
    task,
    engine: await rapierEngine(),
    truth,
    dream: inDream,
    heldOut,
    resyncEvery: job.config.replayResync,
    scale: predictedScale(task, heldOut),
    predicted: elementsWithRole(layOut(task.state), 'dynamic', 'signal'),
    mostSteps: task.horizon,
  });
  await truth.close();
  return renderReport({
    ...report,
    title: `${task.id}: a learned world against physics`,
    replay,
    training: curvesOf(job, check),
    jsonFile: 'gap.json',
  });
}

function curvesOf(job: Job, check: Check): TrainingCurves {
  const aStep = (returns: Float64Array) => mean(returns) / job.task.horizon;
  return {
    returns: [
      { name: 'mean reward a step, by episode', x: job.rewards.map(({ steps }) => steps), y: job.rewards.map(({ value }) => value) },
    ],
    references: [
      { name: 'random agent', value: aStep(check.random.returns) },
      { name: 'final agent', value: aStep(check.agent.returns) },
    ],
    losses: [{ name: 'training loss, last fit', x: job.losses.map(({ update }) => update), y: job.losses.map(({ loss }) => loss) }],
  };
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}
