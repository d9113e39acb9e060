import type { VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { type BatchLayout, layoutOf, type Mismatch, type Op } from '../wire/index.ts';

/** An env that a session has, and what of it is worked out once. */
export interface HostedEnv {
  readonly handle: number;
  readonly env: VectorEnv;
  readonly actions: BatchLayout;
  readonly observations: BatchLayout;
  /** Of one lane. */
  readonly row: BatchLayout;
  readonly claim: Claim;
  /** uint8 `[lanes]`: lanes that `play` has put somewhere, and may go on with. */
  readonly placed: Uint8Array;
  /** False once it is to be closed: long calls end. */
  isWanted: boolean;
}

/** What an env takes of the server's limits. */
export interface Claim {
  readonly lanes: number;
  readonly workers: number;
  /** Of an uploaded model, of which the env holds a copy of its own. */
  readonly modelBytes: number;
}

export type Answer = Readonly<Record<string, unknown>>;

/** What a request is carried out under. */
export interface Conditions {
  /** Largest frame that the client takes. */
  maxReplyBytes(): number;
  /** Called now and then during long calls, so that the time allowed counts from there. */
  progress(): void;
  now_ms(): number;
}

export function hostedEnv(env: VectorEnv, handle: number, claim: Claim): HostedEnv {
  return {
    handle,
    env,
    claim,
    actions: layoutOf(env.actionSpace, env.lanes),
    observations: layoutOf(env.observationSpace, env.lanes),
    row: layoutOf(env.observationSpace, 1),
    placed: new Uint8Array(env.lanes),
    isWanted: true,
  };
}

/** The env, not the client, broke its contract. */
export function brokenEnv(op: Op): Mismatch {
  return () => {
    throw new GroundtwinError('INTERNAL', { op });
  };
}

export function refuseOption(env: VectorEnv, option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: env.id, option, value: value.slice(0, 40), allowed });
}

/** How long a call may hold the thread before others get their turn. */
const TURN_MS = 5;

/** Lets others have their turn in a long call. */
export class Turns {
  private readonly hosted: HostedEnv;
  private readonly conditions: Conditions;
  private since_ms: number;

  constructor(hosted: HostedEnv, conditions: Conditions) {
    this.hosted = hosted;
    this.conditions = conditions;
    this.since_ms = conditions.now_ms();
  }

  /** To be called between steps. @throws ENV_CLOSED once the env is to be closed. */
  next(): Promise<void> | undefined {
    if (!this.hosted.isWanted) throw new GroundtwinError('ENV_CLOSED', { env: this.hosted.env.id });
    const now_ms = this.conditions.now_ms();
    if (now_ms - this.since_ms < TURN_MS) return undefined;
    return this.pass();
  }

  private async pass(): Promise<void> {
    this.conditions.progress();
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.since_ms = this.conditions.now_ms();
  }
}
