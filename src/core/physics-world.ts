import type { EngineSettings, SceneSpec } from './scene-spec.ts';

/**
 * One physical world on one engine. Everything is addressed by index, resolved once by name, so that a step allocates nothing.
 * Joint coordinates: hinge rad in (−π, π], slide m, both 0 in the scene's rest pose.
 */
export interface PhysicsWorld {
  readonly engine: EngineInfo;
  readonly scene: SceneSpec;
  /** sha256 over scene, engine, version and settings: what a snapshot must match. */
  readonly sceneHash: string;

  /** @throws SCENE_INVALID for an unknown name. */
  jointIndex(name: string): number;
  bodyIndex(name: string): number;
  actuatorIndex(name: string): number;
  sensorIndex(name: string): number;

  jointPosition(joint: number): number;
  jointVelocity(joint: number): number;
  /**
   * Puts every joint in this position and velocity by forward kinematics from the fixed bodies; clears controls and contacts.
   * @param positions - one per joint, scene order; rad or m. @param velocities - rad/s or m/s.
   */
  setJoints(positions: ArrayLike<number>, velocities: ArrayLike<number>): void;
  /** Writes x, y, z, qx, qy, qz, qw (m; body frame in world). */
  bodyPose(body: number, out: Float64Array, offset?: number): void;
  /** Writes linear velocity of the centre of mass (m/s) then angular velocity (rad/s), world frame. */
  bodyVelocity(body: number, out: Float64Array, offset?: number): void;
  /** Moves a body that no joint holds. `pose` and `velocity` as above. */
  setBody(body: number, pose: ArrayLike<number>, velocity: ArrayLike<number>): void;
  /** N or N·m, held until set again. */
  setControl(actuator: number, value: number): void;
  /** Writes 6 numbers, see SensorSpec. */
  readSensor(sensor: number, out: Float64Array, offset?: number): void;
  /** One physics step of `settings.step_s`. */
  step(): void;
  /** Null, or what is wrong: a body not finite, or disabled by the engine. */
  problem(): string | null;
  /** The engine's whole state (warm starts included); continuing from it is bit-identical. */
  save(): Uint8Array;
  /** @throws SNAPSHOT_INVALID when the engine refuses the bytes. */
  load(state: Uint8Array): void;
  /** Releases engine memory; the world is unusable afterwards. */
  free(): void;
}

export interface EngineInfo {
  readonly name: string;
  readonly version: string;
}

export interface PhysicsEngine extends EngineInfo {
  /** @throws SCENE_INVALID when the scene is inconsistent or asks for what the engine cannot do. */
  createWorld(scene: SceneSpec, settings: EngineSettings): PhysicsWorld;
}
