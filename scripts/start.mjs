/** `npm start -- <flags>`: set up if needed, then `groundtwin demo <flags>`. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, runScript, setUp } from './setup.mjs';

await runScript(async () => {
  setUp();
  const launcher = join(root, 'bin', 'groundtwin.mjs');
  process.argv.splice(1, 1, launcher, 'demo');
  await import(pathToFileURL(launcher).href);
});
