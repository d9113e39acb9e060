/** What the policy of recorded episodes does, told from the episodes alone. */
import { elementsWithRole, layOut } from '../../core/state-spec.ts';
import type { Transitions } from '../../data/transitions.ts';
import type { AnyTask } from '../../task/task.ts';
import { mean } from '../statistics.ts';

/** Neighbours that an action is the mean of. */
const NEIGHBOURS = 5;
/** Recorded moments it goes by, at most. */
const MOST_MOMENTS = 2000;
/** Moments that are asked about. */
const QUESTIONS = 256;
/** Moments nearer than this many steps are the same event, not evidence. */
const SAME_EVENT_steps = 20;

/** Mean command of the nearest recorded states: dynamic and context elements in standard deviations, angles as sine and cosine. */
export class RecordedPolicy {
  private readonly rows: readonly number[];
  private readonly features: Float64Array;
  private readonly width: number;
  private readonly scale: Float64Array;
  private readonly elements: Int32Array;
  private readonly isAngle: Uint8Array;
  private readonly log: Transitions;
  private readonly stateSize: number;
  readonly commandSize: number;

  constructor(task: AnyTask, log: Transitions) {
    const spec = layOut(task.state);
    this.log = log;
    this.stateSize = spec.size;
    this.commandSize = task.commands.length;
    this.elements = elementsWithRole(spec, 'dynamic', 'context');
    this.isAngle = Uint8Array.from(this.elements, (element) =>
      Number(spec.entries.some(({ kind, offset, size }) => kind === 'angle' && element >= offset && element < offset + size)),
    );
    this.scale = this.deviations();
    this.rows = spread(log.count, MOST_MOMENTS);
    this.width = 2 * this.elements.length;
    this.features = new Float64Array(this.rows.length * this.width);
    this.rows.forEach((row, i) => {
      this.write(log.state, row * this.stateSize, this.features, i * this.width);
    });
  }

  /**
   * Writes the mean command near a state.
   * @param state - float64 whole state rows. @param apartFrom - a recorded moment whose event is not to be used.
   */
  commandInto(state: ArrayLike<number>, at: number, out: Float64Array, apartFrom = Number.NEGATIVE_INFINITY): void {
    const here = new Float64Array(this.width);
    this.write(state, at, here, 0);
    const near: { row: number; square: number }[] = [];
    this.rows.forEach((row, i) => {
      if (Math.abs(row - apartFrom) < SAME_EVENT_steps) return;
      const square = this.squaredDistance(here, i, near.length < NEIGHBOURS ? Number.POSITIVE_INFINITY : near[NEIGHBOURS - 1]!.square);
      if (near.length === NEIGHBOURS && square >= near[NEIGHBOURS - 1]!.square) return;
      near.push({ row, square });
      near.sort((a, b) => a.square - b.square);
      near.length = Math.min(near.length, NEIGHBOURS);
    });
    // A state that was recorded itself has its own command; others weigh by nearness.
    const weights = near.map(({ square }) => 1 / (square + 1e-12));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let c = 0; c < this.commandSize; c++)
      out[c] = near.reduce((sum, { row }, i) => sum + (weights[i]! / total) * this.log.command[row * this.commandSize + c]!, 0);
  }

  private squaredDistance(here: Float64Array, i: number, most: number): number {
    let square = 0;
    for (let f = 0; f < this.width && square < most; f++) square += (here[f]! - this.features[i * this.width + f]!) ** 2;
    return square;
  }

  private write(state: ArrayLike<number>, at: number, out: Float64Array, to: number): void {
    this.elements.forEach((element, i) => {
      const value = state[at + element]!;
      out[to + 2 * i] = this.isAngle[i] ? Math.sin(value) : value / this.scale[i]!;
      out[to + 2 * i + 1] = this.isAngle[i] ? Math.cos(value) : 0;
    });
  }

  private deviations(): Float64Array {
    const { count, state } = this.log;
    return Float64Array.from(this.elements, (element) => {
      const column = Float64Array.from({ length: count }, (_, row) => state[row * this.stateSize + element]!);
      const middle = mean(column);
      return Math.sqrt(mean(column.map((value) => (value - middle) ** 2))) || 1;
    });
  }
}

/**
 * Share of the recorded commands' variance that follows from the state: R² of nearest neighbours of other moments; 0 or less where actions are drawn without looking.
 * NaN where commands never vary.
 */
export function followsState(task: AnyTask, log: Transitions): number {
  const policy = new RecordedPolicy(task, log);
  const { commandSize } = policy;
  const stateSize = log.state.length / log.count;
  const rows = spread(log.count, QUESTIONS);
  const guess = new Float64Array(commandSize);
  const columns = Array.from({ length: commandSize }, (_, c) => rows.map((row) => log.command[row * commandSize + c]!));
  const middle = columns.map(mean);
  const unit = columns.map((column, c) => Math.sqrt(mean(column.map((value) => (value - middle[c]!) ** 2))) || 1);
  let missed = 0;
  let all = 0;
  for (const row of rows) {
    policy.commandInto(log.state, row * stateSize, guess, row);
    for (let c = 0; c < commandSize; c++) {
      const done = log.command[row * commandSize + c]!;
      missed += ((guess[c]! - done) / unit[c]!) ** 2;
      all += ((middle[c]! - done) / unit[c]!) ** 2;
    }
  }
  return 1 - missed / all;
}

/** So many of `count` rows, evenly spread. */
function spread(count: number, most: number): number[] {
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * count) / taken));
}
