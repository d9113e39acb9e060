#!/usr/bin/env node
/** Starts the CLI: the TypeScript sources in a checkout, the compiled ones in an installed package. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const sources = new URL('../src/cli/main.ts', import.meta.url);

async function loadSources() {
  let tsx;
  try {
    tsx = await import('tsx/esm/api');
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    process.stderr.write('groundtwin: the dependencies of this checkout are not installed. Run `npm run setup` first.\n');
    process.exit(4);
  }
  // The checkout's own tsconfig, wherever the command is called from.
  tsx.register({ tsconfig: fileURLToPath(new URL('../tsconfig.json', import.meta.url)) });
  return import(sources.href);
}

const { main } = existsSync(sources) ? await loadSources() : await import(new URL('../dist/src/cli/main.js', import.meta.url).href);
process.exitCode = await main(process.argv.slice(2));
