import type { Quaternion, ShapeForm, Vector3 } from '../core/scene-spec.ts';
import { GroundtwinError, unreachable } from '../errors.ts';
import type { Replay, ReplayShape } from './report-input.ts';

/**
 * A shape as the player draws it: project the points onto the view, take their convex hull, inflate it by the radius.
 * Exact for boxes, spheres and capsules at any orientation; a cylinder's rim is a polygon.
 */
export interface Outline {
  readonly body: number;
  /** In the body frame, m. */
  readonly points: readonly Vector3[];
  readonly radius_m: number;
  readonly colour: string | null;
  /** Whether the dream moves this body elsewhere; if not it is drawn once. */
  readonly ghost: boolean;
}

export interface PlayerData {
  readonly dt_s: number;
  readonly count: number;
  readonly bodies: number;
  readonly outlines: readonly Outline[];
  /** Heights of ground planes, m. */
  readonly grounds: readonly number[];
  readonly truth: readonly number[];
  readonly dream: readonly number[];
  readonly bounds: readonly [left: number, right: number, bottom: number, top: number];
  readonly resyncs: readonly number[];
  readonly errors: readonly number[];
  readonly errorUnit: string;
  readonly rewards: { readonly truth: readonly number[]; readonly dream: readonly number[] } | null;
}

const POSE_NUMBERS = 7;
/** Most frames a page carries: at 20 Hz almost seven minutes. */
export const MOST_FRAMES = 8000;
const RIM_POINTS = 24;
/** Decimals kept of metres and quaternion parts: a tenth of a millimetre. */
const POSE_DECIMALS = 4;

/**
 * Checks a replay and turns it into what the player needs.
 * @throws REPORT_INPUT_INVALID when lengths do not fit, a pose is not finite or there are too many frames.
 */
export function playerData(replay: Replay): PlayerData {
  const count = replay.errors.length;
  checkReplay(replay, count);
  const { left_m, right_m, bottom_m, top_m } = replay.view.bounds;
  const shapes = replay.bodies.flatMap(({ shapes }, body) => shapes.map((shape) => ({ shape, body })));
  const { rewards } = replay;
  return {
    dt_s: replay.dt_s,
    count,
    bodies: replay.bodies.length,
    outlines: shapes
      .filter(({ shape }) => shape.form.kind !== 'plane')
      .map(({ shape, body }) => outlineOf(shape, body, movesApart(replay, body))),
    grounds: shapes.filter(({ shape }) => shape.form.kind === 'plane').map(({ shape, body }) => groundHeight(replay, shape, body)),
    truth: rounded(replay.frames.truth, POSE_DECIMALS),
    dream: rounded(replay.frames.dream, POSE_DECIMALS),
    bounds: [left_m, right_m, bottom_m, top_m],
    resyncs: replay.resyncs,
    errors: rounded(replay.errors, POSE_DECIMALS),
    errorUnit: replay.errorUnit ?? 'σ',
    rewards: rewards ? { truth: rounded(rewards.truth, POSE_DECIMALS), dream: rounded(rewards.dream ?? [], POSE_DECIMALS) } : null,
  };
}

function checkReplay({ bodies, frames, view, dt_s, rewards }: Replay, count: number): void {
  const poses = count * bodies.length * POSE_NUMBERS;
  const { left_m, right_m, bottom_m, top_m } = view.bounds;
  if (count < 1 || count > MOST_FRAMES) invalid(`it has ${count} frames, 1 to ${MOST_FRAMES} can be shown`);
  for (const [name, values] of Object.entries(frames))
    if (values.length !== poses) invalid(`${name} has ${values.length} numbers instead of ${poses} (frames × bodies × 7)`);
  if (rewards && rewards.truth.length !== count) invalid(`there are ${rewards.truth.length} rewards for ${count} frames`);
  if (!(dt_s > 0)) invalid(`dt_s is ${dt_s}`);
  if (!(right_m > left_m && top_m > bottom_m)) invalid('the view has no area');
  if (!Array.prototype.every.call(frames.truth, Number.isFinite)) invalid('a true pose is not finite');
}

function invalid(problem: string): never {
  throw new GroundtwinError('REPORT_INPUT_INVALID', { what: 'replay', problem });
}

function outlineOf({ form, pose, colour }: ReplayShape, body: number, ghost: boolean): Outline {
  const { points, radius_m } = outlinePoints(form);
  const turn = pose?.orientation_xyzw ?? [0, 0, 0, 1];
  const [x, y, z] = pose?.position_m ?? [0, 0, 0];
  const placed = points.map((point) => {
    const turned = rotate(turn, point);
    return [round(turned[0] + x, POSE_DECIMALS), round(turned[1] + y, POSE_DECIMALS), round(turned[2] + z, POSE_DECIMALS)] as const;
  });
  return { body, points: placed, radius_m, colour: colour !== undefined && /^#[0-9a-f]{6}$/i.test(colour) ? colour : null, ghost };
}

function outlinePoints(form: ShapeForm): { points: Vector3[]; radius_m: number } {
  switch (form.kind) {
    case 'box':
      return { points: corners(form.halfExtents_m), radius_m: 0 };
    case 'sphere':
      return { points: [[0, 0, 0]], radius_m: form.radius_m };
    case 'capsule':
      return {
        points: [
          [0, 0, -form.halfLength_m],
          [0, 0, form.halfLength_m],
        ],
        radius_m: form.radius_m,
      }; // prettier-ignore
    case 'cylinder':
      return { points: rims(form.radius_m, form.halfLength_m), radius_m: 0 };
    case 'plane':
      return { points: [], radius_m: 0 };
    case 'mesh':
      return {
        points: Array.from(
          { length: form.vertices_m.length / 3 },
          (_, i): Vector3 => [form.vertices_m[3 * i]!, form.vertices_m[3 * i + 1]!, form.vertices_m[3 * i + 2]!],
        ),
        radius_m: 0,
      };
    default:
      return unreachable(form);
  }
}

function corners([x, y, z]: Vector3): Vector3[] {
  const signs = [-1, 1];
  return signs.flatMap((i) => signs.flatMap((j) => signs.map((k): Vector3 => [i * x, j * y, k * z])));
}

function rims(radius_m: number, halfLength_m: number): Vector3[] {
  return Array.from({ length: 2 * RIM_POINTS }, (_, i): Vector3 => {
    const angle = (2 * Math.PI * i) / RIM_POINTS;
    return [radius_m * Math.cos(angle), radius_m * Math.sin(angle), i < RIM_POINTS ? -halfLength_m : halfLength_m];
  });
}

/** v + 2q × (q × v + w v). */
function rotate([qx, qy, qz, qw]: Quaternion, [x, y, z]: Vector3): Vector3 {
  const tx = 2 * (qy * z - qz * y);
  const ty = 2 * (qz * x - qx * z);
  const tz = 2 * (qx * y - qy * x);
  return [x + qw * tx + qy * tz - qz * ty, y + qw * ty + qz * tx - qx * tz, z + qw * tz + qx * ty - qy * tx];
}

/** A difference of less than this is not drawn, m or quaternion part. */
const VISIBLE = 1e-4;

function movesApart({ frames, bodies }: Replay, body: number): boolean {
  const stride = bodies.length * POSE_NUMBERS;
  for (let row = body * POSE_NUMBERS; row < frames.truth.length; row += stride)
    for (let i = row; i < row + POSE_NUMBERS; i++) if (!(Math.abs(frames.truth[i]! - frames.dream[i]!) < VISIBLE)) return true;
  return false;
}

function groundHeight({ frames }: Replay, { pose }: ReplayShape, body: number): number {
  return frames.truth[body * POSE_NUMBERS + 2]! + (pose?.position_m[2] ?? 0);
}

/** A dream may diverge: what is not finite is drawn far outside the view. */
const FAR_AWAY = 1e6;

function rounded(values: ArrayLike<number>, decimals: number): number[] {
  return Array.from(values, (value) => (Number.isFinite(value) ? round(value, decimals) : FAR_AWAY));
}

function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals)) + 0;
}
