/** Which part of a picture a shape can be in, so that only there rays are cast at it. */
import { type CastShape, kinds } from './shapes.ts';

/** Columns and rows, ends excluded. */
export interface Window {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** A shape's centre and axes in the camera's frame: x right, y down, z ahead; rows of `axes` are its x, y and z. */
export interface Placement {
  readonly centre: Float64Array;
  /** float64 `[9]` */
  readonly axes: Float64Array;
}

/**
 * Writes the window that a shape's picture lies in; nothing of it is outside.
 * @param half - half of the picture's width and height, 1 m ahead.
 */
export function windowOf(
  shape: CastShape,
  place: Placement,
  width: number,
  height: number,
  half: readonly [number, number],
  out: Window,
): void {
  out.left = 0;
  out.top = 0;
  out.right = width;
  out.bottom = height;
  if (shape.kind === kinds.plane) return;
  const { centre, axes } = place;
  span.reset();
  const corners = shape.kind === kinds.box ? 8 : 2;
  for (let corner = 0; corner < corners; corner++) {
    // A box spans its corners; capsules, and cylinders within them, the balls at their ends; a sphere, or that round a mesh, is a ball twice over.
    const isBox = shape.kind === kinds.box;
    const x = isBox ? (corner & 1 ? shape.a : -shape.a) : 0;
    const y = isBox ? (corner & 2 ? shape.b : -shape.b) : 0;
    const reach = isBox ? shape.c : shape.b;
    const z = corner < corners / 2 ? -reach : reach;
    const bounded = span.cover(
      centre[0]! + x * axes[0]! + y * axes[3]! + z * axes[6]!,
      centre[1]! + x * axes[1]! + y * axes[4]! + z * axes[7]!,
      centre[2]! + x * axes[2]! + y * axes[5]! + z * axes[8]!,
      isBox ? 0 : shape.a,
    );
    if (!bounded) return;
  }
  out.left = clamp(Math.floor(((span.left / half[0] + 1) * width) / 2 - 0.5), width);
  out.right = clamp(Math.ceil(((span.right / half[0] + 1) * width) / 2 + 0.5), width);
  out.top = clamp(Math.floor(((span.top / half[1] + 1) * height) / 2 - 0.5), height);
  out.bottom = clamp(Math.ceil(((span.bottom / half[1] + 1) * height) / 2 + 0.5), height);
}

/** What balls cover of the plane 1 m ahead. */
class Span {
  left = 0;
  right = 0;
  top = 0;
  bottom = 0;

  reset(): void {
    this.left = this.top = Number.POSITIVE_INFINITY;
    this.right = this.bottom = Number.NEGATIVE_INFINITY;
  }

  /** @returns false when the ball reaches behind the camera: its picture may be anywhere. */
  cover(x: number, y: number, z: number, radius: number): boolean {
    if (z - radius <= 1e-6) return false;
    const depth2 = z * z - radius * radius;
    const across = radius * Math.sqrt(x * x + depth2);
    const along = radius * Math.sqrt(y * y + depth2);
    this.left = Math.min(this.left, (x * z - across) / depth2);
    this.right = Math.max(this.right, (x * z + across) / depth2);
    this.top = Math.min(this.top, (y * z - along) / depth2);
    this.bottom = Math.max(this.bottom, (y * z + along) / depth2);
    return true;
  }
}

/** One for all: it is filled and read within a call. */
const span = new Span();

function clamp(value: number, size: number): number {
  return Math.max(0, Math.min(size, value));
}
