import { randomPolicy } from '../../agents/index.ts';
import type { Policy } from '../core/policy.ts';
import type { VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { playEpisodes } from '../vector/evaluate.ts';
import type { Request } from '../wire/index.ts';
import type { SessionBlobs } from './blob-store.ts';
import { type Answer, type Conditions, type HostedEnv, refuseOption, Turns } from './hosted-env.ts';
import { seedsOf } from './seeds.ts';

/** Loads an untrusted policy for an env. */
export type LoadPolicy = (bytes: Uint8Array, env: VectorEnv, name: string) => Promise<Policy & { close(): Promise<void> }>;

export interface PolicySources {
  readonly load: LoadPolicy | undefined;
  readonly blobs: SessionBlobs;
  /** Steps of an episode of the env, null when it has no end. */
  readonly maxEpisodeSteps: number | null;
}

/** One episode a lane; the env is left where they ended. @throws CALL_UNSUPPORTED, BLOB_UNKNOWN, OPTION_INVALID, MODEL_REFUSED, MODEL_INVALID, ENV_CLOSED when it is to be closed. */
export async function evaluatePolicy(
  hosted: HostedEnv,
  request: Request<'evaluate'>,
  sources: PolicySources,
  conditions: Conditions,
): Promise<Answer> {
  const { env } = hosted;
  const maxSteps =
    request.maxSteps ?? sources.maxEpisodeSteps ?? refuseOption(env, 'maxSteps', 'missing', 'given for an env without a time limit');
  const turns = new Turns(hosted, conditions);
  const policy = await policyOf(env, request.policy, sources);
  try {
    const options = { seed: seedsOf(request) ?? new Array<null>(env.lanes).fill(null), policySeed: request.policySeed ?? 0, maxSteps };
    const { returns, lengths } = await playEpisodes(env, policy, options, { onStep: () => turns.next() });
    return { returns, lengths };
  } finally {
    await policy.close?.();
  }
}

async function policyOf(
  env: VectorEnv,
  { kind, policy }: Request<'evaluate'>['policy'],
  { load, blobs }: PolicySources,
): Promise<Policy & { close?(): Promise<void> }> {
  if (kind === 'random') return randomPolicy(env.actionSpace, env.lanes);
  if (policy === undefined) refuseOption(env, 'policy.policy', 'missing', 'the id of a published policy');
  if (!load) throw new GroundtwinError('CALL_UNSUPPORTED', { env: env.id, call: 'evaluate', why: 'this server runs no uploaded policies' });
  const [graph, ...others] = Object.values(blobs.filesOf('policy', policy));
  if (others.length > 0) refuseOption(env, 'policy.policy', `${others.length + 1} files`, 'a policy of one file, its graph');
  return load(graph!, env, policy.slice(0, POLICY_NAME_LENGTH));
}

/** Enough of an id to know it again. */
const POLICY_NAME_LENGTH = 19;
