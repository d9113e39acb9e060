import { layOut } from '../core/state-spec.ts';
import type { Transitions } from '../data/transitions.ts';
import type { Rng } from '../math/rng.ts';
import { flatSizeOf } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { type BatchPolicy, BranchedRollouts, type RolloutFigures, type RolloutSettings, type StepRows } from './branched-rollouts.ts';
import { type ReplayState, ReplayTables } from './replay-tables.ts';

export interface ImaginedReplaySettings {
  /** Rollouts of one call of `dream`. */
  readonly rollouts: number;
  /** Share of real transitions among those learned from, in [0, 1). */
  readonly realRatio: number;
  /** Calls of `dream` whose transitions are kept: older ones are of a policy, and a model, that are no more. */
  readonly retain: number;
}

/** What dreams branch off from: real states, and the same transitions as rows. */
export interface RealData {
  readonly transitions: Transitions;
  readonly tables: ReplayTables;
}

/** Imagined transitions, with as many real ones strewn in as the ratio asks for, so that rows drawn uniformly are mixed by it. */
export class ImaginedReplay {
  private readonly task: AnyTask;
  private readonly settings: ImaginedReplaySettings;
  private tables: ReplayTables | undefined;
  /** Steps of the rollouts that the ring was made for. */
  private steps = 0;
  private dreamer: { readonly model: WorldModel; readonly rollouts: BranchedRollouts } | undefined;

  /** @param task - whose reward and end dreams have. */
  constructor(task: AnyTask, settings: ImaginedReplaySettings) {
    this.task = task;
    this.settings = settings;
  }

  /** What to learn from; undefined before the first dream. */
  get ring(): ReplayTables | undefined {
    return this.tables;
  }

  /** @param scale - see `BranchedRollouts`. */
  async dream(
    model: WorldModel,
    scale: ArrayLike<number>,
    real: RealData,
    policy: BatchPolicy,
    rollouts: RolloutSettings,
    rng: Rng,
  ): Promise<RolloutFigures> {
    const ring = this.ringFor(rollouts.steps);
    if (this.dreamer?.model !== model)
      this.dreamer = { model, rollouts: new BranchedRollouts(this.task, model, scale, Math.min(dreamLanes, this.settings.rollouts)) };
    const starts = this.drawStarts(real.transitions, rng);
    const figures = await this.dreamer.rollouts.dream(starts, rng, policy, rollouts, (rows) => void addActive(rows, ring));
    const { realRatio } = this.settings;
    addDrawn(real.tables, Math.round((figures.rows * realRatio) / (1 - realRatio)), rng, ring);
    return figures;
  }

  /** Forgets all rows. */
  clear(): void {
    this.tables?.clear();
  }

  /** Views. */
  save(): { readonly steps: number; readonly ring: ReplayState | undefined } {
    return { steps: this.steps, ring: this.tables?.save() };
  }

  /** @throws OPTION_INVALID when it does not fit. */
  load({ steps, ring }: { readonly steps: number; readonly ring: ReplayState | undefined }): void {
    if (ring) this.ringFor(steps).load(ring);
  }

  /** A ring of another length is begun anew: it is full again with the next dreams. */
  private ringFor(steps: number): ReplayTables {
    if (this.tables && this.steps === steps) return this.tables;
    const { rollouts, realRatio, retain } = this.settings;
    this.steps = steps;
    this.tables = new ReplayTables({
      observationSize: flatSizeOf(this.task.observationSpace),
      actionSize: flatSizeOf(this.task.actionSpace),
      capacity: Math.ceil((retain * rollouts * steps) / (1 - realRatio)),
    });
    return this.tables;
  }

  private drawStarts({ state, count }: Transitions, rng: Rng): Float64Array {
    const { size } = layOut(this.task.state);
    const starts = new Float64Array(this.settings.rollouts * size);
    for (let i = 0; i < this.settings.rollouts; i++) {
      const row = rng.integer(count);
      starts.set(state.subarray(row * size, (row + 1) * size), i * size);
    }
    return starts;
  }
}

/** Dreamed side by side: enough to spread what a call costs. */
const dreamLanes = 1024;

/** Rows of a step that count. */
export function addActive({ lanes, active, observation, action, reward, next, continues }: StepRows, ring: ReplayTables): void {
  const { observationSize: o, actionSize: a } = ring.shape;
  for (let lane = 0; lane < lanes; lane++) {
    if (!active[lane]) continue;
    const [seen, then] = [observation.subarray(lane * o, (lane + 1) * o), next.subarray(lane * o, (lane + 1) * o)];
    ring.add(seen, action.subarray(lane * a, (lane + 1) * a), reward[lane]!, then, continues[lane] === 1);
  }
}

function addDrawn(from: ReplayTables, count: number, rng: Rng, ring: ReplayTables): void {
  const { observationSize: o, actionSize: a } = ring.shape;
  const { observation, action, reward, next, continues } = from.columns;
  for (const row of from.draw(rng, count)) {
    const [seen, then] = [observation.subarray(row * o, (row + 1) * o), next.subarray(row * o, (row + 1) * o)];
    ring.add(seen, action.subarray(row * a, (row + 1) * a), reward[row]!, then, continues[row] === 1);
  }
}

/** Standard deviation of the reward of a step, at least a tenth of its root mean square: where all are alike, one would else be as good as infinite. */
export function rewardScale({ columns, rows }: ReplayTables): number {
  const rewards = columns.reward.subarray(0, rows);
  const mean = (of: (reward: number) => number) => rewards.reduce((sum, reward) => sum + of(reward), 0) / Math.max(1, rows);
  const [centre, square] = [mean((reward) => reward), mean((reward) => reward * reward)];
  return Math.max(Math.sqrt(Math.max(0, square - centre * centre)), 0.1 * Math.sqrt(square), Number.MIN_VALUE);
}
