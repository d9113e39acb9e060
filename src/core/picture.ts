/** What a camera sees of a scene, and how an env is asked for it. */
import type { CameraSpec } from './scene-spec.ts';

/** A pinhole camera, fixed in the world or on a body: a scene's own without its name. */
export type Camera = Omit<CameraSpec, 'name'>;

/** One picture; all of it from the same rays. Row-major, the top row first. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** uint8 `[height, width, 3]`, sRGB. */
  readonly rgb: Uint8Array;
  /** float32 `[height, width]`, m along the line of sight of the camera (not of the pixel); Infinity where nothing is. */
  readonly depth_m: Float32Array;
  /** int16 `[height, width]`: index of the body in the scene, then of the task's markers; −1 where nothing is. */
  readonly segments: Int16Array;
}

/** One kind of data of a picture, in the form that image encoders take. */
export interface PixelArray<A> {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** `[height, width, channels]`, row-major, the top row first. */
  readonly data: A;
}

/** What `render` gives for each mode; see `Picture` for units. Nothing in it is shared with the env. */
export interface RenderResults {
  rgb_array: PixelArray<Uint8Array>;
  depth_array: PixelArray<Float32Array>;
  segments: PixelArray<Int16Array>;
  /** All three, of one pass. */
  all: Picture;
}
export type RenderMode = keyof RenderResults;
export const renderModes: readonly RenderMode[] = Object.freeze(['rgb_array', 'depth_array', 'segments', 'all']);

export interface ViewOptions {
  /** Default 0. */
  readonly lane?: number;
  /** Twins: whose state is drawn, default 'truth'. The model's is the one it goes on from: after a resync, that of truth. */
  readonly side?: 'truth' | 'model';
  /** The name of one of the scene's cameras, or one of your own. Default the scene's first; if it declares none, one that looks at all of it from the front. */
  readonly camera?: string | Camera;
  /** Pixels, 1 to 4096; default 480 × 360. */
  readonly width?: number;
  readonly height?: number;
  /** Whether shapes shade each other; about half the speed. Default false. */
  readonly shadows?: boolean;
}

/** A lane's state, and the parameters of its physics. */
export interface LaneState {
  /** float64 `[size]`. Reused: copy what you keep. */
  readonly row: Float64Array;
  readonly params: Readonly<Record<string, number>>;
}

/** Draws states of one task; holds what it needs for that from the first picture until `free`. */
export interface Painter {
  /** @throws OPTION_INVALID for a mode, camera or size that there is none of. */
  render<M extends RenderMode>(mode: M, state: LaneState, view: ViewOptions): Promise<RenderResults[M]>;
  free(): void;
}
