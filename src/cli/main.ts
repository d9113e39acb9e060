import { Command, CommanderError } from 'commander';
import { GroundtwinError } from '../errors.ts';
import { addCommands } from './commands/index.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { packageJson } from './run-description.ts';

/**
 * The command line.
 * @param argv - without node and script.
 * @returns the exit code: 0 ok, 1 failure, 2 usage, 3 a threshold failed, 4 something is missing here, 5 connection, 130 interrupted.
 */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = new Command('groundtwin')
    .description('Environments on physics beside a learned model of them: train in the dream, check against the truth.')
    .version(packageJson().version)
    .exitOverride()
    .showHelpAfterError('(groundtwin <command> --help tells more)')
    .showSuggestionAfterError();
  addCommands(program, (code) => {
    exitCode = code;
  });
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, argv.includes('--json') || process.env.GROUNDTWIN_JSON !== undefined);
  }
}

function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof GroundtwinError) {
    const { code, message, details, retryable } = error;
    process.stderr.write(json ? `${JSON.stringify({ error: { code, message, details, retryable } })}\n` : `${code}: ${message}\n`);
  } else if (isSystemError(error)) process.stderr.write(`${error.code}: ${error.message}\n`);
  else process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return exitCodeOf(error);
}

/** A disk that is full, a folder that may not be written: the user's to solve, so no stack. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
