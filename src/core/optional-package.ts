import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Imports a package that need not be there: as this package sees it, else from the folder that the environment variable GROUNDTWIN_PACKAGES names,
 * in whose node_modules `python -m groundtwin setup` puts what the wheel leaves out.
 *
 * @param importPackage - `() => import('name')`, spelled out so that bundlers and compilers see it.
 * @throws what `importPackage` threw when it is in neither place.
 */
export async function importOptional<Module>(name: string, importPackage: () => Promise<Module>): Promise<Module> {
  try {
    return await importPackage();
  } catch (error) {
    const path = pathOfAdded(name);
    if (path === undefined) throw error;
    return (await import(pathToFileURL(path).href)) as Module;
  }
}

function pathOfAdded(name: string): string | undefined {
  const folder = process.env.GROUNDTWIN_PACKAGES;
  if (!folder) return undefined;
  try {
    return createRequire(join(folder, 'package.json')).resolve(name);
  } catch {
    return undefined;
  }
}
