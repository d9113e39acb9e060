/** Models from elsewhere: what may be trusted runs, what may not does no harm. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkModel, makeVector, Rng, registry, sample } from '../../src/index.ts';
import { root } from '../machine.ts';
import { type HostileModel, hostileModels } from './hostile-models.ts';
import type { HostileLine, Listed } from './hostile-parent.ts';
import type { Context, Measured, Row } from './row.ts';
import { runNode } from './run-node.ts';

const ways = 3;

/** How many ways into one process that hostile folders find; those that it no longer came to are counted too. */
export async function hostileThrough(
  { folder, log }: Pick<Context, 'folder' | 'log'>,
  models: readonly HostileModel[] = hostileModels,
): Promise<Measured> {
  const listed = models.map((model, i): Listed => {
    const own = join(folder, `hostile-${i}`);
    mkdirSync(own);
    model.write(own);
    return { name: model.name, by: model.by, folder: own };
  });
  const list = join(folder, 'hostile.json');
  writeFileSync(list, JSON.stringify(listed));
  log(`${listed.length} folders, ${ways} ways into each`);
  const { code, out, err } = await runNode(['--import', 'tsx', join('bench', 'verify', 'hostile-parent.ts'), list]);
  const lines = out.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as HostileLine] : []));
  const missing = listed.length * ways - lines.length;
  const faults = lines.filter(({ fault }) => fault !== '');
  const raw = { folders: listed.length, faults, missing, exitCode: code, ...(code === 0 ? {} : { said: err.slice(-1000) }), lines };
  return { measured: faults.length + missing + (code === 0 ? 0 : 1), raw };
}

const foreignTask = 'Pendulum-v0';
const foreignFolder = join(root, 'examples', 'pytorch-model');
const steps = 100;
/** Rows of the gap suite that nobody can measure without a policy: imagined returns. */
const unasked: readonly string[] = ['A1'];

/** 1 if the model that PyTorch made keeps the contract, dreams, runs beside physics, and every row of its gap report is measured. */
async function foreignOk(context: Context): Promise<Measured> {
  const check = await checkModel(registry, foreignTask, foreignFolder);
  const dreamt = await playedSteps('model');
  const beside = await playedSteps('twin');
  const gap = await gapOf(context);
  const unmeasured = gap.rows.filter(({ id, measured }) => !unasked.includes(id) && typeof measured !== 'number').map(({ id }) => id);
  const holds = check.holds && dreamt === steps && beside === steps && gap.rows.length > 0 && unmeasured.length === 0;
  return { measured: holds ? 1 : 0, raw: { check, dreamt, beside, unmeasured, verdict: gap.verdict, gap: gap.rows } };
}

/** Steps in which no lane met a problem; of a twin, with a finite error in every entry. */
async function playedSteps(backend: 'model' | 'twin'): Promise<number> {
  const env = await makeVector(foreignTask, { backend, model: foreignFolder, lanes: 8, ...(backend === 'twin' && { observe: 'model' }) });
  try {
    const rng = new Rng(1);
    await env.reset({ seed: 1 });
    for (let step = 0; step < steps; step++) {
      const { info } = await env.step(sample(env.actionSpace, rng, env.lanes));
      const errors = Object.values((info.twin as { error: Record<string, Float64Array> } | undefined)?.error ?? {});
      if (info.problem || !errors.every((column) => column.every(Number.isFinite))) return step;
    }
    return steps;
  } finally {
    await env.close();
  }
}

interface GapLine {
  readonly id: string;
  readonly measured: number | null;
}

/** By the command line, on episodes recorded there: the verdict is the model's own affair. */
async function gapOf({ folder }: Context): Promise<{ verdict: string; rows: readonly GapLine[] }> {
  const program = join(root, 'bin', 'groundtwin.mjs');
  const data = join(folder, 'foreign-held-out.bin');
  await runNode([program, 'record', '--env', foreignTask, '--episodes', '6', '--seed', '9', '--out', data]);
  const { out, err } = await runNode([program, 'gap', '--model', foreignFolder, '--data', data, '--axes', 'none', '--json']);
  if (!out.startsWith('{')) throw new Error(`groundtwin gap: ${err.slice(-500)}`);
  return JSON.parse(out);
}

export const hostileModelRows: readonly Row[] = [
  {
    id: 'model.foreign_ok',
    what: 'the model that PyTorch made (examples/pytorch-model) passes check-model, runs as ModelEnv and TwinEnv, and gets a whole gap report: 1 = yes',
    operator: '=',
    goal: 1,
    unit: '',
    budget_s: 120,
    measure: foreignOk,
  },
  {
    id: 'model.hostile',
    what: 'hostile model folders (bombs of time and memory, NaN, lies in manifest and shapes, tricks with files) that get through make, twin or check-model, or hurt the process that opens them',
    operator: '=',
    goal: 0,
    unit: 'ways',
    budget_s: 600,
    measure: (context) => hostileThrough(context),
  },
];
