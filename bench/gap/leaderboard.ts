/** docs/leaderboard.md, from recorded trials. */
import { negativeControls } from '../../src/gap/negative-controls.ts';
import { controlRecord, failingRows } from '../verify/gap-kills.ts';
import { boardEnvs, boardSubjects, boardTrials, type RecordedTrial, soundSubjects, trialEnvs, trialSeeds } from './trial.ts';

const axes = { P: 'plausibility', C: 'causality', H: 'prediction', A: 'agent' } as const;

/** @param recorded - all trials. */
export function leaderboard(recorded: readonly RecordedTrial[]): string {
  return `# Leaderboard

Written by \`node --import tsx bench/gap/main.ts\`, which plays what is missing and keeps every row of every trial in \`bench/results/gap\`. [gap-suite.md](gap-suite.md) explains the rows.
A trial has 96 starts, fewer than a verdict on a model of yours should have; INCONCLUSIVE therefore is frequent, and no pass.

## Engines and models

Rows passed of those that apply, by axis (${Object.entries(axes)
    .map(([letter, name]) => `${letter}: ${name}`)
    .join(
      ', ',
    )}), and the ids of rows that fail. \`truth\` is Rapier itself, played once more; \`engine:mujoco\` is the same task on MuJoCo; \`ensemble\` learned from 10,000 steps of truth.

${boardTable(recorded)}

How far ahead they are of use: skill 40 steps ahead (H1; 1 = as good as physics can be told, 0 = no better than a straight line), valid time (H2; share of physics' own), effect of actions (C1, R²), and rank correlation of policies' returns (A2).

${figureTable(recorded)}

## What is broken on purpose

Each control is to be failed by its named row on ${trialEnvs.join(', ')} with seeds ${trialSeeds.join(', ')}: in how many of the trials where that row applies it is, and which other rows fail on some task with every seed.
Rows other than the named one are measured with the first seed.

${controlTable(recorded)}

## What is sound

Rows that sound subjects fail. \`exact\` is physics behind the contract of a model, \`doubting\` the same with errors that it knows of.

${soundTable(recorded)}
`;
}

function boardTable(recorded: readonly RecordedTrial[]): string {
  const cell = (env: string, subject: string) => {
    const trial = boardTrial(recorded, env, subject);
    const scores = Object.keys(axes).map((letter) => {
      const rows = trial.rows.filter(({ id, verdict }) => id.startsWith(letter) && verdict !== 'NOT_APPLICABLE');
      return `${letter} ${rows.filter(({ verdict }) => verdict === 'PASS').length}/${rows.length}`;
    });
    const failing = failingRows(trial);
    return [scores.join(' · '), ...(failing.length > 0 ? [`fails ${failing.join(', ')}`] : [])].join('<br>');
  };
  return table(
    ['task', ...boardSubjects],
    boardEnvs.map((env) => [env, ...boardSubjects.map((subject) => cell(env, subject))]),
  );
}

/** Rows whose values say most, by title and steps ahead. */
const figures = [
  { name: 'H1', title: 'Prediction skill', horizon: 40 },
  { name: 'H2', title: 'Valid prediction time' },
  { name: 'C1', title: 'Effect of actions (R²)' },
  { name: 'A2', title: 'Ranking of policies (Spearman)' },
] as const;

function figureTable(recorded: readonly RecordedTrial[]): string {
  const others = boardSubjects.filter((subject) => subject !== 'truth');
  const cell = (env: string, subject: string, figure: (typeof figures)[number]) => {
    const row = boardTrial(recorded, env, subject).rows.find(
      ({ id, title, horizon }) => id === figure.name && title === figure.title && (!('horizon' in figure) || horizon === figure.horizon),
    );
    if (row?.measured == null) return '–';
    return row.low === null || row.high === null ? short(row.measured) : `${short(row.measured)} [${short(row.low)}, ${short(row.high)}]`;
  };
  return table(
    ['task', ...others.flatMap((subject) => figures.map(({ name }) => `${subject} ${name}`))],
    boardEnvs.map((env) => [env, ...others.flatMap((subject) => figures.map((figure) => cell(env, subject, figure)))]),
  );
}

function controlTable(recorded: readonly RecordedTrial[]): string {
  const rows = Object.entries(negativeControls).map(([control, { killedBy, elsewhere }]) => {
    const { tried, killed, caughtBy } = controlRecord(control, recorded);
    const others = [...new Set(Object.values(caughtBy).flat())].filter((id) => id !== killedBy && id !== elsewhere);
    return [
      `\`${control}\``,
      [killedBy, elsewhere].filter(Boolean).join(', else '),
      `${killed} of ${tried}`,
      others.sort().join(', ') || '–',
    ];
  });
  return table(['control', 'named row', 'failed by it', 'others'], rows);
}

function soundTable(recorded: readonly RecordedTrial[]): string {
  const cell = (env: string, subject: string) => {
    const own = recorded.filter((trial) => trial.env === env && trial.subject === subject);
    return [...new Set(own.flatMap(failingRows))].join(', ') || 'none';
  };
  return table(
    ['task', ...soundSubjects],
    trialEnvs.map((env) => [env, ...soundSubjects.map((subject) => cell(env, subject))]),
  );
}

function boardTrial(recorded: readonly RecordedTrial[], env: string, subject: string): RecordedTrial {
  const asked = boardTrials.find((trial) => trial.env === env && trial.subject === subject)!;
  const found = recorded.find((trial) => trial.env === env && trial.subject === subject && trial.seed === asked.seed);
  if (!found) throw new Error(`no trial of ${subject} on ${env}`);
  return found;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function short(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : 0);
}
