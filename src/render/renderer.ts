import type { BodySpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { windowOf } from './bounds.ts';
import { type Camera, frameOf } from './camera.ts';
import { type CastShape, facing, kinds, meet, radiusOf, sizesOf } from './shapes.ts';

export interface RenderOptions {
  readonly camera: Camera;
  /** Pixels, 1 to 4096. */
  readonly width: number;
  readonly height: number;
  /** Whether shapes shade each other; about half the speed. Default false. */
  readonly shadows?: boolean;
  /** What lies further off is not seen; default 100. */
  readonly far_m?: number;
}

/** One picture; all of it from the same rays. Row-major, the top row first. Reused by the next: copy what you keep. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** uint8 `[height, width, 3]`, sRGB. */
  readonly rgb: Uint8Array;
  /** float32 `[height, width]`, m along the line of sight of the camera (not of the pixel); Infinity where nothing is. */
  readonly depth_m: Float32Array;
  /** int16 `[height, width]`: index of the body in the scene; −1 where nothing is. */
  readonly segments: Int16Array;
}

const largestSide = 4096;
/** Pictures number them in int16. */
const mostShapes = 32767;
const defaultColour = '#b8b8b8';
/** Towards the light, unit: from the front, the left and above. */
const light = [-0.36, -0.48, 0.8] as const;
const ambient = 0.42;
const background = [232, 238, 245] as const;
/** A floor of squares shows motion. */
const square_m = 0.5;
const darkSquare = 0.88;
/** Rays towards the light start this far off the surface. */
const lift_m = 1e-4;
const viewSize = 15;

/**
 * Casts a ray through each pixel's middle at planes, boxes, spheres, capsules and cylinders: no GPU, no files, the same bytes for the same poses.
 * Rays have length 1 along the line of sight, so a distance along a ray is a depth.
 */
export class Renderer {
  readonly picture: Picture;
  /** Shapes in the order of `shapes`; body poses come in that of the scene. */
  private readonly shapes: readonly CastShape[];
  private readonly frame;
  private readonly far_m: number;
  private readonly shadows: boolean;
  /** Half of the picture, 1 m ahead: across, then down. */
  private readonly half: readonly [number, number];
  /** Per shape, float64 `[9]`: world to shape rotation, by rows. */
  private readonly turns: Float64Array;
  /** Per shape, float64 `[3]`: its centre in the world. */
  private readonly centres: Float64Array;
  private readonly hits: Int16Array;
  private readonly bodyTurn = new Float64Array(9);
  private readonly eye = new Float64Array(3);
  private readonly window = { left: 0, right: 0, top: 0, bottom: 0 };
  private readonly placement = { centre: new Float64Array(3), axes: new Float64Array(9) };
  /** Per shape, float64 `[15]`: eye, line of sight, right, down and light in its frame. */
  private readonly views: Float64Array;
  /** Per shape: what it reaches about its centre. */
  private readonly radii: Float64Array;

  /** @throws OPTION_INVALID for a size or camera that makes no picture. */
  constructor(bodies: readonly Pick<BodySpec, 'name' | 'shapes'>[], options: RenderOptions) {
    const { width, height } = options;
    for (const [option, value] of Object.entries({ width, height }))
      if (!Number.isInteger(value) || value < 1 || value > largestSide)
        throw new GroundtwinError('OPTION_INVALID', {
          who: 'Renderer',
          option,
          value: String(value),
          allowed: `an integer from 1 to ${largestSide}`,
        });
    this.frame = frameOf(options.camera);
    this.far_m = options.far_m ?? 100;
    if (!(this.far_m > 0))
      throw new GroundtwinError('OPTION_INVALID', { who: 'Renderer', option: 'far_m', value: String(this.far_m), allowed: 'above 0' });
    this.shadows = options.shadows ?? false;
    this.half = [(this.frame.halfHeight * width) / height, this.frame.halfHeight];
    this.shapes = castShapes(bodies);
    if (Math.max(bodies.length, this.shapes.length) > mostShapes)
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'Renderer',
        option: 'bodies',
        value: `${bodies.length} with ${this.shapes.length} shapes`,
        allowed: `at most ${mostShapes} of each`,
      });
    this.turns = new Float64Array(9 * this.shapes.length);
    this.centres = new Float64Array(3 * this.shapes.length);
    this.views = new Float64Array(viewSize * this.shapes.length);
    this.radii = Float64Array.from(this.shapes, radiusOf);
    this.hits = new Int16Array(width * height);
    this.picture = {
      width,
      height,
      rgb: new Uint8Array(width * height * 3),
      depth_m: new Float32Array(width * height),
      segments: new Int16Array(width * height),
    };
  }

  /** @param poses - float64 `[bodies, 7]` in the world: m, quaternion x, y, z, w. @returns `picture`. */
  render(poses: Float64Array): Picture {
    this.picture.depth_m.fill(this.far_m);
    this.hits.fill(-1);
    for (let index = 0; index < this.shapes.length; index++) {
      this.place(this.shapes[index]!, index, poses);
      this.cast(this.shapes[index]!, index);
    }
    this.shade();
    return this.picture;
  }

  private place(shape: CastShape, index: number, poses: Float64Array): void {
    const { turns, centres, views, bodyTurn } = this;
    const at = 7 * shape.body;
    const { position, orientation } = shape;
    writeTurn(poses[at + 3]!, poses[at + 4]!, poses[at + 5]!, poses[at + 6]!, bodyTurn, 0);
    // The rows of a turn lead into the body's frame; its columns lead out.
    for (let i = 0; i < 3; i++)
      centres[3 * index + i] =
        poses[at + i]! + bodyTurn[i]! * position[0]! + bodyTurn[3 + i]! * position[1]! + bodyTurn[6 + i]! * position[2]!;
    multiplyTurns(orientation, bodyTurn, turns, 9 * index);
    const { origin, forward, right, down } = this.frame;
    for (let i = 0; i < 3; i++) this.eye[i] = origin[i]! - centres[3 * index + i]!;
    writeView(turns, 9 * index, this.eye, views, viewSize * index);
    writeView(turns, 9 * index, forward, views, viewSize * index + 3);
    writeView(turns, 9 * index, right, views, viewSize * index + 6);
    writeView(turns, 9 * index, down, views, viewSize * index + 9);
    writeView(turns, 9 * index, light, views, viewSize * index + 12);
  }

  /** Casts the rays of the shape's window at it, and keeps what is nearer than what was there. */
  private cast(shape: CastShape, index: number): void {
    const { window, hits, half, views } = this;
    const { width, height, depth_m } = this.picture;
    this.findWindow(shape, index);
    const view = viewSize * index;
    const [ox, oy, oz] = [views[view]!, views[view + 1]!, views[view + 2]!];
    const [fx, fy, fz] = [views[view + 3]!, views[view + 4]!, views[view + 5]!];
    const [rx, ry, rz] = [views[view + 6]!, views[view + 7]!, views[view + 8]!];
    const [sx, sy, sz] = [views[view + 9]!, views[view + 10]!, views[view + 11]!];
    const acrossStep = (2 * half[0]) / width;
    const downStep = (2 * half[1]) / height;
    for (let row = window.top; row < window.bottom; row++) {
      const v = (row + 0.5) * downStep - half[1];
      const bx = fx + v * sx;
      const by = fy + v * sy;
      const bz = fz + v * sz;
      for (let column = window.left; column < window.right; column++) {
        const u = (column + 0.5) * acrossStep - half[0];
        const t = meet(shape, ox, oy, oz, bx + u * rx, by + u * ry, bz + u * rz);
        const pixel = row * width + column;
        if (t < depth_m[pixel]!) {
          depth_m[pixel] = t;
          hits[pixel] = index;
        }
      }
    }
  }

  private findWindow(shape: CastShape, index: number): void {
    const { views, placement, half, window } = this;
    const { width, height } = this.picture;
    const at = viewSize * index;
    // In the shape's frame: its axes seen from the camera, and the eye, whose opposite the shape's centre is.
    for (let i = 0; i < 3; i++) {
      const axis = at + (i === 2 ? 3 : 6 + 3 * i);
      placement.centre[i] = 0;
      for (let k = 0; k < 3; k++) {
        placement.axes[3 * k + i] = views[axis + k]!;
        placement.centre[i] = placement.centre[i]! - views[axis + k]! * views[at + k]!;
      }
    }
    windowOf(shape, placement, width, height, half, window);
  }

  /** Lambert's law with ambient light, in sRGB as it stands: pictures are to be read, not admired. */
  private shade(): void {
    const { hits, views, shapes, half, shadows } = this;
    const { width, height, rgb, depth_m, segments } = this.picture;
    let last = -1;
    let shape: CastShape | undefined;
    let at = 0;
    for (let row = 0; row < height; row++) {
      const v = ((2 * row + 1) / height - 1) * half[1];
      for (let column = 0; column < width; column++) {
        const pixel = row * width + column;
        const hit = hits[pixel]!;
        if (hit < 0) {
          this.colourNothing(pixel);
          continue;
        }
        if (hit !== last) {
          last = hit;
          shape = shapes[hit]!;
          at = viewSize * hit;
        }
        const { kind, body, red, green, blue } = shape!;
        segments[pixel] = body;
        const u = ((2 * column + 1) / width - 1) * half[0];
        const t = depth_m[pixel]!;
        const x = views[at]! + t * (views[at + 3]! + u * views[at + 6]! + v * views[at + 9]!);
        const y = views[at + 1]! + t * (views[at + 4]! + u * views[at + 7]! + v * views[at + 10]!);
        const z = views[at + 2]! + t * (views[at + 5]! + u * views[at + 8]! + v * views[at + 11]!);
        let lit = facing(shape!, x, y, z, views[at + 12]!, views[at + 13]!, views[at + 14]!);
        if (lit < 0 || (shadows && this.isShaded(hit, u, v, t))) lit = 0;
        let strength = ambient + (1 - ambient) * lit;
        if (kind === kinds.plane && (Math.floor(x / square_m) + Math.floor(y / square_m)) & 1) strength *= darkSquare;
        rgb[3 * pixel] = (red * strength + 0.5) | 0;
        rgb[3 * pixel + 1] = (green * strength + 0.5) | 0;
        rgb[3 * pixel + 2] = (blue * strength + 0.5) | 0;
      }
    }
  }

  private colourNothing(pixel: number): void {
    const { rgb, depth_m, segments } = this.picture;
    segments[pixel] = -1;
    depth_m[pixel] = Number.POSITIVE_INFINITY;
    rgb[3 * pixel] = background[0];
    rgb[3 * pixel + 1] = background[1];
    rgb[3 * pixel + 2] = background[2];
  }

  /** Whether anything stands between a point of a shape and the light. */
  private isShaded(own: number, u: number, v: number, t: number): boolean {
    const { turns, centres, views, radii, shapes } = this;
    const { origin, right, down, forward } = this.frame;
    const wx = origin[0] + t * (forward[0] + u * right[0] + v * down[0]) + lift_m * light[0];
    const wy = origin[1] + t * (forward[1] + u * right[1] + v * down[1]) + lift_m * light[1];
    const wz = origin[2] + t * (forward[2] + u * right[2] + v * down[2]) + lift_m * light[2];
    for (let index = 0; index < shapes.length; index++) {
      const shape = shapes[index]!;
      // A convex shape never shades the side it turns to the light.
      if (index === own) continue;
      const px = wx - centres[3 * index]!;
      const py = wy - centres[3 * index + 1]!;
      const pz = wz - centres[3 * index + 2]!;
      const ahead = -(px * light[0] + py * light[1] + pz * light[2]);
      const reach2 = radii[index]! * radii[index]!;
      if (ahead < -radii[index]! || px * px + py * py + pz * pz - ahead * ahead > reach2) continue;
      const at = 9 * index;
      const to = viewSize * index + 12;
      const t = meet(
        shape,
        turns[at]! * px + turns[at + 1]! * py + turns[at + 2]! * pz,
        turns[at + 3]! * px + turns[at + 4]! * py + turns[at + 5]! * pz,
        turns[at + 6]! * px + turns[at + 7]! * py + turns[at + 8]! * pz,
        views[to]!,
        views[to + 1]!,
        views[to + 2]!,
      );
      if (t < Number.POSITIVE_INFINITY) return true;
    }
    return false;
  }
}

function castShapes(bodies: readonly Pick<BodySpec, 'shapes'>[]): CastShape[] {
  return bodies.flatMap(({ shapes }, body) =>
    shapes.flatMap(({ form, pose, colour }) => {
      if (form.kind === 'mesh') return [];
      const [x, y, z, w] = pose?.orientation_xyzw ?? [0, 0, 0, 1];
      const orientation = new Float64Array(9);
      writeTurn(x, y, z, w, orientation, 0);
      return { ...sizesOf(form), body, position: pose?.position_m ?? [0, 0, 0], orientation, ...colourOf(colour ?? defaultColour) };
    }),
  );
}

function colourOf(hex: string): { red: number; green: number; blue: number } {
  const value = Number.parseInt(hex.slice(1), 16);
  return { red: value >> 16, green: (value >> 8) & 255, blue: value & 255 };
}

/** Writes the rotation out of the world into the frame that a quaternion x, y, z, w turns, by rows: its rows are the frame's axes. */
function writeTurn(x: number, y: number, z: number, w: number, out: Float64Array, at: number): void {
  out[at] = 1 - 2 * (y * y + z * z);
  out[at + 1] = 2 * (x * y + w * z);
  out[at + 2] = 2 * (x * z - w * y);
  out[at + 3] = 2 * (x * y - w * z);
  out[at + 4] = 1 - 2 * (x * x + z * z);
  out[at + 5] = 2 * (y * z + w * x);
  out[at + 6] = 2 * (x * z + w * y);
  out[at + 7] = 2 * (y * z - w * x);
  out[at + 8] = 1 - 2 * (x * x + y * y);
}

/** Writes inner · outer: from the world into the inner frame, that stands in the outer. */
function multiplyTurns(inner: Float64Array, outer: Float64Array, out: Float64Array, at: number): void {
  for (let row = 0; row < 3; row++)
    for (let column = 0; column < 3; column++)
      out[at + 3 * row + column] =
        inner[3 * row]! * outer[column]! + inner[3 * row + 1]! * outer[3 + column]! + inner[3 * row + 2]! * outer[6 + column]!;
}

/** Writes a direction of the world as the frame sees it. */
function writeView(turns: Float64Array, at: number, direction: ArrayLike<number>, out: Float64Array, to: number): void {
  for (let row = 0; row < 3; row++)
    out[to + row] =
      turns[at + 3 * row]! * direction[0]! + turns[at + 3 * row + 1]! * direction[1]! + turns[at + 3 * row + 2]! * direction[2]!;
}
