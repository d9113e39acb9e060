import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type Argument, Command, type Option } from 'commander';
import { addCommands } from '../../src/cli/commands/index.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';

const doc = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

const program = new Command('groundtwin');
addCommands(program, () => {});

const usageOf = (argument: Argument) => {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
};
const nameOf = (command: Command) => [command.name(), ...command.registeredArguments.map(usageOf)].join(' ');

/** A row of the table that docs/cli.md holds for an option. */
function rowOf({ flags, mandatory, defaultValue, envVar, argChoices, description }: Option): string {
  const isEmpty = defaultValue === undefined || (Array.isArray(defaultValue) && defaultValue.length === 0);
  const value = mandatory ? 'required' : isEmpty ? '' : `\`${String(defaultValue)}\``;
  const choices = argChoices ? `${argChoices.map((choice) => `\`${choice}\``).join(', ')}: ` : '';
  return `| \`${flags}\` | ${[value, envVar ? `\`${envVar}\`` : ''].filter(Boolean).join(', ')} | ${choices}${description} |`;
}

const sectionOf = (name: string) => doc.split(/^### /m).find((section) => section.startsWith(`${name}\n`)) ?? '';

describe('docs/cli.md', () => {
  it('has one section a command', () => {
    const sections = [...doc.matchAll(/^### (.+)$/gm)].map(([, title]) => title);
    expect(sections).to.deep.equal(program.commands.map(nameOf));
  });

  for (const command of program.commands)
    it(`lists the options of ${command.name()} as the program has them`, () => {
      const rows = sectionOf(nameOf(command))
        .split('\n')
        .filter((line) => line.startsWith('| `-'));
      expect(rows).to.deep.equal(command.options.map(rowOf));
    });

  it('lists every exit code', () => {
    const listed = [...doc.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(listed).to.deep.equal(Object.values(exitCodes));
  });
});

describe('README.md', () => {
  it('names every command', () => {
    for (const command of program.commands) expect(readme).to.include(`\`${nameOf(command)}\``);
  });
});
