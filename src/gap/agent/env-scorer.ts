import type { RolloutScorer } from '../../core/rollouts.ts';
import { rewardOf } from '../../planning/play-plans.ts';
import { allocate, flatSizeOf, type Space, type TypedArray } from '../../spaces/space.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import type { OpenEnv } from '../subject.ts';

/** Scores plans from given states by executing them in an env's lanes: in truth and in any subject alike, which is what makes planners on both the same. */
export class EnvScorer implements RolloutScorer {
  readonly starts: number;
  readonly actionSize: number;
  private readonly open: OpenEnv;
  /** By lanes: planners come back to the same few sizes with every decision. */
  private readonly envs = new Map<number, TaskEnv>();
  private rows: Float64Array = new Float64Array(0);
  private seed = 0;

  constructor(open: OpenEnv, actionSpace: Space, starts: number) {
    this.open = open;
    this.starts = starts;
    this.actionSize = flatSizeOf(actionSpace);
  }

  /** @param rows - float64 `[starts, stateSize]`: where plans begin. @param seed - of imagined noise, the same for all candidates. */
  begin(rows: Float64Array, seed: number): void {
    this.rows = rows;
    this.seed = seed;
  }

  async score(plans: Float32Array, candidates: number, horizon: number, out: Float64Array): Promise<void> {
    const env = await this.envOf(out.length);
    await this.place(env, candidates);
    out.fill(0);
    const active = new Uint8Array(env.lanes).fill(1);
    const actions = allocate(env.actionSpace, env.lanes) as TypedArray;
    const { actionSize } = this;
    for (let step = 0; step < horizon && active.includes(1); step++) {
      for (let lane = 0; lane < env.lanes; lane++)
        for (let i = 0; i < actionSize; i++) actions[lane * actionSize + i] = plans[(lane * horizon + step) * actionSize + i]!;
      const pending = env.step(actions, active);
      if (pending) await pending;
      collectRewards(env, active, out);
    }
    out.forEach((score, lane) => {
      if (Number.isNaN(score)) out[lane] = Number.NEGATIVE_INFINITY;
    });
  }

  async close(): Promise<void> {
    for (const env of this.envs.values()) await env.close();
  }

  private async envOf(lanes: number): Promise<TaskEnv> {
    const env = this.envs.get(lanes) ?? (await this.open(lanes));
    this.envs.set(lanes, env);
    return env;
  }

  private async place(env: TaskEnv, candidates: number): Promise<void> {
    const { size } = env.spec;
    // Worlds put back are finalised only between turns of the event loop; without this, memory grows.
    await new Promise((resolve) => setImmediate(resolve));
    for (let lane = 0; lane < env.lanes; lane++) {
      const start = Math.floor(lane / candidates);
      await env.setState(lane, this.rows.subarray(start * size, (start + 1) * size), this.seed + start);
    }
  }
}

/** Adds the last step's rewards of running lanes and stops those that ended; NaN for one that broke down. */
export function collectRewards(env: TaskEnv, active: Uint8Array, returns: Float64Array): void {
  for (let lane = 0; lane < env.lanes; lane++) {
    if (!active[lane]) continue;
    returns[lane] = env.batch.problems[lane] ? Number.NaN : returns[lane]! + rewardOf(env, lane);
    if (env.batch.terminated[lane] || env.batch.truncated[lane]) active[lane] = 0;
  }
}
