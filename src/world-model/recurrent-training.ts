/** The training graph of the recurrent model. */
import type { Rng } from '../math/rng.ts';
import {
  type CompiledTraining,
  compileTraining,
  type Gaussian,
  type GraphBuilder,
  type LossTensors,
  type Tensor,
  type TensorsByName,
} from '../onnx/index.ts';
import {
  joined,
  type Memory,
  RecurrentCell,
  type RecurrentConfig,
  type RecurrentScaling,
  type RecurrentSizes,
  recurrentParameters,
} from './recurrent-cell.ts';

/**
 * Unrolls windows of experience. Tables as in `Experience`, normalised, and `previous`, the observation before; row indices `[window, batch]`.
 * Streams: `noise` `[window, batch, Z]`; `seen` `[window, batch, 1]`, 1 where the observation may be looked at, 0 where the model goes on by itself:
 * it is trained at what planning asks of it.
 */
export function compileRecurrentTraining(
  sizes: RecurrentSizes,
  config: RecurrentConfig,
  scaling: RecurrentScaling,
  rng: Rng,
): CompiledTraining {
  const { window, batch, latent } = config;
  const table = (name: string, columns: number) => ({ name, dtype: 'float32', columns: [columns] }) as const;
  return compileTraining({
    name: 'recurrent',
    parameters: recurrentParameters(sizes, config, rng),
    tables: [
      table('observation', sizes.observation),
      table('previous', sizes.observation),
      table('action', sizes.action),
      table('reward', 1),
      table('continues', 1),
      table('first', 1),
    ],
    batch: [window, batch],
    streams: [
      { name: 'noise', dtype: 'float32', shape: [window, batch, latent] },
      { name: 'seen', dtype: 'float32', shape: [window, batch, 1] },
    ],
    loss: (builder, parameters, given) => {
      const cell = new RecurrentCell(builder, parameters, sizes, config, scaling);
      return lossOf(cell, config, unroll(cell, config, given), given);
    },
    optimizer: { weightDecay: config.weightDecay, maximumGradientNorm: config.maximumGradientNorm },
  });
}

/** Of one step, or stacked over the steps of a window. */
interface Unrolled {
  readonly memory: Tensor;
  /** Change that was, over its usual size, and what the decoder gave. */
  readonly target: Tensor;
  readonly decoded: Tensor;
  readonly prior: Gaussian;
  readonly posterior: Gaussian;
}

/** Windows that begin amid an episode know what was seen a step before, and nothing else. */
function unroll(cell: RecurrentCell, { window, batch, hidden, latent }: RecurrentConfig, given: TensorsByName): Unrolled {
  const { builder } = cell;
  const zeros = (width: number) => builder.constant(new Float32Array(batch * width), 'float32', [batch, width]);
  const previous = rowsAt(builder, given.previous!, 0);
  let memory: Memory = { hidden: zeros(hidden), latent: zeros(latent), observation: previous, change: zeros(Number(previous.shape[1])) };
  const steps: Unrolled[] = [];
  for (let step = 0; step < window; step++) {
    const [observation, action, first, noise, seen] = (['observation', 'action', 'first', 'noise', 'seen'] as const).map((name) =>
      rowsAt(builder, given[name]!, step),
    ) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const before = cell.begunAnew(memory, first);
    const state = cell.recur(before, action);
    const prior = cell.prior(state);
    const target = cell.changeOf(before.observation, observation);
    const posterior = cell.posterior(state, observation, target);
    const { blend } = cell;
    const from = { mean: blend(posterior.mean, prior.mean, seen), logVariance: blend(posterior.logVariance, prior.logVariance, seen) };
    const drawn = cell.draw(from, noise);
    const decoded = cell.decode(state, drawn, before, action);
    const imagined = cell.changed(before.observation, decoded);
    memory = { hidden: state, latent: drawn, observation: blend(observation, imagined, seen), change: blend(target, decoded, seen) };
    steps.push({ memory: joined(builder, memory), target, decoded, prior, posterior });
  }
  return stacked(builder, steps);
}

function stacked(builder: GraphBuilder, steps: readonly Unrolled[]): Unrolled {
  const stack = (pick: (step: Unrolled) => Tensor) =>
    builder.concat(
      steps.map((step) => builder.reshape(pick(step), [1, ...pick(step).shape])),
      0,
    );
  const both = (pick: (step: Unrolled) => Gaussian): Gaussian => ({
    mean: stack((step) => pick(step).mean),
    logVariance: stack((step) => pick(step).logVariance),
  });
  return {
    memory: stack(({ memory }) => memory),
    target: stack(({ target }) => target),
    decoded: stack(({ decoded }) => decoded),
    prior: both(({ prior }) => prior),
    posterior: both(({ posterior }) => posterior),
  };
}

function lossOf(cell: RecurrentCell, config: RecurrentConfig, unrolled: Unrolled, given: TensorsByName): LossTensors {
  const { builder } = cell;
  const { memory, target, decoded, prior, posterior } = unrolled;
  // Of the first step of a window that begins amid an episode too little can be known.
  const known = builder.constant(
    Float32Array.from({ length: config.window }, (_, step) => (step > 0 ? 1 : 0)),
    'float32',
    [config.window, 1, 1],
  );
  const counted = builder.max(known, given.first!);
  const mean = (x: Tensor) => builder.reduceMean(builder.mul(builder.reduceSum(x, [-1], true), counted));
  // The likelihood of Student's t rather than of a Gaussian: impacts, and dreams gone astray, do not drown the rest.
  const error = builder.div(builder.sub(decoded, target), cell.jolt);
  const changes = mean(builder.log(builder.add(builder.square(builder.mul(error, 1 / config.tolerance)), 1)));
  const reward = mean(builder.square(builder.sub(cell.reward(memory), given.reward!)));
  const odds = cell.continues(memory);
  const ends = mean(builder.sub(builder.softplus(odds), builder.mul(odds, given.continues!)));
  const still = ({ mean, logVariance }: Gaussian): Gaussian => ({
    mean: builder.stopGradient(mean),
    logVariance: builder.stopGradient(logVariance),
  });
  const costly = (nats: Tensor) => mean(builder.mul(builder.max(builder.reduceSum(nats, [-1], true), config.freeNats), given.seen!));
  const divergence = builder.add(
    builder.mul(costly(divergenceOf(builder, still(posterior), prior)), config.balance),
    builder.mul(costly(divergenceOf(builder, posterior, still(prior))), 1 - config.balance),
  );
  const loss = builder.add(
    builder.add(changes, builder.mul(divergence, config.divergence)),
    builder.add(builder.mul(reward, config.rewardWeight), ends),
  );
  return { loss, metrics: { changes, divergence, reward, ends } };
}

/** Kullback–Leibler divergence of one Gaussian from another, by element, nats. */
function divergenceOf(builder: GraphBuilder, from: Gaussian, to: Gaussian): Tensor {
  const apart = builder.add(builder.square(builder.sub(from.mean, to.mean)), builder.exp(from.logVariance));
  const scaled = builder.mul(apart, builder.exp(builder.neg(to.logVariance)));
  return builder.mul(builder.sub(builder.add(scaled, builder.sub(to.logVariance, from.logVariance)), 1), 0.5);
}

/** One step of `[window, batch, …]`. */
function rowsAt(builder: GraphBuilder, x: Tensor, step: number): Tensor {
  return builder.reshape(builder.slice(x, 0, step, step + 1), x.shape.slice(1));
}
