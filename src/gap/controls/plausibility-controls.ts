/** Models that break physics: each predicts well but for one thing that cannot be. */
import type { Dynamics } from '../../core/dynamics.ts';
import { elementDifference, type Kind, layOut, wrapAngle } from '../../core/state-spec.ts';
import type { AnyTask } from '../../task/task.ts';
import { TaskEnv } from '../../task/task-env.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { WorldModel } from '../../world-model/world-model.ts';
import { CommandedPhysics } from '../commanded-physics.ts';
import { elementsOf } from '../paired-rollouts.ts';
import { inChangedScene, withoutContacts } from '../plausibility/changed-scene.ts';
import type { Subject } from '../subject.ts';
import { deviating, refuseControl, withChangedPhysics } from './changed-physics.ts';
import { type Control, type ControlParts, rowOf, wrapped } from './control.ts';
import { memoriser } from './memoriser.ts';

const DEGREES = 180 / Math.PI;
/** Steps in which a body that vanishes at severity 1 does so. */
const VANISHING_SHARE = 0.1;

const isPosition = (kind: Kind) => kind === 'length' || kind === 'angle';
const isVelocity = (kind: Kind) => kind === 'velocity' || kind === 'angularVelocity';

export const plausibilityControls = {
  'gravity-half': {
    summary: 'predicts as if gravity were weaker by the severity, everything else right',
    severity: 0.5,
    killedBy: 'P4',
    // What hinges hold never falls freely. P2 sees it on a pendulum, but not on a cart whose pole weighs a tenth of it.
    elsewhere: 'H1',
    wrap: weakerGravity,
  },
  'energy-gain': {
    summary: 'adds a share of its kinetic energy, the severity, in every step',
    severity: 0.05,
    killedBy: 'P2',
    wrap: (model, severity, { task }) =>
      changed(model, 'energy-gain', severity, task, (kind, _now, next) => (isVelocity(kind) ? next * Math.sqrt(1 + severity) : next)),
  },
  'ghost-collision': {
    summary: 'bodies pass through each other: a share of every contact, the severity, does not happen',
    severity: 1,
    killedBy: 'P1',
    wrap: (model, severity, { task, engine }) =>
      deviating(
        model,
        'ghost-collision',
        severity,
        severity,
        new CommandedPhysics(task, engine),
        new CommandedPhysics(inChangedScene(task, withoutContacts), engine),
      ),
  },
  'vanishing-body': {
    summary: `all positions read 0 after a share of steps, ${VANISHING_SHARE} of the severity`,
    severity: 1,
    killedBy: 'P5',
    wrap: (model, severity, { task }) =>
      changed(model, 'vanishing-body', severity, task, (kind, _now, next, chance) =>
        isPosition(kind) && chance < VANISHING_SHARE * severity ? 0 : next,
      ),
  },
  'degrees-for-radians': {
    summary: 'angles change by degrees where radians are meant; of the excess, a share of the severity',
    severity: 1,
    killedBy: 'P5',
    wrap: (model, severity, { task }) => {
      if (!predictedEntries(task).some(({ kind }) => kind === 'angle'))
        refuseControl('degrees-for-radians', 'used on a task whose state has angles');
      return changed(model, 'degrees-for-radians', severity, task, (kind, now, next) =>
        kind === 'angle' ? now + wrapAngle(next - now) * (1 + severity * (DEGREES - 1)) : next,
      );
    },
  },
  'unnormalised-quaternion': {
    summary: 'quaternions are longer than 1 by the severity',
    severity: 1,
    killedBy: 'P5',
    alter: longerQuaternions,
  },
  'wrong-dt': {
    summary: 'goes on by a step that is shorter than it should be, by a share of the severity',
    severity: 0.5,
    killedBy: 'P4',
    // A hopper's steps of 8 ms hide it from P5; those of 40 and 50 ms of what never falls do not.
    elsewhere: 'P5',
    wrap: (model, severity, { task }) =>
      changed(model, 'wrong-dt', severity, task, (kind, now, next) => now + (1 - severity) * elementDifference(kind, next, now)),
  },
  memoriser: {
    summary: 'answers with what followed the most similar of 512 moments of random play, by a share of the severity',
    severity: 1,
    killedBy: 'P6',
    wrap: memoriser,
  },
} as const satisfies Readonly<Record<string, Control>>;

/** @param next - of one element, from its value now. @param chance - in [0, 1), the same for all elements of a row; another for another state. */
type Change = (kind: Kind, now: number, next: number, chance: number) => number;

function changed(model: WorldModel, name: string, severity: number, task: AnyTask, change: Change): WorldModel {
  const elements = elementsOf(predictedEntries(task));
  return wrapped(model, name, severity, async (input) => {
    const prediction = await model.predict(input);
    for (let row = 0; row < input.rows; row++) {
      const now = rowOf(input.state, row, input.rows);
      const chance = chanceOf(now);
      for (const said of new Set([prediction.sample, prediction.mean ?? prediction.sample])) {
        const next = rowOf(said, row, input.rows);
        for (const { kind, index } of elements) next[index] = change(kind, now[index]!, next[index]!, chance);
      }
    }
    return prediction;
  });
}

/** FNV-1a of a state's bits, as a number in [0, 1). */
function chanceOf(state: Float32Array): number {
  let hash = 2166136261;
  for (const byte of new Uint8Array(state.slice().buffer)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash / 2 ** 32;
}

function weakerGravity(model: WorldModel, severity: number, parts: ControlParts): WorldModel {
  if (parts.task.params.gravity_mps2 === undefined) return refuseControl('gravity-half', 'used on a task with a parameter gravity_mps2');
  return withChangedPhysics(model, 'gravity-half', severity, parts, (params) => ({
    ...params,
    gravity_mps2: params.gravity_mps2! * (1 - severity),
  }));
}

/** What a model says is made a rotation before anybody sees it: this breaks it behind that, so truth and models alike. */
function longerQuaternions(subject: Subject, severity: number): Subject {
  const name = `${subject.name}, broken:unnormalised-quaternion@${severity}`;
  const { model } = subject;
  return {
    ...subject,
    ...(model ? { model: wrapped(model, 'unnormalised-quaternion', severity, (input) => model.predict(input)) } : {}),
    name,
    open: async (lanes) => {
      const { task, dynamics } = await subject.open(lanes);
      return new TaskEnv(task, stretching(task, dynamics, 1 + severity), lanes);
    },
  };
}

function stretching(task: AnyTask, inner: Dynamics, factor: number): Dynamics {
  const spec = layOut(task.state);
  const elements = spec.entries
    .filter(({ kind }) => kind === 'quaternion')
    .flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
  return {
    kind: inner.kind,
    fingerprint: `${inner.fingerprint} longer quaternions`,
    start: (...given) => inner.start(...given),
    async advance(rows, active) {
      await inner.advance(rows, active);
      for (let lane = 0; lane < rows.lanes; lane++)
        if (active[lane]) for (const element of elements) rows.next[lane * spec.size + element]! *= factor;
    },
    save: (lane) => inner.save(lane),
    load: (...given) => inner.load(...given),
    close: () => inner.close(),
  };
}
