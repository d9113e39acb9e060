/** Models that are wrong about what acts on what, or about how sure they may be. */
import { GroundtwinError } from '../../errors.ts';
import type { Prediction, PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { CommandedPhysics } from '../commanded-physics.ts';
import { type Control, type ControlParts, rowOf, wrapped } from './control.ts';

export const modelControls = {
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
  const right = new CommandedPhysics(task, engine);
  const weak = new CommandedPhysics(task, engine, (params) => ({ ...params, gravity_mps2: params.gravity_mps2! * (1 - severity) }));
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
