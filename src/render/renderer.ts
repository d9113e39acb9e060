import type { Camera, Picture } from '../core/picture.ts';
import type { ShapeSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { multiplyTurns, turnInto, writeTurn } from '../math/rotation-matrix.ts';
import { windowOf } from './bounds.ts';
import { MountedCamera } from './camera.ts';
import type { Mesh } from './mesh.ts';
import { rasterise, type Target, toCamera } from './rasterise.ts';
import { type CastShape, castForm, facing, kinds, meet, meshFacing, radiusOf } from './shapes.ts';

export interface RenderOptions {
  /** It goes with its body, which is one of those given to the renderer. */
  readonly camera: Camera;
  /** Pixels, 1 to 4096. */
  readonly width: number;
  readonly height: number;
  /** Whether shapes shade each other; about half the speed. Default false. */
  readonly shadows?: boolean;
  /** What lies further off is not seen; default 100. */
  readonly far_m?: number;
}

/** As much of a body as is seen. */
export interface DrawnBody {
  readonly name: string;
  readonly shapes: readonly Pick<ShapeSpec, 'form' | 'pose' | 'colour'>[];
}

const largestSide = 4096;
/** Pictures number them in int16. */
const mostShapes = 32767;
const defaultColour = '#b8b8b8';
/** Towards the light, unit: from the front, the left and above. */
const light = Float64Array.of(-0.36, -0.48, 0.8);
const ambient = 0.42;
const background = [232, 238, 245] as const;
/** A floor of squares shows motion. */
const square_m = 0.5;
const darkSquare = 0.88;
/** Rays towards the light start this far off the surface. */
const lift_m = 1e-4;
const viewSize = 15;

/**
 * Casts a ray through each pixel's middle at planes, boxes, spheres, capsules and cylinders, and rasterises meshes: no GPU, no files, the same bytes for
 * the same poses. Rays have length 1 along the line of sight, so a distance along a ray is a depth. Everything is solid and seen from outside only.
 */
export class Renderer {
  /** Reused by every render: copy what you keep. */
  readonly picture: Picture;
  /** Shapes in the order of `shapes`; body poses come in that of the scene. */
  private readonly shapes: readonly CastShape[];
  private readonly camera: MountedCamera;
  private readonly far_m: number;
  private readonly shadows: boolean;
  /** Half of the picture, 1 m ahead: across, then down. */
  private readonly half: readonly [number, number];
  /** Per shape, float64 `[9]`: world to shape rotation, by rows. */
  private readonly turns: Float64Array;
  /** Per shape, float64 `[3]`: its centre in the world. */
  private readonly centres: Float64Array;
  private readonly hits: Int16Array;
  /** Triangles of the meshes hit; empty where there is no mesh. */
  private readonly faces: Int32Array;
  private readonly target: Target;
  /** Float64 `[vertices, 3]` of the mesh in work. */
  private readonly seen: Float64Array;
  private readonly bodyTurn = new Float64Array(9);
  private readonly eye = new Float64Array(3);
  private readonly window = { left: 0, right: 0, top: 0, bottom: 0 };
  private readonly placement = { centre: new Float64Array(3), axes: new Float64Array(9) };
  /** Per shape, float64 `[15]`: eye, line of sight, right, down and light in its frame. */
  private readonly views: Float64Array;
  /** Per shape: what it reaches about its centre. */
  private readonly radii: Float64Array;

  /** @param bodies - in the order of the poses. @throws OPTION_INVALID for a size or camera that makes no picture. */
  constructor(bodies: readonly DrawnBody[], options: RenderOptions) {
    const { width, height } = options;
    this.far_m = options.far_m ?? 100;
    checkSizes(width, height, this.far_m);
    this.camera = new MountedCamera(options.camera, bodies);
    this.shadows = options.shadows ?? false;
    this.half = [(this.camera.halfHeight * width) / height, this.camera.halfHeight];
    this.shapes = castShapes(bodies);
    if (Math.max(bodies.length, this.shapes.length) > mostShapes)
      refuse('bodies', `${bodies.length} with ${this.shapes.length} shapes`, `at most ${mostShapes} of each`);
    this.turns = new Float64Array(9 * this.shapes.length);
    this.centres = new Float64Array(3 * this.shapes.length);
    this.views = new Float64Array(viewSize * this.shapes.length);
    this.radii = Float64Array.from(this.shapes, radiusOf);
    const mostVertices = Math.max(0, ...this.shapes.map(({ mesh }) => mesh?.vertices.length ?? 0));
    this.seen = new Float64Array(mostVertices);
    this.hits = new Int16Array(width * height);
    this.faces = new Int32Array(mostVertices > 0 ? width * height : 0);
    this.picture = {
      width,
      height,
      rgb: new Uint8Array(width * height * 3),
      depth_m: new Float32Array(width * height),
      segments: new Int16Array(width * height),
    };
    this.target = { width, height, half: this.half, depth_m: this.picture.depth_m, hits: this.hits, faces: this.faces };
  }

  /** @param poses - float64 `[bodies, 7]` in the world: m, quaternion x, y, z, w. @returns `picture`. */
  render(poses: Float64Array): Picture {
    this.picture.depth_m.fill(this.far_m);
    this.hits.fill(-1);
    this.camera.place(poses);
    for (let index = 0; index < this.shapes.length; index++) {
      const shape = this.shapes[index]!;
      this.place(shape, index, poses);
      this.findWindow(shape, index);
      if (shape.mesh) this.rasterise(shape.mesh, index);
      else this.cast(shape, index);
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
    const { origin, forward, right, down } = this.camera.frame;
    for (let i = 0; i < 3; i++) this.eye[i] = origin[i]! - centres[3 * index + i]!;
    turnInto(turns, 9 * index, this.eye, views, viewSize * index);
    turnInto(turns, 9 * index, forward, views, viewSize * index + 3);
    turnInto(turns, 9 * index, right, views, viewSize * index + 6);
    turnInto(turns, 9 * index, down, views, viewSize * index + 9);
    turnInto(turns, 9 * index, light, views, viewSize * index + 12);
  }

  /** Casts the rays of the shape's window at it, and keeps what is nearer than what was there. */
  private cast(shape: CastShape, index: number): void {
    const { window, hits, half, views } = this;
    const { width, height, depth_m } = this.picture;
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

  private rasterise(mesh: Mesh, index: number): void {
    const { window, seen } = this;
    if (window.left >= window.right || window.top >= window.bottom) return;
    toCamera(mesh.vertices, { views: this.views, at: viewSize * index }, seen);
    rasterise(mesh, seen, index, window, this.target);
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
    const { hits, faces, views, shapes, half, shadows } = this;
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
        if (kind === kinds.mesh) lit = meshFacing(shape!.mesh!, faces[pixel]!, views[at + 12]!, views[at + 13]!, views[at + 14]!);
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
    const { origin, right, down, forward } = this.camera.frame;
    const [lx, ly, lz] = [light[0]!, light[1]!, light[2]!];
    const wx = origin[0]! + t * (forward[0]! + u * right[0]! + v * down[0]!) + lift_m * lx;
    const wy = origin[1]! + t * (forward[1]! + u * right[1]! + v * down[1]!) + lift_m * ly;
    const wz = origin[2]! + t * (forward[2]! + u * right[2]! + v * down[2]!) + lift_m * lz;
    for (let index = 0; index < shapes.length; index++) {
      const shape = shapes[index]!;
      // A convex shape never shades the side it turns to the light, and no triangle itself: only from behind can it be met from there.
      if (index === own && !shape.mesh) continue;
      const px = wx - centres[3 * index]!;
      const py = wy - centres[3 * index + 1]!;
      const pz = wz - centres[3 * index + 2]!;
      const ahead = -(px * lx + py * ly + pz * lz);
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

function checkSizes(width: number, height: number, far_m: number): void {
  for (const [option, value] of Object.entries({ width, height }))
    if (!Number.isInteger(value) || value < 1 || value > largestSide) refuse(option, String(value), `an integer from 1 to ${largestSide}`);
  if (!(far_m > 0)) refuse('far_m', String(far_m), 'above 0');
}

function refuse(option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'Renderer', option, value, allowed });
}

function castShapes(bodies: readonly DrawnBody[]): CastShape[] {
  return bodies.flatMap(({ shapes }, body) =>
    shapes.map(({ form, pose, colour }) => {
      const [x, y, z, w] = pose?.orientation_xyzw ?? [0, 0, 0, 1];
      const orientation = new Float64Array(9);
      writeTurn(x, y, z, w, orientation, 0);
      return { ...castForm(form), body, position: pose?.position_m ?? [0, 0, 0], orientation, ...colourOf(colour ?? defaultColour) };
    }),
  );
}

function colourOf(hex: string): { red: number; green: number; blue: number } {
  const value = Number.parseInt(hex.slice(1), 16);
  return { red: value >> 16, green: (value >> 8) & 255, blue: value & 255 };
}
