/** One subject of known worth under the everyday suite, with fewer starts than for a verdict on a model. */
import { episodesOf } from '../../src/data/episode-transitions.ts';
import { type Transitions, transitionsHash } from '../../src/data/transitions.ts';
import { agentAxisOf } from '../../src/gap/agent/agent-axis.ts';
import type { Axis } from '../../src/gap/axis.ts';
import { causalDefaults } from '../../src/gap/causality/branches.ts';
import { causalityWith } from '../../src/gap/causality/causality-axis.ts';
import type { GapReport } from '../../src/gap/gap-report.ts';
import { logDefaults } from '../../src/gap/log/measure-log.ts';
import { observationPlayer } from '../../src/gap/log/observation-player.ts';
import { recordedObservations } from '../../src/gap/log/recorded.ts';
import { runLogGap } from '../../src/gap/log/run-log-gap.ts';
import type { GapMetadata } from '../../src/gap/measurements.ts';
import { negativeControls } from '../../src/gap/negative-controls.ts';
import { plausibilityWith } from '../../src/gap/plausibility/plausibility-axis.ts';
import { predictionAxisOf, predictionDefaults } from '../../src/gap/prediction/prediction-axis.ts';
import { type GapSettings, runGap } from '../../src/gap/run-gap.ts';
import { Rng } from '../../src/math/rng.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { type RecordedTrial, type Trial, trialSeeds } from './trial.ts';
import { logOf } from './trial-logs.ts';
import { recurrentOf, subjectOf } from './trial-subjects.ts';
import { taskOf, truthOf } from './trial-task.ts';

const settings: GapSettings = {
  starts: 96,
  horizon: 40,
  samples: 20,
  counterfactualStarts: 32,
  alternatives: 8,
  counterfactualHorizon: 10,
};

/** Control steps that are logged. */
const LOGGED_STEPS = 2400;

export async function playTrial(trial: Trial): Promise<Pick<RecordedTrial, 'rows' | 'seconds'>> {
  const began = performance.now();
  const { rows } = trial.subject === 'recurrent' ? await againstLog(trial) : await againstPhysics(trial);
  const kept = rows.map(({ id, title, horizon, measured, low, high, verdict, reason }) => {
    const row = { id, title, measured, low, high, verdict };
    return { ...row, ...(horizon === undefined ? {} : { horizon }), ...(reason === undefined ? {} : { reason }) };
  });
  return { rows: kept, seconds: (performance.now() - began) / 1000 };
}

function metadataOf(task: AnyTask, model: string, { seed }: Trial, heldOut: Transitions): GapMetadata {
  return {
    task: task.id,
    model,
    command: 'node --import tsx bench/gap/main.ts',
    seeds: [seed],
    versions: {},
    machine: '',
    date: '',
    dataHash: transitionsHash(heldOut),
    controlDt_s: task.controlDt_s,
  };
}

/** A model that knows no state is held against what was seen: it cannot be put anywhere. */
async function againstLog(trial: Trial): Promise<GapReport> {
  const { seed } = trial;
  const task = await taskOf(trial.env);
  const heldOut = await logOf(task, 2 * seed, LOGGED_STEPS);
  const model = await recurrentOf(task, seed);
  const recorded = recordedObservations(task, episodesOf(task, heldOut), 'held-out episodes');
  try {
    return await runLogGap({
      path: 'held-out episodes',
      recorded,
      player: observationPlayer(task, model, recorded),
      claims: true,
      tests: Object.values(axesOf(trial)).flatMap(({ tests }) => tests),
      settings: { ...logDefaults, samples: settings.samples },
      metadata: metadataOf(task, model.manifest.name, trial, heldOut),
      rng: new Rng(seed),
    });
  } finally {
    await model.close();
  }
}

async function againstPhysics(trial: Trial): Promise<GapReport> {
  const { seed } = trial;
  const task = await taskOf(trial.env);
  const [heldOut, training] = [await logOf(task, 2 * seed, LOGGED_STEPS), await logOf(task, 2 * seed + 1, LOGGED_STEPS)];
  const engine = await rapierEngine();
  const truth = truthOf(task, engine, 16);
  const subject = await subjectOf(task, trial.subject, heldOut, seed);
  try {
    return await runGap({
      truth,
      subject,
      axes: { list: axesOf(trial), engine },
      heldOut,
      training,
      settings: { ...settings, samples: subject.model && subject.model.manifest.noise.size > 0 ? settings.samples : 1 },
      metadata: metadataOf(task, subject.name, trial, heldOut),
      rng: new Rng(seed),
    });
  } finally {
    await truth.close();
    await subject.close();
  }
}

/** All with the first seed, and of what is sound; with other seeds the axis of the row that is to fail, since the others tell no more of a control. */
function axesOf({ subject, seed }: Trial): readonly Axis[] {
  const axes = {
    P: plausibilityWith({ starts: 48, horizon: 40, copies: 4 }),
    C: causalityWith({ ...causalDefaults, starts: 48 }),
    H: predictionAxisOf({ ...predictionDefaults, starts: 96, longStarts: 48 }),
    A: agentAxisOf(subject === 'broken:reward-hole' ? { deep: {} } : {}),
  };
  const control = negativeControls[subject.replace(/^broken:/, '')];
  if (!control || seed === trialSeeds[0]) return Object.values(axes);
  const letters = [control.killedBy, control.elsewhere ?? ''].map((id) => id.charAt(0));
  return Object.entries(axes).flatMap(([letter, axis]) => (letters.includes(letter) ? [axis] : []));
}
