/** What measures a gap for a server: the command line in a process of its own, so that neither its hours nor its memory touch who is served. */
import { main } from './cli/main.ts';
import { guardProcess } from './core/process-guard.ts';

const [memoryLimit_bytes, ...argv] = process.argv.slice(2);

// Signals to the whole group are the server's to decide on: it closes the standard input, or ends this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
guardProcess({ orphanLimit_ms: 0, memoryLimit_bytes: Number(memoryLimit_bytes) });
const exitCode = await main(argv);
// All that was printed is out before it ends, at once: nothing here has to be given back.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
