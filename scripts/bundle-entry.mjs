/** The command line, as the bundle starts it. */
import { main } from '../src/cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
