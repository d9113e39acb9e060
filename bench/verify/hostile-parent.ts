/**
 * One process that opens model folders it should not trust, one after the other, by the ways that users have, and says what became of it.
 * Arguments: a file with the list, JSON `[{ name, by, folder }]`. A line of JSON for each folder and way on standard output.
 */
import { readFileSync } from 'node:fs';
import { isGroundtwinError } from '../../src/errors.ts';
import { checkModel, makeVector, registry } from '../../src/index.ts';
import { allocate } from '../../src/spaces/space.ts';
import { hostileTask, type Noticed } from './hostile-models.ts';

const limits = { call_ms: 3000, load_ms: 15_000, memory_MB: 300 };
/** Physics of a thousand worlds would take seconds of its own. */
const lanes = { model: 1024, twin: 80 } as const;
const steps = 20;
/** What this process may grow by while it deals with one folder; its own buffers for 1,024 lanes included. */
const mostGrowth_MB = 300;
/** How long it may be deaf, and how long one way may take in all. */
const [mostDeaf_ms, mostTaken_ms] = [5000, 60_000];
const look_ms = 25;

type Way = 'model' | 'twin' | 'check-model';

/** When a folder was noticed, and how it was said. `untyped` is an error of no known code. */
interface Outcome {
  readonly noticed: Noticed | 'never' | 'untyped';
  readonly said: string;
}

export interface HostileLine extends Outcome {
  readonly name: string;
  readonly way: Way;
  readonly growth_MB: number;
  readonly deaf_ms: number;
  readonly taken_ms: number;
  /** Why this counts against us; empty if it does not. */
  readonly fault: string;
}

export interface Listed {
  readonly name: string;
  readonly by: Noticed;
  readonly folder: string;
}

async function open(folder: string, way: Way): Promise<Outcome> {
  let stage: Noticed = 'load';
  try {
    if (way === 'check-model') {
      const { holds, checks } = await checkModel(registry, hostileTask, folder, { limits });
      const broken = checks.filter((check) => !check.holds).map(({ name, detail }) => `${name}: ${detail}`);
      if (holds) return { noticed: 'never', said: 'all checks hold' };
      return { noticed: checks[0]!.holds ? 'check' : 'load', said: broken.join('; ').slice(0, 300) };
    }
    const env = await makeVector(hostileTask, {
      backend: way,
      model: folder,
      lanes: lanes[way],
      modelLimits: limits,
      ...(way === 'twin' && { observe: 'model' }),
    });
    stage = 'step';
    return await play(env).finally(() => env.close());
  } catch (error) {
    const said = error instanceof Error ? error.message.slice(0, 300) : String(error);
    return isGroundtwinError(error) ? { noticed: stage, said: `${error.code}: ${said}` } : { noticed: 'untyped', said };
  }
}

async function play(env: Awaited<ReturnType<typeof makeVector>>): Promise<Outcome> {
  await env.reset({ seed: 1 });
  for (let step = 0; step < steps; step++) {
    const { truncated, info } = await env.step(allocate(env.actionSpace, env.lanes));
    if (truncated.includes(1)) return { noticed: 'step', said: JSON.stringify(info.problem ?? null).slice(0, 200) };
  }
  return { noticed: 'never', said: `${steps} steps` };
}

async function measured({ name, by, folder }: Listed, way: Way): Promise<HostileLine> {
  const begun_ms = performance.now();
  const before = process.memoryUsage.rss();
  let [most, last_ms, deaf_ms] = [before, begun_ms, 0];
  const look = () => {
    const now_ms = performance.now();
    deaf_ms = Math.max(deaf_ms, now_ms - last_ms - look_ms);
    last_ms = now_ms;
    most = Math.max(most, process.memoryUsage.rss());
  };
  const looking = setInterval(look, look_ms);
  const outcome = await open(folder, way);
  look();
  clearInterval(looking);
  const taken_ms = Math.round(performance.now() - begun_ms);
  const line = { name, way, ...outcome, growth_MB: Math.round((most - before) / 1e6), deaf_ms: Math.round(deaf_ms), taken_ms };
  return { ...line, fault: faultOf(by, line) };
}

function faultOf(by: Noticed, { way, noticed, said, growth_MB, deaf_ms, taken_ms }: Omit<HostileLine, 'fault'>): string {
  if (noticed === 'untyped') return `untyped error: ${said}`;
  if (growth_MB > mostGrowth_MB) return `grew by ${growth_MB} MB`;
  if (deaf_ms > mostDeaf_ms) return `was deaf for ${deaf_ms} ms`;
  if (taken_ms > mostTaken_ms) return `took ${taken_ms} ms`;
  // What is wrong in substance alone can be told by the check only; what is noticed late was noticed too late.
  if (by === 'check') return way !== 'check-model' || noticed !== 'never' ? '' : 'passes the check';
  if (noticed === 'never' && by === 'step' && way === 'check-model') return '';
  if (noticed === 'never') return 'gets through';
  return by === 'load' && noticed !== 'load' ? `noticed at ${noticed} only` : '';
}

const listed = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as readonly Listed[];
for (const one of listed)
  for (const way of ['model', 'twin', 'check-model'] as const) console.log(JSON.stringify(await measured(one, way)));
