/** Snapshots of lanes and of whole envs, and branches. */
import { packSections, unpackSections } from '../core/sections.ts';
import type { VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { copyValues, type Values } from '../spaces/space.ts';
import { allocateBatch, type BatchLayout, layoutOf, type Request, stepsOf, type TensorTree, toTensors } from '../wire/index.ts';
import { type Answer, brokenEnv, type Conditions, type HostedEnv, refuseOption, Turns } from './hosted-env.ts';

const FORMAT = 'groundtwin-lanes.v1';

interface LanesHead {
  readonly format: typeof FORMAT;
  readonly env: string;
}

export async function snapshot(hosted: HostedEnv, request: Request<'snapshot'>, conditions: Conditions): Promise<Answer> {
  const { env } = hosted;
  if (!request.all) return { snapshot: await env.snapshot(request.lane ?? 0) };
  requireNoLane(env, request.lane);
  const turns = new Turns(hosted, conditions);
  const lanes: Uint8Array[] = [];
  let bytes = 0;
  const limit = conditions.maxReplyBytes();
  for (let lane = 0; lane < env.lanes; lane++) {
    await turns.next();
    const saved = await savedLane(env, lane);
    bytes += saved.byteLength;
    if (bytes > limit)
      throw new GroundtwinError('FRAME_TOO_LARGE', {
        what: `a snapshot of all ${env.lanes} lanes`,
        bytes,
        limit,
      });
    lanes.push(saved);
  }
  return { snapshot: packSections<LanesHead>({ format: FORMAT, env: env.id }, lanes) };
}

/** Nothing for a lane that was never reset. */
async function savedLane(env: VectorEnv, lane: number): Promise<Uint8Array> {
  try {
    return await env.snapshot(lane);
  } catch (error) {
    if (isGroundtwinError(error, 'ENV_NOT_RESET')) return new Uint8Array(0);
    throw error;
  }
}

/** @param bytes - the snapshot itself; not kept. */
export async function restore(hosted: HostedEnv, request: Request<'restore'>, bytes: Uint8Array, conditions: Conditions): Promise<Answer> {
  const { env, row } = hosted;
  if (!request.all) return { observation: toTensors(await env.restore(bytes.slice(), request.lane ?? 0), row, brokenEnv('restore')) };
  requireNoLane(env, request.lane);
  const { head, parts } = unpackSections<LanesHead | null>(bytes);
  if (head?.format !== FORMAT) invalid('it is not one of all lanes');
  if (parts.length !== env.lanes) invalid(`it is of ${parts.length} lanes, and the env has ${env.lanes}`);
  const turns = new Turns(hosted, conditions);
  const rows = new Rows(hosted, env.lanes);
  for (let lane = 0; lane < env.lanes; lane++) {
    await turns.next();
    if (parts[lane]!.byteLength > 0) rows.put(lane, await env.restore(parts[lane]!, lane));
  }
  return { observation: rows.tensors() };
}

/** Copies one lane into lanes of the same or another env. */
export async function branch(from: HostedEnv, into: HostedEnv, request: Request<'branch'>, conditions: Conditions): Promise<Answer> {
  const { lanes } = request;
  if (lanes.length === 0 || lanes.length > into.env.lanes || lanes.some((lane) => lane < 0 || lane >= into.env.lanes))
    refuseOption(into.env, 'lanes', `${lanes.length} lanes`, `1 to ${into.env.lanes} of the lanes 0 to ${into.env.lanes - 1}`);
  const saved = await from.env.snapshot(request.lane ?? 0);
  const turns = new Turns(into, conditions);
  const rows = new Rows(into, lanes.length);
  for (let i = 0; i < lanes.length; i++) {
    await turns.next();
    rows.put(i, await into.env.restore(saved, lanes[i]!));
  }
  return { observation: rows.tensors() };
}

/** Observations of single lanes, put together as a batch. */
class Rows {
  private readonly row: BatchLayout;
  private readonly batch: BatchLayout;
  private readonly values: Values;

  constructor({ env, row }: HostedEnv, count: number) {
    this.row = row;
    this.batch = layoutOf(env.observationSpace, count);
    this.values = allocateBatch(this.batch);
  }

  put(index: number, observation: Values): void {
    copyValues(observation, stepsOf(this.values, this.row, index));
  }

  tensors(): TensorTree {
    return toTensors(this.values, this.batch, brokenEnv('restore'));
  }
}

function requireNoLane(env: VectorEnv, lane: number | undefined): void {
  if (lane !== undefined) refuseOption(env, 'lane', String(lane), 'absent where all lanes are asked for');
}

function invalid(problem: string): never {
  throw new GroundtwinError('SNAPSHOT_INVALID', { problem });
}
