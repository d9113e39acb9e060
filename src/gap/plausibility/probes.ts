/** The probes of a measurement: one for each set of physical parameters that states carry. */
import { layOut, type MutableStateView, viewsOver } from '../../core/state-spec.ts';
import { paramsOfState } from '../../task/condition.ts';
import { sameParams } from '../../task/physics-dynamics.ts';
import type { Params } from '../../task/task.ts';
import { type Motion, PhysicsProbe, type ProbeParts } from './physics-probe.ts';

/** Worlds kept at a time. */
const MOST_PROBES = 16;

export class Probes {
  private readonly parts: ProbeParts;
  private readonly row: Float64Array;
  private readonly view: MutableStateView;
  private readonly motions = new Map<PhysicsProbe, Motion>();
  private probes: PhysicsProbe[] = [];

  constructor(parts: ProbeParts) {
    this.parts = parts;
    this.row = new Float64Array(layOut(parts.task.state).size);
    this.view = viewsOver(parts.task.state, this.row, 1)[0]!;
  }

  /** Of the task's own parameters. */
  first(): PhysicsProbe {
    return this.with(this.parts.task.params);
  }

  /** Of the physics that a state says it is in. @param state - float64 `[stateSize]`. */
  of(state: Float64Array): PhysicsProbe {
    this.row.set(state);
    return this.with(paramsOfState(this.parts.task, this.view, this.parts.task.params));
  }

  /** What a probe reads into; reused. */
  motionOf(probe: PhysicsProbe, horizon: number): Motion {
    const known = this.motions.get(probe);
    if (known?.moments === horizon + 1) return known;
    const made = probe.motion(horizon);
    this.motions.set(probe, made);
    return made;
  }

  close(): void {
    for (const probe of this.probes) probe.close();
    this.probes = [];
    this.motions.clear();
  }

  private with(params: Params): PhysicsProbe {
    const known = this.probes.find((probe) => sameParams(probe.params, params));
    if (known) return known;
    if (this.probes.length === MOST_PROBES) {
      const oldest = this.probes.shift()!;
      this.motions.delete(oldest);
      oldest.close();
    }
    const made = new PhysicsProbe(this.parts, params);
    this.probes.push(made);
    return made;
  }
}
