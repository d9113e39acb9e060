/** Models that are wrong about what acts on what, or about how sure they may be. */
import type { Prediction, PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { type Control, joinedPredictions, wrapped } from './control.ts';

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
  overconfident: {
    summary: 'claims a share (1 − severity) of its noise, and asks one member only',
    severity: 0.9,
    killedBy: 'H4',
    wrap: (model, severity) => wrapped(model, 'overconfident', severity, (input) => withoutDoubt(model, severity, input)),
  },
} as const satisfies Readonly<Record<string, Control>>;

/** Every row is answered by member 0, a block at a time, and its noise shrunk. */
export async function withoutDoubt(model: WorldModel, severity: number, input: PredictionInput): Promise<Prediction> {
  const { members } = model.manifest;
  const tile = input.rows / members;
  const blocks: Prediction[] = [];
  for (let block = 0; block < members; block++) {
    const answer = await model.predict(firstBlock(input, block, tile));
    blocks.push(shrunk(answer, severity, tile, input.rows));
  }
  return joinedPredictions(blocks);
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
