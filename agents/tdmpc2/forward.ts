/** What planning asks of the networks, with weights that may still change: two ONNX graphs of fixed sizes. */
import { squashedDraw, squashedMode } from '../../src/learning/squashed-gaussian.ts';
import {
  compileInference,
  type GraphBuilder,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
  type ParameterSpec,
  releaseAll,
  type Tensor,
  type TensorsByName,
} from '../../src/onnx/index.ts';
import type { TdMpc2Config } from './config.ts';
import { beside, continueLogit, encode, next, policyOutput, rewardLogits, type TdMpc2Networks, values } from './networks.ts';
import { expectation } from './two-hot.ts';

export type Weights = Readonly<Record<string, Float32Array>>;

export type PlanningSizes = Pick<TdMpc2Config, 'samples' | 'proposals' | 'lookahead' | 'discount'>;

/** Where a decision starts, and what the policy would do from there. */
export interface Proposal {
  /** float32 `[lanes, latent]` */
  readonly latent: Float32Array;
  /** float32 `[lanes, proposals, lookahead, actionSize]`, normalised; empty without proposals. */
  readonly actions: Float32Array;
}

/** The networks at work for some lanes. */
export class Forward {
  private readonly networks: TdMpc2Networks;
  private readonly sizes: PlanningSizes;
  private readonly lanes: number;
  private readonly parameters: readonly ParameterSpec[];
  private readonly proposing: OnnxSession;
  private readonly valuing: OnnxSession;

  private constructor(
    networks: TdMpc2Networks,
    sizes: PlanningSizes,
    lanes: number,
    parameters: readonly ParameterSpec[],
    [proposing, valuing]: readonly [OnnxSession, OnnxSession],
  ) {
    this.networks = networks;
    this.sizes = sizes;
    this.lanes = lanes;
    this.parameters = parameters;
    this.proposing = proposing;
    this.valuing = valuing;
  }

  /** @param parameters - for names and shapes alone. */
  static async open(
    runtime: OnnxRuntime,
    networks: TdMpc2Networks,
    sizes: PlanningSizes,
    lanes: number,
    parameters: readonly ParameterSpec[],
  ): Promise<Forward> {
    const proposing = await runtime.load(compileProposing(networks, sizes, lanes, parameters), { name: 'tdmpc2 proposals' });
    const valuing = await runtime.load(compileValuing(networks, sizes, lanes, parameters), { name: 'tdmpc2 plans' });
    return new Forward(networks, sizes, lanes, parameters, [proposing, valuing]);
  }

  /**
   * @param observation - float32 `[lanes, size]`.
   * @param noise - standard normal, float32 `[lookahead, lanes · proposals, actionSize]`; empty without proposals.
   */
  async propose(weights: Weights, observation: Float32Array, noise: Float32Array): Promise<Proposal> {
    const { networks, lanes, sizes } = this;
    const { latent, actions } = await this.proposing.run({
      ...this.fed(weights),
      observation: float(observation, [lanes, networks.observationSize]),
      ...(sizes.proposals > 0 ? { noise: float(noise, [sizes.lookahead, lanes * sizes.proposals, networks.actionSize]) } : {}),
    });
    return { latent: latent!.data as Float32Array, actions: (actions?.data ?? new Float32Array(0)) as Float32Array };
  }

  /**
   * @param latent - float32 `[lanes, latent]`. @param actions - float32 `[lanes, samples, lookahead, actionSize]`, normalised.
   * @returns float32 `[lanes, samples]`: what each is worth.
   */
  async value(weights: Weights, latent: Float32Array, actions: Float32Array): Promise<Float32Array> {
    const { networks, lanes, sizes } = this;
    const { value } = await this.valuing.run({
      ...this.fed(weights),
      latent: float(latent, [lanes, networks.latent]),
      actions: float(actions, [lanes * sizes.samples, sizes.lookahead * networks.actionSize]),
    });
    return value!.data as Float32Array;
  }

  release(): Promise<void> {
    return releaseAll([this.proposing, this.valuing]);
  }

  private fed(weights: Weights): Record<string, OnnxTensor> {
    return Object.fromEntries(this.parameters.map(({ name, shape }) => [`parameter.${name}`, float(weights[name]!, shape)]));
  }
}

function float(data: Float32Array, dims: readonly number[]): OnnxTensor {
  return { type: 'float32', data, dims };
}

/** Encodes, and lets the policy act in the model. */
function compileProposing(
  networks: TdMpc2Networks,
  { proposals, lookahead }: PlanningSizes,
  lanes: number,
  parameters: readonly ParameterSpec[],
): Uint8Array<ArrayBuffer> {
  const rows = lanes * proposals;
  const noise = { name: 'noise', dtype: 'float32', shape: [lookahead, rows, networks.actionSize] } as const;
  return compileInference({
    parameters,
    inputs: [{ name: 'observation', dtype: 'float32', shape: [lanes, networks.observationSize] }, ...(proposals > 0 ? [noise] : [])],
    build(builder, weights, { observation, noise: drawn }) {
      const latent = encode(builder, weights, networks, observation!);
      if (!drawn) return { latent };
      const actions: Tensor[] = [];
      let at = repeated(builder, latent, proposals);
      for (let step = 0; step < lookahead; step++) {
        const own = builder.reshape(builder.slice(drawn, 0, step, step + 1), [rows, networks.actionSize]);
        const { action } = squashedDraw(builder, policyOutput(builder, weights, networks, at), own);
        actions.push(action);
        if (step + 1 < lookahead) at = next(builder, weights, networks, beside(builder, at, action));
      }
      return { latent, actions: builder.concat(actions, 1) };
    },
  });
}

function compileValuing(
  networks: TdMpc2Networks,
  { samples, lookahead, discount }: PlanningSizes,
  lanes: number,
  parameters: readonly ParameterSpec[],
): Uint8Array<ArrayBuffer> {
  return compileInference({
    parameters,
    inputs: [
      { name: 'latent', dtype: 'float32', shape: [lanes, networks.latent] },
      { name: 'actions', dtype: 'float32', shape: [lanes * samples, lookahead * networks.actionSize] },
    ],
    build: (builder, weights, { latent, actions }) => {
      const parts = builder.split(actions!, new Array<number>(lookahead).fill(networks.actionSize), 1);
      return { value: planValue(builder, weights, networks, repeated(builder, latent!, samples), parts, discount) };
    },
  });
}

/**
 * Rewards on the way, and what the policy makes of the end, by the mean of the critics (Hansen et al. 2024). What follows an action counts as much as the task is likely to go on.
 * @param actions - float32 `[rows, actionSize]`, a step each. @returns float32 `[rows]`.
 */
function planValue(
  builder: GraphBuilder,
  weights: TensorsByName,
  networks: TdMpc2Networks,
  start: Tensor,
  actions: readonly Tensor[],
  discount: number,
): Tensor {
  let [at, sum, share] = [start, builder.constant(0), builder.constant(1)];
  for (const action of actions) {
    const both = beside(builder, at, action);
    sum = builder.add(sum, builder.mul(share, expectation(builder, rewardLogits(builder, weights, networks, both), networks)));
    at = next(builder, weights, networks, both);
    share = builder.mul(share, builder.mul(builder.sigmoid(continueLogit(builder, weights, networks, at)), discount));
  }
  const last = squashedMode(builder, policyOutput(builder, weights, networks, at));
  const value = builder.reduceMean(values(builder, weights, networks, beside(builder, at, last)), [0]);
  return builder.add(sum, builder.mul(share, value));
}

/** Each row so many times in a row. */
function repeated(builder: GraphBuilder, x: Tensor, times: number): Tensor {
  const [rows, size] = [Number(x.shape[0]), Number(x.shape[1])];
  return builder.reshape(builder.expand(builder.reshape(x, [rows, 1, size]), [rows, times, size]), [rows * times, size]);
}
