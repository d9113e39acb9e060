/** The tables of docs/engine-gaps.md, from recorded studies. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { table, withSections } from '../../../scripts/markdown.ts';
import { writeFileAtomically } from '../../../src/data/atomic-file.ts';
import type { Interval } from '../../../src/gap/bootstrap.ts';
import { root } from '../../machine.ts';
import { causeOf, causes } from './causes.ts';
import { horizons } from './compare.ts';
import { allStudies, type Recorded } from './results.ts';
import { JUDGED_STEP } from './study.ts';
import { explanationOf } from './verdict.ts';

const page = join(root, 'docs', 'engine-gaps.md');

export function writePage(): void {
  writeFileAtomically(page, pageWith(readFileSync(page, 'utf8'), allStudies()));
}

/** The page with the tables that these studies give. */
export function pageWith(text: string, studies: readonly Recorded[]): string {
  return withSections(text, {
    gaps: gapTable(studies),
    returns: returnTable(studies),
    causes: causeTable(studies),
    'left in': leftInTable(studies),
    alone: aloneTable(studies),
    removals: removalTable(),
  });
}

function gapTable(studies: readonly Recorded[]): string {
  const heads = ['env', ...horizons.map((step) => `E(${step}), σ`), 'valid time, share', 'one-step effect R²'];
  const rows = studies.map(({ env, gap }) => [
    env,
    ...gap.error.map(({ value }) => withInterval(value, significant)),
    withInterval(gap.validShare, twoDecimals),
    withInterval(gap.effectR2, share),
  ]);
  return table(heads, rows);
}

function returnTable(studies: readonly Recorded[]): string {
  const heads = ['env', 'policy', 'on Rapier', 'on MuJoCo', 'difference'];
  const rows = studies.flatMap(({ env, returns }) =>
    returns.map(({ policy, rapier, mujoco, difference }) => [
      env,
      policy,
      significant(rapier),
      significant(mujoco),
      withInterval(difference, significant),
    ]),
  );
  return table(heads, rows);
}

function causeTable(studies: readonly Recorded[]): string {
  const heads = ['env', 'named', 'E(10) falls by', 'over motion', 'E(10) left, σ', 'effect R² then', 'explained'];
  const rows = studies.map((study) => {
    const { named, error, perMotion, isExplained } = explanationOf(study);
    const left = study.gapLeft.error.find(({ step }) => step === JUDGED_STEP)!.value;
    return [
      study.env,
      named.map((id) => `\`${id}\``).join(' + '),
      withInterval(error, percent),
      withInterval(perMotion, percent),
      withInterval(left, significant),
      withInterval(study.gapLeft.effectR2, share),
      isExplained ? 'yes' : 'no',
    ];
  });
  return table(heads, rows);
}

function leftInTable(studies: readonly Recorded[]): string {
  const rows = studies.flatMap(({ env, leftIn }) =>
    leftIn.map(({ cause, error, perMotion }) => [env, `\`${cause}\``, withInterval(error, percent), withInterval(perMotion, percent)]),
  );
  return table(['env', 'left in', 'E(10) falls by', 'over motion'], rows);
}

/** Falls of every cause alone on the starts of the search. */
function aloneTable(studies: readonly Recorded[]): string {
  const rows = studies.map(({ env, tried }) => [
    env,
    ...causes.map(({ id }) => {
      const found = tried.find((one) => one.causes.length === 1 && one.causes[0] === id);
      return found ? `${percent(found.error.measured)}, ${percent(found.perMotion.measured)}` : '';
    }),
  ]);
  return table(['env', ...causes.map(({ id }) => `\`${id}\``)], rows);
}

function removalTable(): string {
  return table(
    ['', 'cause', 'how it is taken away'],
    causes.map(({ id }) => [`\`${id}\``, causeOf(id).name, causeOf(id).removal]),
  );
}

function withInterval({ measured, low, high }: Interval, show: (value: number) => string): string {
  return `${show(measured)} (${show(low)} … ${show(high)})`;
}

const DIGITS = 2;

function significant(value: number): string {
  if (value === 0) return '0';
  const decimals = Math.max(0, DIGITS - 1 - Math.floor(Math.log10(Math.abs(value))));
  return signed(value.toFixed(Math.min(decimals, 6)));
}

const twoDecimals = (value: number) => signed(value.toFixed(2));
const percent = (value: number) => `${signed((100 * value).toFixed(0))} %`;
/** Close to 1, what is missing matters. */
const share = (value: number) => (value > 0.99 && value < 1 ? signed(value.toFixed(4)) : signed(value.toFixed(2)));
const signed = (text: string) => (Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−'));
