/** Has a server measure a gap, and waits for the report. */
import { GroundtwinError } from '../errors.ts';
import type { Clock, Reply } from '../wire/index.ts';
import type { Channel } from './channel.ts';

/** What is measured; all but `id` has a default, that of `groundtwin gap`. */
export interface RemoteGapRequest {
  /** Name of a model in the server's models folder, or what `publishModel` gave. */
  readonly model?: string;
  /** `model`, `truth`, `engine:<name>`, `truth:<parameter>*<factor>`, `broken:<control>@<severity>`. */
  readonly subject?: string;
  /** Of plausibility, causality, prediction, agent; or `none` alone. Default all. */
  readonly axes?: readonly string[];
  /** Physical parameters that the model is told. */
  readonly condition?: readonly string[];
  /** Default 1. */
  readonly seed?: number;
  /** Imagined draws a start. */
  readonly samples?: number;
  /** `small`: fewer starts, for a quick look. Default `large`. */
  readonly size?: 'small' | 'large';
  /** With the rows that train and plan. */
  readonly deep?: boolean;
  /** When it is given up, with STEP_DEADLINE; the server has a longest time of its own. */
  readonly deadline_s?: number;
}

export interface RemoteGapHooks {
  readonly onProgress?: (progress: { readonly stage: string; readonly done: number; readonly of: number }) => void;
  /** Ends the measurement, over there too; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** The result of the gap suite as `gap.json` has it; docs/gap-suite.md tells what is in it. */
export interface RemoteGapReport {
  readonly verdict: 'PASS' | 'FAIL' | 'INCONCLUSIVE' | 'NOT_APPLICABLE';
  readonly summary: readonly string[];
  readonly rows: readonly {
    readonly id: string;
    readonly title: string;
    readonly measured: number | null;
    /** 95 % interval. */
    readonly low: number | null;
    readonly high: number | null;
    readonly passes: string;
    readonly verdict: RemoteGapReport['verdict'];
    readonly horizon?: number;
    readonly n: number;
    readonly reason?: string;
  }[];
  readonly [figure: string]: unknown;
}

/** Between two looks at how far it got. */
const LOOK_MS = 200;

/** @throws CAPACITY, OPTION_INVALID, STEP_DEADLINE, CALL_UNSUPPORTED, and what the measurement throws. */
export async function measureGap(
  channel: Channel,
  clock: Clock,
  id: string,
  { axes, condition, ...request }: RemoteGapRequest,
  { onProgress, signal }: RemoteGapHooks,
): Promise<RemoteGapReport> {
  signal?.throwIfAborted();
  const { job } = await channel.request('gap', { id, ...request, ...(axes ? { axes } : {}), ...(condition ? { condition } : {}) });
  let told = '';
  try {
    for (;;) {
      const { state, stage, done, of, report } = await channel.request('gapProgress', { job });
      signal?.throwIfAborted();
      const news = `${stage} ${done}/${of}`;
      if (news !== told) onProgress?.({ stage, done, of });
      told = news;
      if (state === 'done') return parsed(report);
      await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
      signal?.throwIfAborted();
    }
  } finally {
    // Whatever ended it here: the server need neither go on nor keep what it found.
    await channel.request('gapCancel', { job }).catch(() => {});
  }
}

function parsed(report: Reply<'gapProgress'>['report']): RemoteGapReport {
  try {
    const value = JSON.parse(new TextDecoder().decode(report)) as Partial<RemoteGapReport> | null;
    if (Array.isArray(value?.rows) && typeof value.verdict === 'string') return value as RemoteGapReport;
  } catch {
    // Told below.
  }
  throw new GroundtwinError('BAD_MESSAGE', { field: 'gapProgress reply.report', expected: 'a gap report as JSON' });
}
