/** One subject of known worth under the everyday suite, with fewer starts than for a verdict on a model. */
import { transitionsHash } from '../../src/data/transitions.ts';
import {
  type Axis,
  agentAxisOf,
  causalDefaults,
  causalityWith,
  type GapSettings,
  negativeControls,
  plausibilityWith,
  predictionAxisOf,
  predictionDefaults,
  runGap,
} from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { paddleBalls } from './paddle-balls.ts';
import { type RecordedTrial, type Trial, trialSeeds } from './trial.ts';
import { logOf } from './trial-logs.ts';
import { subjectOf } from './trial-subjects.ts';

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
  const task = trial.env === paddleBalls.id ? paddleBalls : registry.task(trial.env);
  const [heldOut, training] = [await logOf(task, 2 * trial.seed, LOGGED_STEPS), await logOf(task, 2 * trial.seed + 1, LOGGED_STEPS)];
  const truth = await registry.truth(task, 16);
  const subject = await subjectOf(task, trial.subject, heldOut, trial.seed);
  const list = axesOf(trial);
  try {
    const { rows } = await runGap({
      truth,
      subject,
      axes: { list, engine: await rapierEngine() },
      heldOut,
      training,
      settings: { ...settings, samples: subject.model && subject.model.manifest.noise.size > 0 ? settings.samples : 1 },
      metadata: {
        task: task.id,
        model: subject.name,
        command: 'node --import tsx bench/gap/main.ts',
        seeds: [trial.seed],
        versions: {},
        machine: '',
        date: '',
        dataHash: transitionsHash(heldOut),
        controlDt_s: task.controlDt_s,
      },
      rng: new Rng(trial.seed),
    });
    const kept = rows.map(({ id, title, horizon, measured, low, high, verdict, reason }) => {
      const row = { id, title, measured, low, high, verdict };
      return { ...row, ...(horizon === undefined ? {} : { horizon }), ...(reason === undefined ? {} : { reason }) };
    });
    return { rows: kept, seconds: (performance.now() - began) / 1000 };
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
