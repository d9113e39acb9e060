/** Actions that are no numbers, or out of bounds, through the public step: refused by name, and nothing of any lane moves. */
import { enginesOf } from '../../src/check/check-registered.ts';
import type { EngineName } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { sample, type TypedArray } from '../../src/spaces/space.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import type { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { addFigures, type HostileFigures, type HostileOptions, harms, noFigures } from './storm-hostile.ts';

const lanes = 2;
const codes = ['ACTION_NOT_FINITE', 'ACTION_OUTSIDE_SPACE'];

/** Lanes that ended begin anew at once, so every action counts. Each episode: one bad step, which must be refused, then a good one, which must be that of an env that was never asked for the bad one. */
export async function harmByActions(wanted: HostileOptions = {}): Promise<HostileFigures> {
  const { episodes = 15_000, ids = registry.ids(), seed = 80, log = () => {} } = wanted;
  const pairs = ids.flatMap((id) => enginesOf(registry, id).map((engine) => ({ id, engine: engine as EngineName })));
  const total = noFigures();
  for (const [i, { id, engine }] of pairs.entries()) {
    const options = { engine, lanes, autoreset: 'sameStep' } as const;
    const [asked, calm] = [await registry.makeVector(id, options), await registry.makeVector(id, options)];
    const figures = await ask(asked, calm, Math.ceil(episodes / pairs.length), seed + i);
    await asked.close();
    await calm.close();
    addFigures(total, figures);
  }
  log(`actions through the public step: ${JSON.stringify({ ...total, faults: Object.keys(total.faults).length })}`);
  return total;
}

async function ask(asked: SyncVectorEnv, calm: SyncVectorEnv, episodes: number, seed: number): Promise<HostileFigures> {
  const rng = new Rng(seed);
  const figures = noFigures();
  const note = (kind: 'late' | 'untyped' | 'neighbours', what: unknown) => {
    figures[kind]++;
    figures.faults[`${kind}, ${asked.id}, public step: ${String(what).slice(0, 80)}`] ??= String(what);
  };
  for (const env of [asked, calm]) await env.reset({ seed });
  for (let episode = 0; episode < episodes; episode++) {
    figures.episodes++;
    const actions = sample(asked.actionSpace, rng, lanes) as TypedArray;
    const bad = Array.from(actions);
    bad[rng.integer(bad.length)] = harms[rng.integer(harms.length - 1)]!;
    const error = await asked.step(bad as unknown as TypedArray).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null) note('late', `${bad} was taken`);
    else if (!isGroundtwinError(error) || !codes.includes(error.code)) note('untyped', error);
    else figures.refused++;
    if (!(await stepBytes(asked, actions)).equals(await stepBytes(calm, actions))) note('neighbours', 'the bytes of the next step differ');
  }
  return figures;
}

async function stepBytes(env: SyncVectorEnv, actions: TypedArray): Promise<Buffer> {
  const { observation, reward, terminated, truncated } = await env.step(actions);
  const parts = [observation as TypedArray, reward, terminated, truncated, (env.backend as TaskEnv).state];
  return Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)));
}
