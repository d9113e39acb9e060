/** Every registered environment on every engine that it has settings for, held to the contract. */
import { enginesOf } from '../../src/check/check-registered.ts';
import { checkRegistered, registry } from '../../src/index.ts';
import type { Measured } from './row.ts';

interface PairResult {
  readonly env: string;
  readonly engine: string;
  readonly holds: boolean;
  readonly seconds: number;
  readonly failing: readonly { readonly name: string; readonly detail: string }[];
}

/** How many pairs of env and engine fail a check. @param ids - default all. */
export async function failingPairs(log: (line: string) => void, ids: readonly string[] = registry.ids()): Promise<Measured> {
  const pairs: PairResult[] = [];
  for (const id of ids)
    for (const engine of enginesOf(registry, id)) {
      log(`check-env ${id} on ${engine}`);
      pairs.push(await check(id, engine));
    }
  return { measured: pairs.filter(({ holds }) => !holds).length, raw: pairs };
}

async function check(id: string, engine: string): Promise<PairResult> {
  const { env, holds, checks } = await checkRegistered(registry, id, { engine });
  const seconds = checks.reduce((sum, each) => sum + each.seconds, 0);
  const failing = checks.filter((each) => !each.holds).map(({ name, detail }) => ({ name, detail }));
  return { env, engine, holds, seconds: Math.round(seconds * 100) / 100, failing };
}
