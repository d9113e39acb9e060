/** Pictures of a task's states, whether they come from truth, model or log. */

import type { PhysicsEngine, PhysicsWorld } from '../core/physics-world.ts';
import {
  type Camera,
  type LaneState,
  type Painter,
  type Picture,
  type RenderMode,
  type RenderResults,
  renderModes,
  type ViewOptions,
} from '../core/picture.ts';
import type { SceneSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { defaultCamera, Renderer } from '../render/index.ts';
import { BodyPoses } from './body-poses.ts';
import { sameParams, settingsOf } from './physics-dynamics.ts';
import type { AnyTask, Params } from './task.ts';

const defaultWidth = 480;
const defaultHeight = 360;
/** Renderers kept for views asked for before; a further one takes the place of the oldest. */
const mostRenderers = 4;

interface KeptRenderer {
  readonly camera: ViewOptions['camera'];
  readonly shadows: boolean;
  readonly renderer: Renderer;
}

/** What pictures are taken of: a world of its own that states are placed in, so that no running world is touched. */
interface Stage {
  readonly world: PhysicsWorld;
  readonly params: Params;
  readonly poses: BodyPoses;
  readonly renderers: KeptRenderer[];
}

export class TaskPainter implements Painter {
  private readonly task: AnyTask;
  private readonly engine: () => PhysicsEngine | Promise<PhysicsEngine>;
  private stage: Stage | undefined;
  private isFreed = false;

  /** @param engine - asked for at the first picture; the task has settings for it. */
  constructor(task: AnyTask, engine: () => PhysicsEngine | Promise<PhysicsEngine>) {
    this.task = task;
    this.engine = engine;
  }

  async render<M extends RenderMode>(mode: M, { row, params }: LaneState, view: ViewOptions): Promise<RenderResults[M]> {
    if (!renderModes.includes(mode)) this.refuse('mode', String(mode).slice(0, 40), `one of ${renderModes.join(', ')}`);
    const state = row.slice();
    const engine = await this.engine();
    if (this.isFreed) throw new GroundtwinError('ENV_CLOSED', { env: this.task.id });
    const stage = this.stageFor(engine, params);
    // Copied before anyone else has a turn: the renderer's picture is that of whoever came last.
    return copyOf(this.rendererFor(stage, view).render(stage.poses.of(state)), mode);
  }

  free(): void {
    this.isFreed = true;
    this.stage?.world.free();
    this.stage = undefined;
  }

  private stageFor(engine: PhysicsEngine, params: Params): Stage {
    if (this.stage && sameParams(this.stage.params, params)) return this.stage;
    const world = engine.createWorld(this.task.scene(params), settingsOf(this.task, engine));
    this.stage?.world.free();
    this.stage = { world, params, poses: new BodyPoses(this.task, world), renderers: [] };
    return this.stage;
  }

  private rendererFor({ world, poses, renderers }: Stage, view: ViewOptions): Renderer {
    const { camera, width = defaultWidth, height = defaultHeight, shadows = false } = view;
    const kept = renderers.find(
      (one) =>
        one.camera === camera && one.shadows === shadows && one.renderer.picture.width === width && one.renderer.picture.height === height,
    );
    if (kept) return kept.renderer;
    const renderer = new Renderer(poses.bodies, { camera: this.cameraOf(world.scene, camera, width / height), width, height, shadows });
    if (renderers.length === mostRenderers) renderers.shift();
    renderers.push({ camera, shadows, renderer });
    return renderer;
  }

  private cameraOf(scene: SceneSpec, camera: ViewOptions['camera'], aspect: number): Camera {
    const { cameras = [] } = scene;
    if (typeof camera === 'object') return camera;
    if (camera === undefined) return cameras[0] ?? defaultCamera(scene, aspect);
    const known = cameras.map(({ name }) => `'${name}'`).join(', ');
    return (
      cameras.find(({ name }) => name === camera) ??
      this.refuse(
        'camera',
        `'${String(camera).slice(0, 40)}'`,
        known ? `one of ${known}, or a camera` : 'left out, or a camera: the scene has none',
      )
    );
  }

  private refuse(option: string, value: string, allowed: string): never {
    throw new GroundtwinError('OPTION_INVALID', { who: `render of ${this.task.id}`, option, value, allowed });
  }
}

function copyOf<M extends RenderMode>(picture: Picture, mode: M): RenderResults[M] {
  return copies[mode](picture);
}

const copies: { readonly [M in RenderMode]: (picture: Picture) => RenderResults[M] } = {
  rgb_array: ({ width, height, rgb }) => ({ width, height, channels: 3, data: rgb.slice() }),
  depth_array: ({ width, height, depth_m }) => ({ width, height, channels: 1, data: depth_m.slice() }),
  segments: ({ width, height, segments }) => ({ width, height, channels: 1, data: segments.slice() }),
  all: ({ width, height, rgb, depth_m, segments }) => ({
    width,
    height,
    rgb: rgb.slice(),
    depth_m: depth_m.slice(),
    segments: segments.slice(),
  }),
};
