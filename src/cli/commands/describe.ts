import type { Command } from 'commander';
import { registry } from '../../index.ts';
import { describeSpace } from '../../spaces/space.ts';
import type { AnyTask } from '../../task/task.ts';
import { spaceToJson } from '../../wire/index.ts';
import { taskHash } from '../../world-model/contract.ts';
import { manifestTemplate } from '../../world-model/manifest-template.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Finish, withCommon } from '../options.ts';
import { table, terminal } from '../terminal.ts';

export function addList(program: Command, finish: Finish): void {
  withCommon(program.command('list'))
    .description('list the environments')
    .action((options: { json?: boolean }) => {
      const tasks = registry.ids().map((id) => registry.task(id));
      const rows = tasks.map((task) => [
        task.id,
        describeSpace(task.observationSpace),
        describeSpace(task.actionSpace),
        String(task.horizon),
        task.summary,
      ]);
      terminal(options.json ?? false).result(
        tasks.map(({ id, summary, horizon, controlDt_s }) => ({ id, summary, horizon, controlDt_s })),
        table([['id', 'observation', 'action', 'steps', 'task'], ...rows]),
      );
      finish(exitCodes.ok);
    });
}

export function addDescribe(program: Command, finish: Finish): void {
  withCommon(program.command('describe <id>'))
    .description('describe one environment: spaces, state with units, reward terms, parameters, physics')
    .option('--manifest', 'print the manifest of a model for it instead, to be filled in')
    .action((id: string, options: { json?: boolean; manifest?: boolean }) => {
      const task = registry.task(id);
      const manifest = manifestTemplate(task);
      const screen = terminal(options.json ?? false);
      if (options.manifest) screen.result(manifest, JSON.stringify(manifest, null, 2));
      else screen.result(facts(task), prose(task));
      finish(exitCodes.ok);
    });
}

function facts(task: AnyTask) {
  const { id, summary, horizon, controlDt_s, params, engines, commands, solvedAt } = task;
  const reward = Object.fromEntries(Object.entries(task.reward).map(([name, { weight }]) => [name, { weight }]));
  const spaces = { observationSpace: spaceToJson(task.observationSpace), actionSpace: spaceToJson(task.actionSpace) };
  return {
    id,
    summary,
    horizon,
    controlDt_s,
    ...(solvedAt === undefined ? {} : { solvedAt }),
    ...spaces,
    state: task.state,
    /** What the manifest of a model for this task must carry. */
    taskHash: taskHash(task),
    commands,
    reward,
    params,
    engines,
  };
}

function prose(task: AnyTask): string {
  const names = (space: AnyTask['observationSpace']) => (space.kind === 'box' && space.names ? `: ${space.names.join(', ')}` : '');
  const state = Object.entries(task.state).map(([name, { role, kind, unit, size }]) => [
    `  ${name}`,
    role,
    size ? `${kind}[${size}]` : kind,
    unit,
  ]);
  return [
    `${task.id}: ${task.summary}`,
    '',
    `observation  ${describeSpace(task.observationSpace)}${names(task.observationSpace)}`,
    `action       ${describeSpace(task.actionSpace)}${names(task.actionSpace)}`,
    `a step       ${task.controlDt_s} s; ${task.horizon} steps an episode; ${task.terminated ? 'may terminate' : 'never terminates'}`,
    ...Object.entries(task.engines).map(
      ([engine, { step_s, ...more }]) =>
        `physics      ${engine}, steps of ${step_s} s${Object.entries(more)
          .map(([name, value]) => `, ${name} ${value}`)
          .join('')}`,
    ),
    `reward       ${Object.entries(task.reward)
      .map(([name, { weight }]) => `${weight} × ${name}`)
      .join(' + ')}`,
    '',
    'state',
    table(state),
    '',
    'parameters',
    table(Object.entries(task.params).map(([name, value]) => [`  ${name}`, String(value)])),
  ].join('\n');
}
