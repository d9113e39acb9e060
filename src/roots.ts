/** Where the roots of this package lie that run in threads and processes of their own. */
type WorkerRoot = 'worker' | 'env-worker' | 'model-worker' | 'gap-worker';

/** A root beside this file: TypeScript in a checkout, JavaScript in a package and in the bundle, which therefore lies in one folder. */
export function rootBeside(name: WorkerRoot): URL {
  return new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}
