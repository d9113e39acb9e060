/** What an env is asked beside its steps: pictures, states, changes, what a twin remembers. */
import type { Camera, Picture, PixelArray, RenderMode } from '../core/picture.ts';
import { layOut } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { flatSizeOf } from '../spaces/space.ts';
import { TwinEnv } from '../twin/twin-env.ts';
import { SyncVectorEnv } from '../vector/sync-vector-env.ts';
import { infoFromWire, infoToWire, type Request, Tensor } from '../wire/index.ts';
import { type Answer, type HostedEnv, refuseOption } from './hosted-env.ts';

/** Pixels of one picture: a 1080p one and a little more; it is drawn on the thread that serves everybody. */
const MAX_PICTURE_PIXELS = 2 ** 21;
const MAX_SIDE = 2 ** 11;

export async function render({ env }: HostedEnv, request: Request<'render'>): Promise<Answer> {
  const { env: _, mode = 'rgb_array', camera, ...rest } = request;
  const { width = 0, height = 0 } = request;
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PICTURE_PIXELS)
    refuseOption(env, 'width and height', `${width} × ${height}`, `at most ${MAX_SIDE} each and ${MAX_PICTURE_PIXELS} pixels on a server`);
  const view = {
    ...rest,
    ...(camera === undefined ? {} : { camera: typeof camera === 'string' ? camera : (infoFromWire(camera) as unknown as Camera) }),
  };
  return pictureToWire(await env.render(mode as RenderMode, view));
}

function pictureToWire(picture: Picture | PixelArray<Uint8Array | Float32Array | Int16Array>): Answer {
  const { width, height } = picture;
  const at = (data: Uint8Array | Float32Array | Int16Array, channels: number) =>
    new Tensor(data instanceof Int16Array ? Int32Array.from(data) : data, [height, width, channels]);
  if ('data' in picture) return { width, height, data: at(picture.data, picture.channels) };
  return { width, height, rgb: at(picture.rgb, 3), depth_m: at(picture.depth_m, 1), segments: at(picture.segments, 1) };
}

export async function state({ env }: HostedEnv, request: Request<'state'>): Promise<Answer> {
  if (!env.state) throw unsupported(env.id, 'state', 'what it stands on keeps no state of the task');
  const { state: entries, params } = await env.state(request.side);
  const columns = Object.entries(entries).map(([name, rows]) => [name, new Tensor(rows, [env.lanes, rows.length / env.lanes])]);
  return { state: Object.fromEntries(columns), params: infoToWire(params, env.lanes) };
}

export async function perturb({ env }: HostedEnv, request: Request<'perturb'>): Promise<Answer> {
  if (!env.perturb) throw unsupported(env.id, 'perturb', 'what it stands on cannot be changed from here');
  await env.perturb(request.lane ?? 0, request.params);
  return {};
}

export function recent({ env }: HostedEnv): Answer {
  const twin = env instanceof SyncVectorEnv ? env.backend : undefined;
  if (!(twin instanceof TwinEnv)) throw unsupported(env.id, 'recent', 'only a twin remembers its last steps');
  const { count, ...columns } = twin.recent();
  const { task } = twin.truth;
  const widths = { state: layOut(task.state).size, action: flatSizeOf(task.actionSpace), command: task.commands.length };
  const rows = (data: Float64Array, width: number) => new Tensor(data, [count, width]);
  return {
    count,
    state: rows(columns.state, widths.state),
    action: rows(columns.action, widths.action),
    command: rows(columns.command, widths.command),
    next: rows(columns.next, widths.state),
    episode: columns.episode,
  };
}

function unsupported(env: string, call: string, why: string): GroundtwinError {
  return new GroundtwinError('CALL_UNSUPPORTED', { env, call, why });
}
