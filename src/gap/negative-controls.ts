/**
 * Models broken on purpose: wrappers round any good model that the suite must catch, or its verdicts mean nothing.
 * Each has a severity from 0 (untouched) to 1.
 */

import type { PhysicsEngine } from '../core/physics-world.ts';
import { elementsWithRole, layOut, type MutableStateView, viewsOver } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { paramsOfState } from '../task/condition.ts';
import { PhysicsDynamics } from '../task/physics-dynamics.ts';
import type { AnyTask } from '../task/task.ts';
import type { Prediction, PredictionInput, WorldModel } from '../world-model/world-model.ts';

export interface ControlParts {
  readonly task: AnyTask;
  readonly engine: PhysicsEngine;
}

interface Control {
  readonly summary: string;
  readonly severity: number;
  /** The row that must fail. */
  readonly killedBy: string;
  readonly wrap: (model: WorldModel, severity: number, parts: ControlParts) => WorldModel;
}

/** Controls by name, with the row named to catch each. */
export const negativeControls = {
  'action-blind': {
    summary: 'sees only a share (1 − severity) of every action',
    severity: 1,
    killedBy: 'C1',
    wrap: (model, severity) =>
      wrapped(model, 'action-blind', severity, async (input) =>
        model.predict({ ...input, action: input.action.map((value) => value * (1 - severity)) }),
      ),
  },
  'gravity-half': {
    summary: 'predicts as if gravity were weaker by the severity, everything else right',
    severity: 0.5,
    killedBy: 'H1',
    wrap: weakerGravity,
  },
  overconfident: {
    summary: 'claims a share (1 − severity) of its noise, and asks one member only',
    severity: 0.9,
    killedBy: 'H4',
    wrap: (model, severity) => wrapped(model, 'overconfident', severity, (input) => withoutDoubt(model, severity, input)),
  },
} as const satisfies Readonly<Record<string, Control>>;

export type ControlName = keyof typeof negativeControls;

/**
 * Reads `broken:<name>` or `broken:<name>@<severity>` and breaks the model.
 * @throws OPTION_INVALID for an unknown name or a severity outside (0, 1].
 */
export function breakModel(subject: string, model: WorldModel, parts: ControlParts): WorldModel {
  const [, name, severityText] = /^broken:([a-z-]+)(?:@(.+))?$/.exec(subject) ?? [];
  const control: Control | undefined = Object.hasOwn(negativeControls, name ?? '') ? negativeControls[name as ControlName] : undefined;
  if (!control)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'gap',
      option: 'subject',
      value: subject.slice(0, 100),
      allowed: `'model' or broken:${Object.keys(negativeControls).join(', broken:')}, with @severity if wanted`,
    });
  const severity = severityText === undefined ? control.severity : Number(severityText);
  if (!(severity > 0 && severity <= 1))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'gap',
      option: 'subject',
      value: subject.slice(0, 100),
      allowed: 'a severity above 0 and at most 1',
    });
  return control.wrap(model, severity, parts);
}

/** It takes no shares: that all blocks are of one length makes it simple to break. */
function wrapped(
  model: WorldModel,
  name: string,
  severity: number,
  predict: (input: PredictionInput) => Promise<Prediction>,
  close?: () => void,
): WorldModel {
  return {
    manifest: { ...model.manifest, name: `${model.manifest.name}, broken:${name}@${severity}` },
    fingerprint: sha256Hex(`${model.fingerprint} ${name} ${severity}`),
    predict,
    async close() {
      close?.();
      await model.close();
    },
  };
}

/** Every row is answered by member 0, a block at a time, and its noise shrunk. */
async function withoutDoubt(model: WorldModel, severity: number, input: PredictionInput): Promise<Prediction> {
  const { members } = model.manifest;
  const tile = input.rows / members;
  const blocks: Prediction[] = [];
  for (let block = 0; block < members; block++) {
    const answer = await model.predict(firstBlock(input, block, tile));
    blocks.push(shrunk(answer, severity, tile, input.rows));
  }
  return joined(blocks);
}

function firstBlock(input: PredictionInput, block: number, tile: number): PredictionInput {
  const move = (values: Float32Array) => {
    const width = values.length / input.rows;
    const moved = new Float32Array(values.length);
    moved.set(values.subarray(block * tile * width, (block + 1) * tile * width));
    return moved;
  };
  return {
    rows: input.rows,
    state: move(input.state),
    action: move(input.action),
    context: move(input.context),
    noise: move(input.noise),
    memory: move(input.memory),
  };
}

function shrunk({ sample, mean, scale, memory }: Prediction, severity: number, tile: number, rows: number): Prediction {
  const cut = (values: Float32Array) => values.slice(0, (values.length / rows) * tile);
  const centre = mean ?? sample;
  return {
    sample: cut(sample.map((value, i) => centre[i]! + (value - centre[i]!) * (1 - severity))),
    mean: cut(centre),
    ...(scale ? { scale: cut(scale.map((value) => value * (1 - severity))) } : {}),
    ...(memory ? { memory: cut(memory) } : {}),
  };
}

function joined(blocks: readonly Prediction[]): Prediction {
  const join = (part: keyof Prediction) => {
    const pieces = blocks.map((block) => block[part]).filter((piece) => piece !== undefined);
    const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    pieces.reduce((at, piece) => {
      whole.set(piece, at);
      return at + piece.length;
    }, 0);
    return whole;
  };
  const first = blocks[0]!;
  return {
    sample: join('sample'),
    ...(first.mean ? { mean: join('mean') } : {}),
    ...(first.scale ? { scale: join('scale') } : {}),
    ...(first.memory ? { memory: join('memory') } : {}),
  };
}

/** Adds to each prediction what weaker gravity changes in the engine, from the same state under the same command. */
function weakerGravity(model: WorldModel, severity: number, { task, engine }: ControlParts): WorldModel {
  if (task.params.gravity_mps2 === undefined)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'gap',
      option: 'subject',
      value: 'broken:gravity-half',
      allowed: 'used on a task with a parameter gravity_mps2',
    });
  const right = new CommandedPhysics(task, engine, 1);
  const weak = new CommandedPhysics(task, engine, 1 - severity);
  const predict = async (input: PredictionInput) => {
    const prediction = await model.predict(input);
    const size = input.state.length / input.rows;
    for (let row = 0; row < input.rows; row++) {
      const [state, context, command] = [input.state, input.context, input.action].map((values) => rowOf(values, row, input.rows));
      const [a, b] = [right.next(state!, context!, command!), weak.next(state!, context!, command!)];
      for (let i = 0; i < size; i++) {
        const at = row * size + i;
        const change = b[i]! - a[i]!;
        prediction.sample[at] = prediction.sample[at]! + change;
        if (prediction.mean) prediction.mean[at] = prediction.mean[at]! + change;
      }
    }
    return prediction;
  };
  return wrapped(model, 'gravity-half', severity, predict, () => {
    right.close();
    weak.close();
  });
}

function rowOf(values: Float32Array, row: number, rows: number): Float32Array {
  const width = values.length / rows;
  return values.subarray(row * width, (row + 1) * width);
}

/** One control step of physics, with a share of its gravity, from a given state under a given command. */
class CommandedPhysics {
  private readonly task: AnyTask;
  private readonly dynamics: PhysicsDynamics;
  private readonly gravityShare: number;
  private readonly predicted: Int32Array;
  private readonly context: Int32Array;
  private readonly state: Float64Array;
  private readonly next_: Float64Array;
  private readonly command: Float64Array;
  private readonly stateView: MutableStateView;
  private readonly nextViews: readonly MutableStateView[];
  private readonly active = Uint8Array.of(1);
  private readonly out: Float64Array;

  constructor(task: AnyTask, engine: PhysicsEngine, gravityShare: number) {
    const spec = layOut(task.state);
    this.task = task;
    this.dynamics = new PhysicsDynamics(task, engine);
    this.gravityShare = gravityShare;
    this.predicted = elementsWithRole(spec, 'dynamic', 'signal');
    this.context = elementsWithRole(spec, 'context');
    this.state = new Float64Array(spec.size);
    this.next_ = new Float64Array(spec.size);
    this.command = new Float64Array(task.commands.length);
    this.stateView = viewsOver(task.state, this.state, 1)[0]!;
    this.nextViews = viewsOver(task.state, this.next_, 1);
    this.out = new Float64Array(this.predicted.length);
  }

  /** @param state - predicted elements. @param context - those of the context. @returns predicted elements one control step later; reused. */
  next(state: Float32Array, context: Float32Array, command: Float32Array): Float64Array {
    this.predicted.forEach((element, i) => {
      this.state[element] = state[i]!;
    });
    this.context.forEach((element, i) => {
      this.state[element] = context[i]!;
    });
    this.command.set(command);
    const params = paramsOfState(this.task, this.stateView, this.task.params);
    this.dynamics.start(0, this.state, this.stateView, { ...params, gravity_mps2: params.gravity_mps2! * this.gravityShare });
    this.next_.set(this.state);
    this.dynamics.advance(
      { lanes: 1, state: this.state, next: this.next_, command: this.command, nextViews: this.nextViews, problems: [null] },
      this.active,
    );
    this.predicted.forEach((element, i) => {
      this.out[i] = this.next_[element]!;
    });
    return this.out;
  }

  close(): void {
    this.dynamics.close();
  }
}
