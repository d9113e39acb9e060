/** A running truth watched for hours, and changed under a running twin. */
import { RecentTransitions } from '../../src/data/recent-transitions.ts';
import type { Transitions } from '../../src/data/transitions.ts';
import { measureTrust } from '../../src/gap/index.ts';
import { nodeRuntime, registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { rowOf, type Values } from '../../src/spaces/space.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { DriftMonitor } from '../../src/twin/drift-monitor.ts';
import { blockSteps, poissonBound, tailRate } from '../../src/twin/drift-statistic.ts';
import type { TwinEnv } from '../../src/twin/twin-env.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { learnedModel } from '../learned-model.ts';
import { type DriftTask, driftAgent } from './drift-agents.ts';

type Params = Readonly<Record<string, number>>;

/** A truth, and what may happen to it. */
export interface DriftCase {
  readonly id: DriftTask;
  /** Other than the task's own. */
  readonly params: Params;
  readonly changes: Readonly<Record<string, Params>>;
}

export interface DriftSize {
  readonly trainingEpisodes: number;
  readonly heldOutEpisodes: number;
  readonly updates: number;
  /** Simulated hours of undisturbed running. */
  readonly hours: number;
  /** Times a change is made, a model. */
  readonly trials: number;
}

/** Of the exploration noise: a model is trained on a wider one than it is used at. */
const trainingNoise = 0.25;
const usualNoise = 0.15;
/** What monitors are calibrated for: well below what is claimed, since the claim is held by an upper bound on other hours. */
const wantedFalseAlarms = 0.002;
const lanes = 64;

/** One step of all lanes. */
interface Played {
  readonly env: TaskEnv;
  readonly before: Float64Array;
  readonly actions: Values;
  readonly step: number;
  readonly round: number;
}

/** Plays whole episodes on truth, `lanes` at once, and hands over every step. */
async function play(
  { id, params }: DriftCase,
  noise: number,
  rounds: number,
  seed: number,
  onStep: (played: Played) => void | Promise<void>,
): Promise<void> {
  const env = await registry.truth(id, lanes);
  const agent = driftAgent(id, lanes, noise);
  const rng = new Rng(seed);
  const active = new Uint8Array(lanes).fill(1);
  for (let round = 0; round < rounds; round++) {
    await env.reset({ mask: active, seeds: Float64Array.from(active, () => rng.uint32()), params });
    agent.reset(rng.uint32());
    for (let step = 0; step < env.task.horizon; step++) {
      const before = env.state.slice();
      const actions = await agent.act(env.batch.observation);
      await env.step(actions, active);
      await onStep({ env, before, actions, step, round });
    }
  }
  await env.close();
}

async function record(of: DriftCase, noise: number, episodes: number, seed: number): Promise<Transitions> {
  const task = registry.task(of.id);
  const recent = new RecentTransitions(task, episodes, task.horizon);
  await play(of, noise, Math.ceil(episodes / lanes), seed, ({ env, before, actions, round }) => {
    const row = (values: Float64Array, lane: number) =>
      values.subarray((values.length / lanes) * lane, (values.length / lanes) * (lane + 1));
    for (let lane = 0; lane < lanes && round * lanes + lane < episodes; lane++)
      recent.add(
        round * lanes + lane,
        row(before, lane),
        rowOf(env.actionSpace, actions, lane),
        row(env.commands, lane),
        row(env.state, lane),
      );
  });
  return recent.transitions();
}

/** A model that knows how far it may be trusted. */
export async function watchfulModel(of: DriftCase, size: DriftSize, seed: number): Promise<WorldModel> {
  const task = registry.task(of.id);
  const training = await record(of, trainingNoise, size.trainingEpisodes, 1000 + seed);
  const heldOut = await record(of, usualNoise, size.heldOutEpisodes, 2000 + seed);
  const { model: fresh, trained } = await learnedModel(task, training, { updates: size.updates, seed });
  const truth = await registry.truth(task.id, lanes);
  const trust = await measureTrust({ truth, model: fresh, training, heldOut, rng: new Rng(seed), falseAlarmsPerHour: wantedFalseAlarms });
  await Promise.all([truth.close(), fresh.close()]);
  const { manifest, predict } = trained;
  return openModel(nodeRuntime(), manifest.name, { ...manifest, trust }, predict, task);
}

export interface FalseAlarms {
  readonly threshold: number;
  readonly hours: number;
  /** Blocks of 100 steps in which the sum passed the threshold. */
  readonly alarms: number;
  readonly highest: number;
  /** Upper 95 % bounds of the probability of an alarm in an hour: by the count of alarms alone, and by the tail of the blocks' maxima. */
  readonly byCount: number;
  readonly byTail: number;
}

/** Several models watch the same undisturbed hours of truth. */
export async function falseAlarms(of: DriftCase, models: readonly WorldModel[], hours: number, seed: number): Promise<FalseAlarms[]> {
  const task = registry.task(of.id);
  const hour = 3600 / task.controlDt_s;
  const rounds = Math.ceil((hours * hour) / lanes / task.horizon);
  const active = new Uint8Array(lanes).fill(1);
  const watches = models.map((model) => {
    const { familiarity, drift } = model.manifest.trust!;
    return {
      monitor: new DriftMonitor(task, model, familiarity!, drift!, lanes),
      maxima: [] as number[],
      highest: new Float64Array(lanes),
    };
  });
  await play(of, usualNoise, rounds, seed, async ({ env: { state, commands }, before, step }) => {
    const ends = step === task.horizon - 1 || step % blockSteps === blockSteps - 1;
    for (const { monitor, maxima, highest } of watches) {
      if (step === 0) active.forEach((_, lane) => void monitor.begin(lane));
      await monitor.observe(before, commands, state, active);
      for (let lane = 0; lane < lanes; lane++) highest[lane] = Math.max(highest[lane]!, monitor.columns.statistic[lane]!);
      if (!ends) continue;
      maxima.push(...highest);
      highest.fill(0);
    }
  });
  const steps = rounds * lanes * task.horizon;
  return watches.map(({ monitor: { calibration }, maxima }) => {
    const { threshold } = calibration;
    const alarms = maxima.filter((value) => value >= threshold).length;
    const anHour = (rate: number) => 1 - Math.exp(-rate * hour);
    return {
      threshold,
      hours: steps / hour,
      alarms,
      highest: maxima.reduce((most, value) => Math.max(most, value), 0),
      byCount: anHour(poissonBound(alarms) / steps),
      byTail: anHour(tailRate(maxima, steps, threshold)),
    };
  });
}

/** Steps from a change to its alarm, one a trial, ascending; Infinity where the episode ended first, −1 where the alarm was there before the change. */
export async function delays(of: DriftCase, model: WorldModel, change: Params, trials: number, seed: number): Promise<number[]> {
  const { horizon } = registry.task(of.id);
  const env = await registry.makeVector(of.id, { backend: 'twin', model, drift: true, lanes: trials, copy: false });
  const twin = env.backend as TwinEnv;
  const rng = new Rng(seed);
  // Late enough for the agent to be under way, early enough for 100 steps to be left.
  const moments = Array.from({ length: trials }, () => 10 + rng.integer(horizon - 110));
  const agent = driftAgent(of.id, trials, usualNoise);
  const found = new Float64Array(trials).fill(Number.POSITIVE_INFINITY);
  agent.reset(rng.uint32());
  let { observation } = await env.reset({ seed: rng.uint32(), params: of.params });
  for (let step = 0; step < horizon; step++) {
    for (let trial = 0; trial < trials; trial++) if (moments[trial] === step) await twin.perturb(trial, change);
    ({ observation } = await env.step(await agent.act(observation)));
    const { alarm } = twin.drift!.columns;
    for (let trial = 0; trial < trials; trial++)
      if (alarm[trial] && found[trial] === Number.POSITIVE_INFINITY)
        found[trial] = step < moments[trial]! ? -1 : step - moments[trial]! + 1;
  }
  await env.close();
  return Array.from(found.sort());
}
