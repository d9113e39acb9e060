/** Model-based policy optimization whose dreams are far longer than its model is good for, against dreams of the usual length. */
import { type Interval, mean, stratifiedInterval } from '../../src/gap/index.ts';
import type { Recorded } from '../agents/run.ts';
import { LONG, runsOf } from '../agents/table.ts';
import { finalReturn, kept } from './agents-kept.ts';
import type { Context, Measured } from './row.ts';

const ENV = 'HalfCheetah-v0';

export interface LongRolloutFigures {
  /** Mean final return, long less usual, with its 95 % interval over seeds. */
  readonly difference: Interval;
  /** By seed. */
  readonly usual: readonly number[];
  readonly long: readonly number[];
}

export function longRolloutFigures(
  usual: readonly Pick<Recorded, 'curve'>[],
  long: readonly Pick<Recorded, 'curve'>[],
): LongRolloutFigures {
  const returns = { usual: usual.map(finalReturn), long: long.map(finalReturn) };
  const difference = stratifiedInterval([[returns.long], [returns.usual]], ([a], [b]) => mean(a!) - mean(b!));
  return { difference, ...returns };
}

/** 1 = the whole interval is below 0. */
export async function longRolloutHurts(context: Context): Promise<Measured> {
  const usual = await kept(runsOf('mbpo', ENV), context);
  const long = await kept(runsOf('mbpo', ENV, { variant: LONG }), context);
  const raw = longRolloutFigures(usual, long);
  return { measured: Number(raw.difference.high < 0), raw };
}
