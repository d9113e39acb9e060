/**
 * A scene: what stands in the world, engine-neutral. World frame: right-handed, z up. SI units. Quaternions x, y, z, w.
 */
export type Vector3 = readonly [number, number, number];
/** x, y, z, w. */
export type Quaternion = readonly [number, number, number, number];

export interface Pose {
  readonly position_m: Vector3;
  readonly orientation_xyzw?: Quaternion;
}

export type ShapeForm =
  | { readonly kind: 'box'; readonly halfExtents_m: Vector3 }
  | { readonly kind: 'sphere'; readonly radius_m: number }
  /** Along its local z axis; halfLength excludes the caps. */
  | { readonly kind: 'capsule'; readonly radius_m: number; readonly halfLength_m: number }
  | { readonly kind: 'cylinder'; readonly radius_m: number; readonly halfLength_m: number }
  /** The half space below local z = 0. */
  | { readonly kind: 'plane' };

export interface ShapeSpec {
  readonly form: ShapeForm;
  readonly pose?: Pose;
  /** Whether it touches other shapes (default true). Shapes of bodies joined by a joint never touch each other. */
  readonly collides?: boolean;
  readonly friction?: number;
  readonly restitution?: number;
  /** `#rrggbb`, for pictures only. */
  readonly colour?: string;
}

export interface BodySpec {
  readonly name: string;
  readonly kind: 'fixed' | 'dynamic';
  /** Pose of the body frame when every joint is at zero. */
  readonly pose: Pose;
  /** Required for a dynamic body. Shapes carry no mass of their own. */
  readonly inertial?: {
    readonly mass_kg: number;
    /** In the body frame. */
    readonly centreOfMass_m?: Vector3;
    /** Principal moments about the centre of mass, along the body frame's axes. */
    readonly inertia_kgm2: Vector3;
  };
  readonly shapes: readonly ShapeSpec[];
}

export interface JointSpec {
  readonly name: string;
  readonly kind: 'hinge' | 'slide' | 'fixed';
  readonly parent: string;
  readonly child: string;
  /** Where it sits in the parent's and the child's body frame. */
  readonly parentAnchor_m: Vector3;
  readonly childAnchor_m: Vector3;
  /** Unit axis, the same in both frames: frames are parallel at position 0. Hinge: right-handed. */
  readonly axis: Vector3;
  /** rad or m. */
  readonly limits?: readonly [number, number];
  /** N·m·s/rad or N·s/m. */
  readonly damping?: number;
}

/** A generalised force on a joint: N·m on a hinge, N on a slide; the control is clipped to ±maxForce. */
export interface ActuatorSpec {
  readonly name: string;
  readonly kind: 'force';
  readonly joint: string;
  readonly maxForce: number;
}

/** Sum of contact forces on a body, force N then torque N·m about its centre of mass, world frame, mean over the last physics step. */
export interface SensorSpec {
  readonly name: string;
  readonly kind: 'contactWrench';
  readonly body: string;
}

export interface SceneSpec {
  readonly name: string;
  readonly gravity_mps2: Vector3;
  readonly bodies: readonly BodySpec[];
  readonly joints: readonly JointSpec[];
  readonly actuators: readonly ActuatorSpec[];
  readonly sensors?: readonly SensorSpec[];
}

export interface EngineSettings {
  /** One physics step. */
  readonly step_s: number;
  readonly solverIterations?: number;
}
