import type { Dynamics, LaneRows } from '../core/dynamics.ts';
import type { EngineInfo, PhysicsEngine, PhysicsWorld } from '../core/physics-world.ts';
import type { EngineSettings } from '../core/scene-spec.ts';
import { packSections, unpackSections } from '../core/sections.ts';
import type { MutableStateView, StateView } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import type { AnyTask, Params } from './task.ts';

interface Lane {
  readonly world: PhysicsWorld;
  readonly actuators: Int32Array;
  readonly params: Params;
}

/** Truth: one engine world a lane. */
export class PhysicsDynamics implements Dynamics {
  readonly kind = 'truth' as const;
  readonly fingerprint: string;
  private readonly task: AnyTask;
  private readonly engine: PhysicsEngine;
  private readonly settings: EngineSettings;
  private readonly substeps: number;
  private readonly laneOf: (Lane | undefined)[] = [];

  /** @throws SCENE_INVALID when the physics step does not divide the control step. */
  constructor(task: AnyTask, engine: PhysicsEngine) {
    this.task = task;
    this.engine = engine;
    this.settings = settingsOf(task, engine);
    const ratio = task.controlDt_s / this.settings.step_s;
    this.substeps = Math.round(ratio);
    if (this.substeps < 1 || Math.abs(ratio - this.substeps) > 1e-9)
      throw new GroundtwinError('SCENE_INVALID', {
        scene: task.id,
        problem: `a physics step of ${this.settings.step_s} s does not divide the control step of ${task.controlDt_s} s`,
      });
    this.laneOf[0] = this.build(task.params);
    this.fingerprint = this.laneOf[0].world.sceneHash;
  }

  /** The world of a lane, for pictures, ghosts and plausibility checks. */
  world(lane: number): PhysicsWorld | undefined {
    return this.laneOf[lane]?.world;
  }

  start(lane: number, _row: Float64Array, view: StateView, params: Params): void {
    const { world } = this.laneFor(lane, params);
    world.rewind();
    this.task.place(world, view);
    this.task.read(world, view as MutableStateView);
  }

  advance(rows: LaneRows, active: Uint8Array): void {
    for (let lane = 0; lane < rows.lanes; lane++) if (active[lane]) this.advanceLane(rows, lane);
  }

  save(lane: number): Uint8Array {
    const { world } = this.existing(lane);
    return packSections({ scene: world.sceneHash }, [world.save()]);
  }

  load(lane: number, state: Uint8Array, _row: Float64Array, _view: StateView, params: Params): void {
    const { head, parts } = unpackSections<{ scene: string }>(state);
    if (!parts[0]) throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'it holds no physics' });
    // The lane goes on with what it has until the snapshot is known to fit.
    const held = this.laneOf[lane];
    const target = held && sameParams(held.params, params) ? held : this.build(params);
    try {
      this.fill(target.world, head?.scene, parts[0]);
    } catch (error) {
      if (target !== held) target.world.free();
      throw error;
    }
    if (target !== held) held?.world.free();
    this.laneOf[lane] = target;
  }

  check(params: Params): void {
    this.build(params).world.free();
  }

  private fill(world: PhysicsWorld, scene: unknown, state: Uint8Array): void {
    if (scene !== world.sceneHash)
      throw new GroundtwinError('SNAPSHOT_FOREIGN', {
        what: 'scene',
        expected: world.sceneHash.slice(0, 12),
        got: String(scene).slice(0, 12),
      });
    world.load(state);
  }

  close(): void {
    for (const lane of this.laneOf) lane?.world.free();
    this.laneOf.length = 0;
  }

  private advanceLane(rows: LaneRows, lane: number): void {
    const { task, substeps } = this;
    const { world, actuators } = this.laneOf[lane]!;
    const view = rows.nextViews[lane] as MutableStateView;
    const base = lane * actuators.length;
    for (let i = 0; i < actuators.length; i++) world.setControl(actuators[i]!, rows.command[base + i]!);
    const share = 1 / substeps;
    if (task.accumulate) clearSignals(task, view);
    for (let i = 0; i < substeps; i++) {
      world.step();
      task.accumulate?.(world, view, share);
    }
    task.read(world, view);
    rows.problems[lane] = world.problem();
  }

  private laneFor(lane: number, params: Params): Lane {
    const held = this.laneOf[lane];
    if (held && sameParams(held.params, params)) return held;
    const built = this.build(params);
    held?.world.free();
    this.laneOf[lane] = built;
    return built;
  }

  private existing(lane: number): Lane {
    const held = this.laneOf[lane];
    if (!held) throw new GroundtwinError('ENV_NOT_RESET', { env: this.task.id, lane });
    return held;
  }

  private build(params: Params): Lane {
    const world = this.engine.createWorld(this.task.scene(params), this.settings);
    return {
      world,
      actuators: Int32Array.from(this.task.commands, (command) => world.actuatorIndex(command.name)),
      params,
    };
  }
}

/** @throws OPTION_INVALID when the task has no settings for this engine. */
export function settingsOf(task: AnyTask, engine: EngineInfo): EngineSettings {
  const settings = task.engines[engine.name];
  if (settings) return settings;
  throw new GroundtwinError('OPTION_INVALID', {
    who: task.id,
    option: 'engine',
    value: engine.name,
    allowed: `one the task has settings for: ${Object.keys(task.engines).join(', ')}`,
  });
}

/** Whether the same scene comes of both. */
export function sameParams(a: Params, b: Params): boolean {
  return a === b || (Object.keys(a).length === Object.keys(b).length && Object.keys(a).every((name) => a[name] === b[name]));
}

function clearSignals(task: AnyTask, view: MutableStateView): void {
  for (const name in task.state) {
    if (task.state[name]!.role !== 'signal') continue;
    const value = (view as Record<string, number | Float64Array>)[name];
    if (value instanceof Float64Array) value.fill(0);
    else (view as Record<string, number | Float64Array>)[name] = 0;
  }
}
