import { packSections, unpackSections } from '../core/sections.ts';
import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import type { AnyTask } from '../task/task.ts';
import { FamiliarityMeter, type Strangeness } from '../world-model/familiarity.ts';
import { Foresight } from '../world-model/one-step.ts';
import type { DriftCalibration, Familiarity } from '../world-model/trust.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { squaresOf } from './calibrate-drift.ts';
import { cumulate, evidenceOf } from './drift-statistic.ts';

/** `info.twin.drift`, `[lanes]` each: how strange the step was, and what all steps since the episode's start or the last acknowledgement say. */
export interface DriftColumns extends Strangeness {
  /** Cumulated evidence of a change, nats; the alarm is raised at the calibration's threshold. */
  readonly statistic: Float64Array;
  /** 0 or 1; stays until acknowledged or until the episode ends. */
  readonly alarm: Uint8Array;
  /** Steps of the episode at which it was raised; −1 = it was not. */
  readonly alarmStep: Int32Array;
}

interface SavedMonitor {
  readonly statistic: number;
  readonly alarm: number;
  readonly alarmStep: number;
  readonly step: number;
}

/**
 * Compares what truth does with what a model expects, one step ahead, and raises an alarm when truth is no longer what it was: a payload, more friction, a weak motor.
 * A cumulative sum (Page 1954) of log-likelihood ratios of the errors, over their calibrated deviations, against errors ten times as large. Steps that look stranger than the
 * gate of the calibration are no evidence: there the model does not know truth well enough to say that it changed. Without motion there is none either.
 */
export class DriftMonitor {
  readonly calibration: DriftCalibration;
  readonly columns: DriftColumns;
  /** Names what saved bytes depend on. */
  readonly fingerprint: string;
  private readonly foresight: Foresight;
  private readonly meter: FamiliarityMeter;
  private readonly familiarity: Familiarity;
  private readonly lanes: number;
  private readonly steps: Int32Array;
  private readonly errors: Float64Array;

  /** @throws OPTION_INVALID when the familiarity or the calibration are not of this task. */
  constructor(task: AnyTask, model: WorldModel, familiarity: Familiarity, calibration: DriftCalibration, lanes: number) {
    this.calibration = calibration;
    this.familiarity = familiarity;
    this.lanes = lanes;
    this.fingerprint = sha256Hex(JSON.stringify([familiarity, calibration]));
    this.foresight = new Foresight(task, model, lanes);
    this.meter = new FamiliarityMeter(task, familiarity, lanes);
    if (calibration.factor.length !== this.foresight.size)
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: 'drift',
        value: `calibrated for ${calibration.factor.length} elements`,
        allowed: `for ${this.foresight.size}, as the task predicts`,
      });
    this.steps = new Int32Array(lanes);
    this.errors = new Float64Array(lanes * this.foresight.size);
    this.columns = {
      ...this.meter.columns,
      statistic: new Float64Array(lanes),
      alarm: new Uint8Array(lanes),
      alarmStep: new Int32Array(lanes).fill(-1),
    };
  }

  /** An episode begins in a lane: what was known of the last one is forgotten. */
  begin(lane: number): void {
    this.foresight.begin(lane);
    this.meter.begin(lane);
    this.steps[lane] = 0;
    this.acknowledge(lane);
  }

  /** Takes an alarm back and starts the sum of a lane anew. */
  acknowledge(lane: number): void {
    this.columns.statistic[lane] = 0;
    this.columns.alarm[lane] = 0;
    this.columns.alarmStep[lane] = -1;
  }

  /**
   * One step of truth in every active lane.
   * @param before - float64 `[lanes, stateSize]`. @param command - float64 `[lanes, commands]`: what the actuators got. @param after - as `before`.
   */
  async observe(before: Float64Array, command: Float64Array, after: Float64Array, active: Uint8Array): Promise<void> {
    await this.foresight.look(before, command, active);
    this.meter.measure(before, command, this.foresight.uncertainty.disagreement, active);
    for (let lane = 0; lane < this.lanes; lane++) if (active[lane]) this.weigh(lane, after);
  }

  save(lane: number): Uint8Array {
    const { statistic, alarm, alarmStep } = this.columns;
    const head: SavedMonitor = { statistic: statistic[lane]!, alarm: alarm[lane]!, alarmStep: alarmStep[lane]!, step: this.steps[lane]! };
    return packSections(head, [this.foresight.save(lane)]);
  }

  /** @throws SNAPSHOT_INVALID. */
  load(lane: number, saved: Uint8Array): void {
    const { head, parts } = unpackSections<SavedMonitor>(saved);
    const { statistic, alarm, alarmStep, step } = (head ?? {}) as SavedMonitor;
    const valid = statistic >= 0 && Number.isFinite(statistic) && [0, 1].includes(alarm) && [alarmStep, step].every(Number.isInteger);
    if (!valid || parts.length !== 1) throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'its drift part is not readable' });
    this.foresight.load(lane, parts[0]!);
    this.meter.begin(lane);
    this.columns.statistic[lane] = statistic;
    this.columns.alarm[lane] = alarm;
    this.columns.alarmStep[lane] = alarmStep;
    this.steps[lane] = step;
  }

  private weigh(lane: number, after: Float64Array): void {
    const { columns, calibration, foresight } = this;
    const step = this.steps[lane]! + 1;
    this.steps[lane] = step;
    if (!(columns.outOfDistribution[lane]! <= calibration.gate)) return;
    for (let i = 0; i < foresight.size; i++) this.errors[lane * foresight.size + i] = foresight.error(lane, i, after);
    const squares = squaresOf(this.errors, foresight.uncertainty.deviation, this.familiarity.spread, calibration.factor, lane);
    columns.statistic[lane] = cumulate(columns.statistic[lane]!, evidenceOf(squares, foresight.size));
    if (columns.alarm[lane] || columns.statistic[lane]! < calibration.threshold) return;
    columns.alarm[lane] = 1;
    columns.alarmStep[lane] = step;
  }
}
