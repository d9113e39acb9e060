import type { RolloutScorer } from '../../src/core/rollouts.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { OnnxRuntime, ParameterSpec } from '../../src/onnx/index.ts';
import { SearchPlanner } from '../../src/planning/index.ts';
import { box } from '../../src/spaces/space.ts';
import type { TdMpc2Config } from './config.ts';
import { Forward, type Weights } from './forward.ts';
import type { TdMpc2Networks } from './networks.ts';
import { LatentSearch, type SearchSettings } from './search.ts';

export type PlannerConfig = SearchSettings & Pick<TdMpc2Config, 'iterations' | 'discount'>;

/** Decides in some lanes by planning in latent states. */
export class LatentPlanner {
  /** One a lane. */
  readonly searches: readonly LatentSearch[];
  private readonly forward: Forward;
  private readonly config: PlannerConfig;
  private readonly actionSize: number;
  private readonly planner: SearchPlanner;
  private readonly noise: Float32Array;
  private weights: Weights = {};
  private latent = new Float32Array(0);

  private constructor(forward: Forward, config: PlannerConfig, lanes: number, actionSize: number) {
    this.forward = forward;
    this.config = config;
    this.actionSize = actionSize;
    this.noise = new Float32Array(config.lookahead * lanes * config.proposals * actionSize);
    this.searches = Array.from({ length: lanes }, () => new LatentSearch(config, actionSize));
    const searches = [...this.searches];
    const scorer: RolloutScorer = {
      starts: lanes,
      actionSize,
      score: async (plans, _candidates, _horizon, out) => void out.set(await forward.value(this.weights, this.latent, plans)),
    };
    const shape = { iterations: config.iterations, horizon: config.lookahead, population: () => config.samples };
    const normalised = box({ low: -1, high: 1, shape: [actionSize] });
    this.planner = new SearchPlanner('tdmpc2', scorer, normalised, shape, () => searches.shift()!);
  }

  /** @param parameters - for names and shapes alone. */
  static async open(
    runtime: OnnxRuntime,
    networks: TdMpc2Networks,
    config: PlannerConfig,
    lanes: number,
    parameters: readonly ParameterSpec[],
  ): Promise<LatentPlanner> {
    return new LatentPlanner(await Forward.open(runtime, networks, config, lanes, parameters), config, lanes, networks.actionSize);
  }

  /**
   * @param observation - float32 `[lanes, size]`.
   * @param explores - whether to try what is not surely the best.
   * @param out - float32 `[lanes, actionSize]`, gets normalised actions.
   */
  async decide(weights: Weights, observation: Float32Array, explores: boolean, rng: Rng, out: Float32Array): Promise<void> {
    rng.normals32(this.noise, 0, this.noise.length);
    const { latent, actions } = await this.forward.propose(weights, observation, this.noise);
    this.weights = weights;
    this.latent = latent as Float32Array<ArrayBuffer>;
    const size = this.config.proposals * this.config.lookahead * this.actionSize;
    this.searches.forEach((search, lane) => {
      search.explores = explores;
      search.proposals = actions.subarray(lane * size, (lane + 1) * size);
    });
    await this.planner.plan(rng, out);
  }

  release(): Promise<void> {
    return this.forward.release();
  }
}
