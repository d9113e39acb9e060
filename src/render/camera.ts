import type { Camera } from '../core/picture.ts';
import { GroundtwinError } from '../errors.ts';
import { turnOut, writeTurn } from '../math/rotation-matrix.ts';

/** Where a camera is and how it is turned; axes are unit vectors. */
export interface CameraFrame {
  readonly origin: Float64Array;
  readonly right: Float64Array;
  /** Down the picture, so that rows grow along it. */
  readonly down: Float64Array;
  readonly forward: Float64Array;
}

/** A camera that goes where its body goes. */
export class MountedCamera {
  /** In the world, as of the last `place`. */
  readonly frame: CameraFrame;
  /** Half the picture's height, 1 m ahead. */
  readonly halfHeight: number;
  /** −1: fixed in the world. */
  private readonly body: number;
  private readonly isTurning: boolean;
  /** As declared. */
  private readonly own: CameraFrame;
  private readonly turn = new Float64Array(9);

  /**
   * @param bodies - in the order of the poses.
   * @throws OPTION_INVALID when the camera looks nowhere, along its own up, has no field of view, or sits on a body there is none of.
   */
  constructor(camera: Camera, bodies: readonly { readonly name: string }[]) {
    const { fieldOfView_rad, body, mode = 'turning' } = camera;
    if (!(fieldOfView_rad > 0 && fieldOfView_rad < Math.PI)) refuse('fieldOfView_rad', String(fieldOfView_rad), 'in (0, π)');
    if (mode !== 'turning' && mode !== 'following') refuse('mode', String(mode), "'turning' or 'following'");
    this.body = bodies.findIndex(({ name }) => name === body);
    if (body !== undefined && this.body < 0) refuse('body', `'${body}'`, `one of ${bodies.map(({ name }) => name).join(', ')}`);
    this.isTurning = mode === 'turning';
    this.halfHeight = Math.tan(fieldOfView_rad / 2);
    this.own = frameOf(camera);
    const { origin, right, down, forward } = this.own;
    this.frame = { origin: origin.slice(), right: right.slice(), down: down.slice(), forward: forward.slice() };
  }

  /** @param poses - float64 `[bodies, 7]` in the world: m, quaternion x, y, z, w. */
  place(poses: Float64Array): void {
    if (this.body < 0) return;
    const { turn, own, frame } = this;
    const at = 7 * this.body;
    if (this.isTurning) {
      writeTurn(poses[at + 3]!, poses[at + 4]!, poses[at + 5]!, poses[at + 6]!, turn, 0);
      turnOut(turn, 0, own.right, frame.right, 0);
      turnOut(turn, 0, own.down, frame.down, 0);
      turnOut(turn, 0, own.forward, frame.forward, 0);
      turnOut(turn, 0, own.origin, frame.origin, 0);
    } else frame.origin.set(own.origin);
    for (let i = 0; i < 3; i++) frame.origin[i] = poses[at + i]! + frame.origin[i]!;
  }
}

function frameOf(camera: Camera): CameraFrame {
  const origin = vectorOf('position_m', camera.position_m);
  const target = vectorOf('target_m', camera.target_m);
  const up = vectorOf('up', camera.up ?? [0, 0, 1]);
  const forward = unit(target.map((value, i) => value - origin[i]!));
  if (!forward) return refuse('target_m', target.join(', '), 'finite and away from position_m');
  const right = unit(cross(forward, up));
  if (!right) return refuse('up', up.join(', '), 'finite and not along the line of sight');
  return { origin, right, down: cross(forward, right), forward };
}

/** Cameras come from afar too. */
function vectorOf(option: string, value: unknown): Float64Array {
  const vector = Array.isArray(value) || ArrayBuffer.isView(value) ? Float64Array.from(value as unknown as ArrayLike<number>) : undefined;
  return vector?.length === 3 ? vector : refuse(option, vector ? `${vector.length} numbers` : `a ${typeof value}`, 'three numbers');
}

function refuse(option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'camera', option, value, allowed });
}

function cross(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return Float64Array.of(a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!);
}

function unit(v: Float64Array): Float64Array | undefined {
  const length = Math.sqrt(v[0]! * v[0]! + v[1]! * v[1]! + v[2]! * v[2]!);
  return length > 1e-9 && Number.isFinite(length) ? v.map((value) => value / length) : undefined;
}
