/** `npm run docs:python`: writes the table from which the Python package registers its envs. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { registry } from '../src/index.ts';

export const envsFile = fileURLToPath(new URL('../python/src/groundtwin/_envs.json', import.meta.url));

/** JSON text: what Gymnasium must know of an env before it is made. */
export function envsJson(): string {
  const table = Object.fromEntries(
    registry.ids().map((id) => {
      const { horizon, solvedAt } = registry.task(id);
      return [id, { horizon, ...(solvedAt === undefined ? {} : { solvedAt }) }];
    }),
  );
  return `${JSON.stringify(table, null, 2)}\n`;
}

if (pathToFileURL(process.argv[1] ?? '').href === import.meta.url) writeFileSync(envsFile, envsJson());
