import type { Vector3 } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';

/** A pinhole camera. World frame: right-handed, z up. */
export interface Camera {
  readonly position_m: Vector3;
  /** What is in the middle of the picture. */
  readonly target_m: Vector3;
  /** Which way is up in the picture; default +z. Not along the line of sight. */
  readonly up?: Vector3;
  /** Vertical field of view in (0, π). */
  readonly fieldOfView_rad: number;
}

/** The camera's axes in the world, unit vectors. */
export interface CameraFrame {
  readonly origin: Vector3;
  readonly right: Vector3;
  /** Down the picture, so that rows grow along it. */
  readonly down: Vector3;
  readonly forward: Vector3;
  /** Half the picture's height, 1 m ahead. */
  readonly halfHeight: number;
}

/** @throws OPTION_INVALID when the camera looks nowhere, along its own up, or has no field of view. */
export function frameOf(camera: Camera): CameraFrame {
  const { position_m: origin, target_m, up = [0, 0, 1], fieldOfView_rad } = camera;
  if (!(fieldOfView_rad > 0 && fieldOfView_rad < Math.PI)) refuse('fieldOfView_rad', String(fieldOfView_rad), 'in (0, π)');
  const forward = unit([target_m[0] - origin[0], target_m[1] - origin[1], target_m[2] - origin[2]]);
  if (!forward) return refuse('target_m', target_m.join(', '), 'finite and away from position_m');
  const right = unit(cross(forward, up));
  if (!right) return refuse('up', up.join(', '), 'finite and not along the line of sight');
  return { origin, right, down: cross(forward, right), forward, halfHeight: Math.tan(fieldOfView_rad / 2) };
}

function refuse(option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'camera', option, value, allowed });
}

function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function unit(v: Vector3): Vector3 | undefined {
  const length = Math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  return length > 1e-9 && Number.isFinite(length) ? [v[0] / length, v[1] / length, v[2] / length] : undefined;
}
