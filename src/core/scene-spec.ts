/**
 * A scene: what stands in the world, engine-neutral. World frame: right-handed, z up. SI units. Quaternions x, y, z, w.
 * What an engine does with each feature (exact, approximated or refused by name) stands in docs/engines.md.
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
  | { readonly kind: 'plane' }
  /** Triangles; touches other shapes as its convex hull. */
  | {
      readonly kind: 'mesh';
      /** `[vertices, 3]`, m, in the shape's frame. */
      readonly vertices_m: Float32Array;
      /** `[triangles, 3]`, indices of vertices, counter-clockwise seen from outside. */
      readonly triangles: Uint32Array;
    };

/** How soft a stop or contact is, in MuJoCo's terms (its manual, "Solver parameters"). Engines without them say what they do instead. */
export interface Compliance {
  /** Time constant s and damping ratio (both positive), or −stiffness and −damping. */
  readonly solref?: readonly [number, number];
  /** dmin, dmax, width, and optionally midpoint and power. */
  readonly solimp?: readonly number[];
  /** Contact or limit acts from this distance on: m (contact, slide) or rad (hinge). */
  readonly margin?: number;
}

export interface ShapeSpec {
  readonly form: ShapeForm;
  readonly pose?: Pose;
  /** Whether it touches other shapes (default true). Two dynamic bodies joined by a joint never touch each other. */
  readonly collides?: boolean;
  /**
   * Two shapes touch when the `group` of one shares a bit with the `mask` of the other, either way round (MuJoCo's contype and conaffinity).
   * 16-bit sets, default 1 and 1.
   */
  readonly group?: number;
  readonly mask?: number;
  /** Coulomb coefficient of sliding; two touching shapes use the larger. Default .5. */
  readonly friction?: number;
  /** m, of turning about the normal and of rolling; 0 = a point contact (default). */
  readonly torsionalFriction_m?: number;
  readonly rollingFriction_m?: number;
  /** False: the contact pushes only, without any friction; both shapes of a contact must say so. Default true. */
  readonly isRough?: boolean;
  /** Two touching shapes use the mean of theirs. Default 0. */
  readonly restitution?: number;
  readonly compliance?: Compliance;
  /** `#rrggbb`, for pictures only. */
  readonly colour?: string;
}

export interface Inertial {
  readonly mass_kg: number;
  /** In the body frame. */
  readonly centreOfMass_m?: Vector3;
  /** Principal moments about the centre of mass, along the body frame's axes turned by `principalAxes_xyzw`. */
  readonly inertia_kgm2: Vector3;
  /** Turns the body frame's axes onto the principal ones; default the identity. */
  readonly principalAxes_xyzw?: Quaternion;
}

export interface BodySpec {
  readonly name: string;
  /** A dynamic body that no joint holds as its child is free. */
  readonly kind: 'fixed' | 'dynamic';
  /** Pose of the body frame when every joint is at zero; of a free body, where it starts. */
  readonly pose: Pose;
  /** Required for a dynamic body. Shapes carry no mass of their own. */
  readonly inertial?: Inertial;
  readonly shapes: readonly ShapeSpec[];
}

/**
 * A joint's coordinates, in this order (see core/joints.ts for where they lie in a row):
 * hinge: angle rad · slide: distance m · fixed: none ·
 * planar: distances m along `slideAxes`, then the angle rad about `axis` ·
 * ball: position the quaternion x, y, z, w of the child in the parent's frame, velocity 3 rad/s in the child's frame.
 */
export interface JointSpec {
  readonly name: string;
  readonly kind: 'hinge' | 'slide' | 'fixed' | 'planar' | 'ball';
  readonly parent: string;
  readonly child: string;
  /** Where it sits in the parent's and the child's body frame. */
  readonly parentAnchor_m: Vector3;
  readonly childAnchor_m: Vector3;
  /** Unit axis, the same in both frames: frames are parallel at position 0. Hinge and planar: right-handed about it. */
  readonly axis: Vector3;
  /** Planar joints: two unit vectors normal to `axis` and to each other. */
  readonly slideAxes?: readonly [Vector3, Vector3];
  /** rad or m; hinges and slides only. A hinge's lie in [−π, π]. */
  readonly limits?: readonly [number, number];
  readonly limitCompliance?: Compliance;
  /** N·m·s/rad or N·s/m. */
  readonly damping?: number;
  /** Rotor inertia seen by this joint: kg·m² or kg. It resists the joint's own acceleration and loads nothing else. */
  readonly armature?: number;
  /** N·m/rad or N/m, towards `springRest`. Hinges and slides only. */
  readonly stiffness?: number;
  /** rad or m; default 0. */
  readonly springRest?: number;
  /** Dry friction: N·m or N. Hinges and slides only. */
  readonly dryFriction?: number;
}

/** Drives a hinge or a slide. `maxForce` caps what it exerts: N·m or N. Control values are held until set again. */
export type ActuatorSpec =
  /** The control is a generalised force, N·m or N; `gain` (default 1) times as much acts: how strong the motor really is. */
  | { readonly name: string; readonly kind: 'force'; readonly joint: string; readonly maxForce: number; readonly gain?: number }
  /** The control is a position, rad or m: stiffness · (control − position) − damping · velocity. */
  | {
      readonly name: string;
      readonly kind: 'position';
      readonly joint: string;
      readonly maxForce: number;
      readonly stiffness: number;
      readonly damping: number;
    }
  /** The control is a velocity, rad/s or m/s: damping · (control − velocity). */
  | { readonly name: string; readonly kind: 'velocity'; readonly joint: string; readonly maxForce: number; readonly damping: number };

export type SensorSpec =
  /** 1: rad or m of a hinge or slide. */
  | { readonly name: string; readonly kind: 'jointPosition'; readonly joint: string }
  /** 1: rad/s or m/s. */
  | { readonly name: string; readonly kind: 'jointVelocity'; readonly joint: string }
  /** 6: proper acceleration m/s² (at rest it points up with 9.81) of the site, then angular velocity rad/s, both in the site's frame; the acceleration is the mean over the last physics step. */
  | { readonly name: string; readonly kind: 'imu'; readonly body: string; readonly site?: Pose }
  /**
   * 6: sum of contact forces on a body, N, then their torque N·m, world frame, of the last physics step.
   * The torque is about the body's centre of mass or, with `about: 'robot'`, about that of all bodies joined with it.
   */
  | { readonly name: string; readonly kind: 'contactWrench'; readonly body: string; readonly about?: 'body' | 'robot' }
  /** 1: distance m along the site's +z to the nearest shape of another body; `range_m` where nothing is nearer. */
  | { readonly name: string; readonly kind: 'ray'; readonly body: string; readonly site?: Pose; readonly range_m: number }
  /** 7: position m and orientation x, y, z, w of a site on a body, world frame. */
  | { readonly name: string; readonly kind: 'framePose'; readonly body: string; readonly site?: Pose };

/** A camera fixed in the world or on a body; it never changes the physics. */
export interface CameraSpec {
  readonly name: string;
  /** Moves with this body; absent = fixed in the world. */
  readonly body?: string;
  /** `turning`: fixed in the body's frame (default). `following`: keeps its direction and its offset from the body's origin. */
  readonly mode?: 'turning' | 'following';
  readonly position_m: Vector3;
  /** What is in the middle of the picture; same frame as the position. */
  readonly target_m: Vector3;
  /** Which way is up in the picture; default +z. */
  readonly up?: Vector3;
  /** Vertical, in (0, π). */
  readonly fieldOfView_rad: number;
}

export interface SceneSpec {
  readonly name: string;
  readonly gravity_mps2: Vector3;
  readonly bodies: readonly BodySpec[];
  readonly joints: readonly JointSpec[];
  readonly actuators: readonly ActuatorSpec[];
  readonly sensors?: readonly SensorSpec[];
  readonly cameras?: readonly CameraSpec[];
}

export const engineNames = ['rapier', 'mujoco'] as const;
export type EngineName = (typeof engineNames)[number];

export interface RapierSettings {
  /** One physics step. */
  readonly step_s: number;
  /** Substeps of a physics step. Default 4. */
  readonly solverIterations?: number;
  /** Sweeps over the constraints in a substep. Default 1. */
  readonly pgsIterations?: number;
  /** How stiff contacts are; higher sinks less. Default 240. */
  readonly contactFrequency_Hz?: number;
  /**
   * Contacts are looked for once a step: shapes this near each other are kept from meeting within it. Default .02, more for long steps.
   * Scenes with restitution keep the default: a contact that is foreseen bounces too early.
   */
  readonly predictionDistance_m?: number;
}

export interface MujocoSettings {
  /** One physics step. */
  readonly step_s: number;
  /** Default 'implicitfast'. */
  readonly integrator?: 'euler' | 'rk4' | 'implicit' | 'implicitfast';
  /** Most sweeps of the constraint solver (Newton). Default 100. */
  readonly iterations?: number;
  /** Default 'pyramidal'. */
  readonly cone?: 'pyramidal' | 'elliptic';
  /** Ratio of friction to normal impedance; higher slips less. Default 1. */
  readonly impratio?: number;
}

/** What one engine needs to know beside the scene. */
export type EngineSettings = RapierSettings | MujocoSettings;
