/** Asks a task's own physics about states, wherever they come from: each is put into the engine, and read there. */
import type { PhysicsEngine, PhysicsWorld } from '../../core/physics-world.ts';
import type { SceneSpec } from '../../core/scene-spec.ts';
import { elementsWithRole, layOut, type MutableStateView, viewsOver } from '../../core/state-spec.ts';
import { bodyStateSize, velocityAt } from '../../physics/joint-tree.ts';
import type { ShapeGaps } from '../../physics/shape-gaps.ts';
import { settingsOf } from '../../task/physics-dynamics.ts';
import type { AnyTask, Params } from '../../task/task.ts';
import { kineticEnergy, potentialEnergy } from './energy.ts';
import { type MechanismFacts, mechanismFacts } from './mechanism-facts.ts';

/** One rollout as its physics sees it; float64, a row a moment (`horizon + 1` of them). Reused: what is kept must be copied. */
export interface Motion {
  readonly facts: MechanismFacts;
  readonly moments: number;
  readonly dt_s: number;
  /** uint8 `[moments]`, 0 = not finite: nothing else is known of this moment. */
  readonly isWhole: Uint8Array;
  /** `[moments, bodies, 13]`: see joint-tree.ts. */
  readonly bodies: Float64Array;
  /** `[moments, joints]`: rad or m, rad/s or m/s of hinges and slides; 0 for other joints. */
  readonly coordinates: Float64Array;
  readonly rates: Float64Array;
  /** `[moments]` */
  readonly kinetic_J: Float64Array;
  readonly potential_J: Float64Array;
  /** `[moments]`: of the deepest overlap of two shapes, in sizes of the smaller of their bodies. */
  readonly depth: Float64Array;
  /**
   * `[moments, sides, sides]` for sides = parts + 1, the first being what stands still: m between the nearest shapes of two sides, and m/s at which that closes.
   * Symmetric; as far as gaps are looked for where nothing is nearer.
   */
  readonly gaps_m: Float64Array;
  readonly closing_mps: Float64Array;
  /** `[moments]`: how far the worst quaternion's length is off 1. */
  readonly unnormalised: Float64Array;
  /** `[horizon, actuators]`, scene order: what each got. */
  readonly controls: Float64Array;
}

/** The same scene of bare masses: nothing to touch, so that putting it somewhere costs little. */
function bare(scene: SceneSpec): SceneSpec {
  return { ...scene, bodies: scene.bodies.map((body) => ({ ...body, shapes: [] })), sensors: [], cameras: [] };
}

export interface ProbeParts {
  readonly task: AnyTask;
  readonly engine: PhysicsEngine;
  readonly gapsOf: (scene: SceneSpec, reach_m: number) => ShapeGaps;
}

export class PhysicsProbe {
  readonly facts: MechanismFacts;
  readonly params: Params;
  /** Whether any two shapes of its scene may touch. */
  readonly canTouch: boolean;
  private readonly task: AnyTask;
  private readonly world: PhysicsWorld;
  private readonly gaps: ShapeGaps;
  private readonly row: Float64Array;
  private readonly view: MutableStateView;
  private readonly predicted: Int32Array;
  /** First elements, in a predicted row, of its quaternions. */
  private readonly quaternions: readonly number[];

  constructor({ task, engine, gapsOf }: ProbeParts, params: Params) {
    const scene = task.scene(params);
    const spec = layOut(task.state);
    this.task = task;
    this.params = params;
    this.facts = mechanismFacts(scene);
    this.world = engine.createWorld(bare(scene), settingsOf(task, engine));
    this.gaps = gapsOf(scene, this.facts.largest_m);
    this.canTouch = this.gaps.pairs.length > 0;
    this.row = new Float64Array(spec.size);
    this.view = viewsOver(task.state, this.row, 1)[0]!;
    this.predicted = elementsWithRole(spec, 'dynamic', 'signal');
    const starts = new Set(spec.entries.filter(({ kind }) => kind === 'quaternion').map(({ offset }) => offset));
    this.quaternions = [...this.predicted].flatMap((element, i) => (starts.has(element) ? [i] : []));
  }

  get controlDt_s(): number {
    return this.task.controlDt_s;
  }

  /** Whether its states hold rotations as quaternions. */
  get hasQuaternions(): boolean {
    return this.quaternions.length > 0;
  }

  /** A motion to `read` into. */
  motion(horizon: number): Motion {
    const { bodies, joints } = this.facts.scene;
    const moments = horizon + 1;
    const floats = (width: number) => new Float64Array(moments * width);
    const sides = (this.facts.parts.length + 1) ** 2;
    return {
      facts: this.facts,
      moments,
      dt_s: this.task.controlDt_s,
      isWhole: new Uint8Array(moments),
      bodies: floats(bodies.length * bodyStateSize),
      coordinates: floats(joints.length),
      rates: floats(joints.length),
      kinetic_J: floats(1),
      potential_J: floats(1),
      depth: floats(1),
      gaps_m: floats(sides),
      closing_mps: floats(sides),
      unnormalised: floats(1),
      controls: floats(this.facts.scene.actuators.length),
    };
  }

  /**
   * Reads a rollout.
   * @param start - float64 `[stateSize]`: whose context holds. @param rows - float64 `[moments, P]`, predicted elements. @param commands - `[horizon, commands]`.
   */
  read(start: Float64Array, rows: Float64Array, commands: Float64Array, into: Motion): void {
    this.takeControls(commands, into);
    for (let moment = 0; moment < into.moments; moment++) {
      const width = this.predicted.length;
      const row = rows.subarray(moment * width, (moment + 1) * width);
      const bodies = rowOf(into.bodies, moment, into.moments);
      into.isWhole[moment] = this.bodiesIn(start, row, bodies) ? 1 : 0;
      if (into.isWhole[moment]) this.readMoment(row, moment, into);
    }
  }

  /**
   * Writes where the bodies are and how they move in a state, float64 `[bodies, 13]`.
   * @param start - whose context holds. @param row - float64 `[P]`, predicted elements. @returns whether the state and what the engine made of it is finite.
   */
  bodiesIn(start: Float64Array, row: Float64Array, out: Float64Array): boolean {
    if (!row.every(Number.isFinite)) return false;
    const { world } = this;
    this.row.set(start);
    this.predicted.forEach((element, i) => {
      this.row[element] = row[i]!;
    });
    this.task.place(world, this.view);
    world.scene.bodies.forEach((_, body) => {
      world.bodyPose(body, out, body * bodyStateSize);
      world.bodyVelocity(body, out, body * bodyStateSize + velocityAt);
    });
    return out.every(Number.isFinite);
  }

  close(): void {
    this.world.free();
  }

  private takeControls(commands: Float64Array, { controls, moments }: Motion): void {
    const count = this.task.commands.length;
    this.task.commands.forEach(({ name }, command) => {
      const actuator = this.world.actuatorIndex(name);
      for (let step = 0; step + 1 < moments; step++)
        controls[step * this.facts.scene.actuators.length + actuator] = commands[step * count + command]!;
    });
  }

  private readMoment(row: Float64Array, moment: number, into: Motion): void {
    const { scene } = this.facts;
    const [bodies, coordinates, rates] = [into.bodies, into.coordinates, into.rates].map((all) => rowOf(all, moment, into.moments)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    scene.joints.forEach(({ kind }, joint) => {
      if (kind !== 'hinge' && kind !== 'slide') return;
      coordinates[joint] = this.world.jointPosition(joint);
      rates[joint] = this.world.jointVelocity(joint);
    });
    into.kinetic_J[moment] = kineticEnergy(scene, bodies, rates);
    into.potential_J[moment] = potentialEnergy(scene, bodies, coordinates);
    into.unnormalised[moment] = Math.max(0, ...this.quaternions.map((at) => Math.abs(Math.hypot(...row.subarray(at, at + 4)) - 1)));
    this.readGaps(bodies, moment, into);
  }

  private readGaps(bodies: Float64Array, moment: number, { gaps_m, closing_mps, depth }: Motion): void {
    const { gaps, facts } = this;
    const sides = facts.parts.length + 1;
    const first = moment * sides * sides;
    gaps_m.fill(gaps.reach_m, first, first + sides * sides);
    closing_mps.fill(0, first, first + sides * sides);
    depth[moment] = 0;
    gaps.measure(bodies);
    gaps.pairs.forEach(({ a, b }, pair) => {
      const gap_m = gaps.gaps_m[pair]!;
      const sizes = [facts.size_m[a]!, facts.size_m[b]!].filter((size) => size > 0);
      depth[moment] = Math.max(depth[moment]!, -gap_m / Math.min(...sizes));
      const [one, two] = [facts.partOf[a]! + 1, facts.partOf[b]! + 1];
      for (const at of [first + one * sides + two, first + two * sides + one]) {
        if (gap_m > gaps_m[at]!) continue;
        gaps_m[at] = gap_m;
        closing_mps[at] = gaps.closing_mps[pair]!;
      }
    });
  }
}

/** One of so many rows, a view. */
function rowOf(values: Float64Array, row: number, rows: number): Float64Array {
  const width = values.length / rows;
  return values.subarray(row * width, (row + 1) * width);
}
