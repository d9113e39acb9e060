import type { EngineName, EngineSettings, SceneSpec, SensorSpec } from './scene-spec.ts';

/**
 * One physical world on one engine. Everything is addressed by index, resolved once by name, so that a step allocates nothing.
 * Joint coordinates: see JointSpec and core/joints.ts; hinge angles in (−π, π]; all 0 (a ball: the identity) in the scene's rest pose.
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

  /** One coordinate of a joint: rad or m. @param axis - which of its coordinates, default the first. */
  jointPosition(joint: number, axis?: number): number;
  /** rad/s or m/s. */
  jointVelocity(joint: number, axis?: number): number;
  /**
   * Puts every joint in this position and velocity by forward kinematics from the fixed and free bodies; clears controls and contacts.
   * Free bodies stay where they are: to reset one, call `setJoints` first, then `setBody`, which carries along what is joined to it.
   * @param positions - a row of the joint layout. @param velocities - likewise.
   */
  setJoints(positions: ArrayLike<number>, velocities: ArrayLike<number>): void;
  /** Writes x, y, z, qx, qy, qz, qw (m; body frame in world). */
  bodyPose(body: number, out: Float64Array, offset?: number): void;
  /** Writes linear velocity of the body frame's origin (m/s) then angular velocity (rad/s), world frame. */
  bodyVelocity(body: number, out: Float64Array, offset?: number): void;
  /** Moves a free body, and with it all that hangs on it by joints (their coordinates stay). `pose` and `velocity` as above. */
  setBody(body: number, pose: ArrayLike<number>, velocity: ArrayLike<number>): void;
  /** In the actuator's own unit (see ActuatorSpec), held until set again. */
  setControl(actuator: number, value: number): void;
  /** Writes `sensorSize` numbers, see SensorSpec. */
  readSensor(sensor: number, out: Float64Array, offset?: number): void;
  /** One physics step of `settings.step_s`. */
  step(): void;
  /** Null, or what is wrong: a body not finite, or disabled by the engine. */
  problem(): string | null;
  /** The engine's whole state (warm starts included); continuing from it is bit-identical. */
  save(): Uint8Array;
  /** @throws SNAPSHOT_INVALID when the engine refuses the bytes. */
  load(state: Uint8Array): void;
  /** Back to the world as it was built: starting from it makes what follows independent of what was before. */
  rewind(): void;
  /** Releases engine memory; the world is unusable afterwards. */
  free(): void;
}

/** Numbers a sensor gives. */
export const sensorSize: Readonly<Record<SensorSpec['kind'], number>> = {
  jointPosition: 1,
  jointVelocity: 1,
  imu: 6,
  contactWrench: 6,
  ray: 1,
  framePose: 7,
};

export interface EngineInfo {
  readonly name: EngineName;
  readonly version: string;
}

export interface PhysicsEngine extends EngineInfo {
  /** @throws SCENE_INVALID when the scene is inconsistent or asks for what the engine cannot do. */
  createWorld(scene: SceneSpec, settings: EngineSettings): PhysicsWorld;
}
