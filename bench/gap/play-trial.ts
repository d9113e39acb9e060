/** One subject of known worth under the everyday suite, with fewer starts than for a verdict on a model. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onnxPolicy } from '../../agents/index.ts';
import type { Policy } from '../../src/core/policy.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder, type Transitions, transitionsHash } from '../../src/data/transitions.ts';
import {
  type Axis,
  agentAxisOf,
  breakSubject,
  Committee,
  causalDefaults,
  causalityWith,
  doubting,
  envSubject,
  type GapSettings,
  modelSubject,
  negativeControls,
  plausibilityWith,
  predictedScale,
  predictionAxisOf,
  predictionDefaults,
  runGap,
  type Subject,
  TruthModel,
} from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import type { Box } from '../../src/spaces/space.ts';
import type { AnyTask, Params } from '../../src/task/task.ts';
import { root } from '../machine.ts';
import { type RecordedTrial, type Trial, trialSeeds } from './trial.ts';

const settings: GapSettings = {
  starts: 96,
  horizon: 40,
  samples: 20,
  counterfactualStarts: 32,
  alternatives: 8,
  counterfactualHorizon: 10,
};

/** Of each element's spread, in a step: what a good model errs by, and twice that with the noise that it states. P6 allows five sensor noises, 2.5e-3. */
const GOOD_ERROR = 1e-3;
/** Of parameters, with signs in turn. */
const OFF = 0.02;
/** Control steps that are logged, and at most in an episode. */
const LOGGED = { steps: 2400, episode: 200 } as const;

export async function playTrial(trial: Trial): Promise<Pick<RecordedTrial, 'rows' | 'seconds'>> {
  const began = performance.now();
  const task = registry.task(trial.env);
  const [heldOut, training] = [await logOf(task, 2 * trial.seed), await logOf(task, 2 * trial.seed + 1)];
  const truth = await registry.truth(task, 16);
  const subject = await subjectOf(task, trial.subject, heldOut);
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

async function subjectOf(task: AnyTask, name: string, logged: Transitions): Promise<Subject> {
  const engine = await rapierEngine();
  const deviation = predictedScale(task, logged).map((spread) => GOOD_ERROR * spread);
  if (name === 'truth') return envSubject(name, task, (lanes) => registry.truth(task, lanes));
  if (name === 'exact') return modelSubject(task, new TruthModel(task, engine));
  if (name === 'off-by-2-percent') return modelSubject(task, new TruthModel(task, engine, { changed: slightlyOff }));
  if (name === 'doubting') return modelSubject(task, doubting(new TruthModel(task, engine), deviation));
  // Those that know nothing of their doubt must have had something to know.
  const whole =
    name === 'broken:uninformed-doubt'
      ? new Committee([1, -1].map((sign) => new TruthModel(task, engine, { changed: (params) => slightlyOff(params, 5 * sign) })))
      : /confident/.test(name)
        ? doubting(new TruthModel(task, engine), deviation)
        : new TruthModel(task, engine);
  return breakSubject(name, modelSubject(task, whole), { task, engine, logged });
}

function slightlyOff(params: Params, times = 1): Params {
  return Object.fromEntries(Object.entries(params).map(([name, value], i) => [name, value * (1 + (i % 2 === 0 ? OFF : -OFF) * times)]));
}

/** Episodes of the reference policy, each with more or less of what is done at random, from nothing to everything. */
async function logOf(task: AnyTask, seed: number): Promise<Transitions> {
  const env = await registry.truth(task, 1);
  const runtime = nodeRuntime();
  const outer = await registry.makeVector(task.id, { lanes: 1 });
  const reference = await onnxPolicy(runtime, readFileSync(join(root, 'bench', 'results', 'references', `${task.id}.onnx`)), outer);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(seed, 7);
  const policy = partlyRandom(task.actionSpace as Box, reference, rng);
  for (let episode = 0, done = 0; done < LOGGED.steps; episode++)
    done += (await recordEpisode(env, policy, recorder, { seed: rng.uint32(), maxSteps: LOGGED.episode, episode })).steps;
  await reference.close();
  await outer.close();
  await env.close();
  return recorder.transitions();
}

/** Random actions are held for some steps, which moves a mechanism further than white noise. */
function partlyRandom(space: Box, reference: Policy, rng: Rng): Policy {
  const action = new Float32Array(space.low.length);
  const random = new Float32Array(action.length);
  let [share, step] = [0, 0];
  return {
    name: 'reference and random',
    reset(seed) {
      reference.reset(seed);
      [share, step] = [rng.uniform(), 0];
    },
    async act(observation) {
      const wanted = (await reference.act(observation)) as Float32Array;
      if (step++ % 3 === 0) for (const i of random.keys()) random[i] = rng.uniform(space.low[i]!, space.high[i]!);
      for (const i of action.keys()) action[i] = (1 - share) * wanted[i]! + share * random[i]!;
      return action;
    },
  };
}
