import type { VectorEnv } from '../core/vector-env.ts';
import { TRAINING_SEEDS } from './training-seeds.ts';

/** One a lane; none where the env cannot be brought back. */
export async function snapshotsOf(env: VectorEnv): Promise<Uint8Array[]> {
  const snapshots: Uint8Array[] = [];
  for (let lane = 0; env.canBranch && lane < env.lanes; lane++) snapshots.push(await env.snapshot(lane));
  return snapshots;
}

/** Brings all lanes back to where they were. @returns false where there is no snapshot for each, and nothing was done. */
export async function restoreLanes(env: VectorEnv, snapshots: readonly Uint8Array[]): Promise<boolean> {
  if (snapshots.length !== env.lanes) return false;
  // A twin is restored only once it has begun.
  await env.reset({ seed: TRAINING_SEEDS });
  for (let lane = 0; lane < env.lanes; lane++) await env.restore(snapshots[lane]!, lane);
  return true;
}
