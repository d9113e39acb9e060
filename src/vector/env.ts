import type { RenderMode, RenderResults, ViewOptions } from '../core/picture.ts';
import type { VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { SmallCopies } from '../spaces/small-copies.ts';
import type { Space, Values } from '../spaces/space.ts';
import { infoRow } from './info.ts';

export type Action = number | ArrayLike<number> | { readonly [key: string]: Action };

export interface ResetResult {
  /** A copy of its own, but small arrays may be views of one block, as Node's Buffers are: mind `byteOffset` when you use `observation.buffer`. */
  readonly observation: Values;
  readonly info: Record<string, unknown>;
}

export interface StepResult extends ResetResult {
  readonly reward: number;
  readonly terminated: boolean;
  readonly truncated: boolean;
}

/** One step of a branch: what would have happened. */
export interface Branch {
  /** One entry a step, until the episode ended or the actions did. */
  readonly observations: readonly Values[];
  readonly rewards: readonly number[];
  readonly terminated: boolean;
  readonly truncated: boolean;
}

/** One env: a vector env of one lane with the lane axis taken off. After an episode ends, call `reset`. */
export class Env {
  /** The same env with its lane axis; of one made by `make`, results are views of reused buffers. */
  readonly vector: VectorEnv;
  private readonly isShared: boolean;
  private readonly copies = new SmallCopies();

  /** @param isShared - whether the vector env gives out reused buffers, which are copied here. Default false. */
  constructor(vector: VectorEnv, isShared = false) {
    this.vector = vector;
    this.isShared = isShared;
  }

  get id(): string {
    return this.vector.id;
  }
  get observationSpace(): Space {
    return this.vector.observationSpace;
  }
  get actionSpace(): Space {
    return this.vector.actionSpace;
  }
  get controlDt_s(): number {
    return this.vector.controlDt_s;
  }

  async reset(options: { readonly seed?: number; readonly params?: Readonly<Record<string, number>> } = {}): Promise<ResetResult> {
    const { observation, info } = await this.vector.reset(options);
    return { observation: this.kept(observation), info: infoRow(info, 0, 1) };
  }

  /** @param action - a number (Discrete), numbers (Box, MultiDiscrete) or a record of them (Dict). @throws as VectorEnv.step. */
  step(action: Action): Promise<StepResult> {
    const actions = (typeof action === 'number' ? [action] : action) as unknown as Values;
    const { vector } = this;
    if (!vector.stepNow) return vector.step(actions).then((result) => this.rowOf(result));
    // Not an async function: a step has one promise, which is there when it is given out.
    try {
      const stepped = vector.stepNow(actions);
      return stepped instanceof Promise ? stepped.then((result) => this.rowOf(result)) : Promise.resolve(this.rowOf(stepped));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The one lane of a vector env's step. */
  private rowOf({ observation, reward, terminated, truncated, info }: VectorStepResult): StepResult {
    const row = infoRow(info, 0, 1);
    const isAlone = this.vector.agents === 1;
    // With several agents the reward is their sum; each agent's own is in `info.rewards`.
    if (!isAlone) row.rewards = reward.slice();
    return {
      observation: this.kept(observation),
      reward: isAlone ? reward[0]! : reward.reduce((sum, part) => sum + part, 0),
      terminated: terminated[0] === 1,
      truncated: truncated[0] === 1,
      info: row,
    };
  }

  private kept(observation: Values): Values {
    return this.isShared ? this.copies.copyOf(observation) : observation;
  }

  /** Everything the env holds, as bytes that survive the process. */
  snapshot(): Promise<Uint8Array> {
    return this.vector.snapshot(0);
  }

  /** @returns the observation at that moment. @throws SNAPSHOT_INVALID, SNAPSHOT_FOREIGN. */
  restore(snapshot: Uint8Array): Promise<Values> {
    return this.vector.restore(snapshot, 0);
  }

  /**
   * Executes each action sequence from the same moment, then comes back to where the env is now.
   * @param snapshot - the moment. @param sequences - one list of actions a branch.
   */
  async branch(snapshot: Uint8Array, sequences: readonly (readonly Action[])[]): Promise<Branch[]> {
    const here = await this.snapshot();
    const branches: Branch[] = [];
    try {
      for (const actions of sequences) {
        await this.restore(snapshot);
        branches.push(await this.follow(actions));
      }
    } finally {
      await this.restore(here);
    }
    return branches;
  }

  /** A picture of the env as it stands, as `{ width, height, channels, data }`; see VectorEnv.render. */
  render<M extends RenderMode = 'rgb_array'>(mode?: M, options: Omit<ViewOptions, 'lane'> = {}): Promise<RenderResults[M]> {
    return this.vector.render(mode, { ...options, lane: 0 });
  }

  close(): Promise<void> {
    return this.vector.close();
  }

  private async follow(actions: readonly Action[]): Promise<Branch> {
    const observations: Values[] = [];
    const rewards: number[] = [];
    let ended = { terminated: false, truncated: false };
    for (const action of actions) {
      const { observation, reward, terminated, truncated } = await this.step(action);
      observations.push(observation);
      rewards.push(reward);
      ended = { terminated, truncated };
      if (terminated || truncated) break;
    }
    return { observations, rewards, ...ended };
  }
}
