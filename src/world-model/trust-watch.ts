import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';
import type { ModelManifest } from './contract.ts';
import { FamiliarityMeter, type Strangeness } from './familiarity.ts';

/** `info.model`, `[lanes]` each: how strange the step was, and whether the dream is still one to trust. */
export interface TrustColumns extends Strangeness {
  /** Steps dreamed since the start. */
  readonly steps: Int32Array;
  /** 1 up to and with the model's trust horizon. */
  readonly withinHorizon: Uint8Array;
}

/** Follows the lanes of a dream. */
export class TrustWatch {
  readonly columns: TrustColumns;
  private readonly meter: FamiliarityMeter;
  private readonly horizon: number;

  /** @throws OPTION_INVALID when the manifest does not say how far the model may be trusted. */
  constructor(task: AnyTask, { name, trust }: ModelManifest, lanes: number) {
    if (!trust?.horizon || !trust.familiarity)
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: 'trust',
        value: `true with the model '${name.slice(0, 80)}'`,
        allowed: 'false, or the model one whose manifest has a horizon and a familiarity under trust: groundtwin train-model --held-out',
      });
    this.horizon = trust.horizon.steps;
    this.meter = new FamiliarityMeter(task, trust.familiarity, lanes);
    this.columns = { ...this.meter.columns, steps: new Int32Array(lanes), withinHorizon: new Uint8Array(lanes) };
  }

  /** @param steps - dreamed already. */
  begin(lane: number, steps = 0): void {
    this.meter.begin(lane);
    this.columns.steps[lane] = steps;
    this.columns.withinHorizon[lane] = steps <= this.horizon ? 1 : 0;
  }

  /** One step of every active lane; see `FamiliarityMeter.measure`. */
  step(state: Float64Array, command: Float64Array, disagreement: Float64Array, active: Uint8Array): void {
    this.meter.measure(state, command, disagreement, active);
    const { steps, withinHorizon } = this.columns;
    for (let lane = 0; lane < steps.length; lane++) {
      if (!active[lane]) continue;
      steps[lane] = steps[lane]! + 1;
      withinHorizon[lane] = steps[lane]! <= this.horizon ? 1 : 0;
    }
  }
}
