/** The losses of soft actor-critic written from the papers' formulas, in float64, a row at a time. */
import type { SacSettings } from '../../src/learning/sac-settings.ts';

export type Weights = Record<string, Float64Array>;

interface Shape {
  readonly observationSize: number;
  readonly actionSize: number;
}

export interface SacBatch {
  readonly tables: Readonly<Record<'observation' | 'action' | 'reward' | 'next' | 'continues', Float32Array>>;
  readonly streams: { readonly noise: Float32Array; readonly actor_noise: Float32Array; readonly subset: Int32Array };
}

function layer(weights: Weights, name: string, x: readonly number[], member: number, outputs: number): number[] {
  return Array.from({ length: outputs }, (_, j) =>
    x.reduce(
      (sum, value, i) => sum + value * weights[`${name}.weight`]![(member * x.length + i) * outputs + j]!,
      weights[`${name}.bias`]![member * outputs + j]!,
    ),
  );
}

function normalised(weights: Weights, name: string, x: readonly number[], member: number): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const of = (part: string, i: number) => weights[`${name}.${part}`]![member * x.length + i]!;
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * of('scale', i) + of('shift', i));
}

/** A network of one hidden layer. */
function network(weights: Weights, name: string, x: readonly number[], [hidden, outputs]: readonly [number, number], member = 0): number[] {
  const sum = layer(weights, `${name}.0`, x, member, hidden);
  const shown = `${name}.0.norm.scale` in weights ? normalised(weights, `${name}.0.norm`, sum, member) : sum;
  return layer(
    weights,
    `${name}.1`,
    shown.map((value) => Math.max(value, 0)),
    member,
    outputs,
  );
}

/** tanh of a normal draw, and the log density of that by the change of variables. */
function draw({ actionSize }: Shape, { hidden }: SacSettings, weights: Weights, observation: readonly number[], noise: readonly number[]) {
  const output = network(weights, 'actor', observation, [hidden[0]!, 2 * actionSize]);
  const deviation = output.slice(actionSize).map((log) => Math.exp(Math.min(Math.max(log, -20), 2)));
  const action = noise.map((value, i) => Math.tanh(output[i]! + deviation[i]! * value));
  const density = noise.map(
    (value, i) => Math.exp((-value * value) / 2) / (deviation[i]! * Math.sqrt(2 * Math.PI)) / (1 - action[i]! ** 2),
  );
  return { action, logProbability: density.reduce((sum, one) => sum + Math.log(one), 0) };
}

function rowOf(values: Float32Array, row: number, size: number): number[] {
  return [...values.subarray(row * size, (row + 1) * size)];
}

function weightOf({ entropyWeight }: SacSettings, weights: Weights): number {
  return entropyWeight === 'auto' ? Math.exp(weights.log_entropy_weight![0]!) : entropyWeight;
}

export function referenceCriticLoss(shape: Shape, settings: SacSettings, weights: Weights, averages: Weights, given: SacBatch): number {
  const { critics, targetCritics, hidden, batch, discount } = settings;
  const { tables, streams } = given;
  const chosen = targetCritics < critics ? [...streams.subset] : Array.from({ length: critics }, (_, i) => i);
  let loss = 0;
  for (let row = 0; row < batch; row++) {
    const next = rowOf(tables.next, row, shape.observationSize);
    const { action, logProbability } = draw(shape, settings, weights, next, rowOf(streams.noise, row, shape.actionSize));
    const least = Math.min(...chosen.map((one) => network(averages, 'critic', [...next, ...action], [hidden[0]!, 1], one)[0]!));
    const target = tables.reward[row]! + discount * tables.continues[row]! * (least - weightOf(settings, weights) * logProbability);
    const x = [...rowOf(tables.observation, row, shape.observationSize), ...rowOf(tables.action, row, shape.actionSize)];
    for (let one = 0; one < critics; one++) loss += (0.5 * (network(weights, 'critic', x, [hidden[0]!, 1], one)[0]! - target) ** 2) / batch;
  }
  return loss;
}

export function referenceActorLoss(shape: Shape, settings: SacSettings, weights: Weights, { tables, streams }: SacBatch) {
  const { critics, hidden, batch, actorValue } = settings;
  let [loss, entropy] = [0, 0];
  for (let row = 0; row < batch; row++) {
    const observation = rowOf(tables.observation, row, shape.observationSize);
    const { action, logProbability } = draw(shape, settings, weights, observation, rowOf(streams.actor_noise, row, shape.actionSize));
    const values = Array.from(
      { length: critics },
      (_, one) => network(weights, 'critic', [...observation, ...action], [hidden[0]!, 1], one)[0]!,
    );
    const value = actorValue === 'least' ? Math.min(...values) : values.reduce((sum, one) => sum + one, 0) / critics;
    loss += (weightOf(settings, weights) * logProbability - value) / batch;
    entropy -= logProbability / batch;
  }
  return { loss, entropy };
}
