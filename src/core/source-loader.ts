import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const isSource = (url: URL) => url.pathname.endsWith('.ts');

/** A module of the loader for TypeScript. From this file, whatever the working directory is. import.meta.resolve would do, but a loader that compiles to CommonJS (mocha's) has none. */
const loaderModule = (name: string) => pathToFileURL(createRequire(import.meta.url).resolve(name)).href;

/** Node flags with which a file of this package runs in another process: a loader for TypeScript in a checkout, none for the JavaScript of a package. */
export function sourceLoader(url: URL): string[] {
  return isSource(url) ? ['--import', loaderModule('tsx')] : [];
}

/** What a thread begins with to run a file of this package, as CommonJS: its flags' loaders come too late for its first module, and this one registers nothing by itself outside the main thread. */
export function sourceThread(url: URL): string | undefined {
  if (!isSource(url)) return undefined;
  // Resolved as `require` does; the ES module that can register itself lies beside it.
  const api = JSON.stringify(loaderModule('tsx/esm/api').replace(/\.cjs$/, '.mjs'));
  const file = JSON.stringify(url.href);
  return `import(${api}).then(({ register }) => { register(); return import(${file}); });`;
}

/** Of `sourceLoader`'s process: in a package, the loaders with which this process was started, so that modules of its user load there as they load here. */
export function loaderFlags(url: URL): string[] {
  const own = sourceLoader(url);
  return own.length > 0 ? own : process.execArgv.flatMap((flag, i, flags) => loaderFlag(flag, flags[i + 1]));
}

const takesModule = ['--import', '--require', '-r', '--loader', '--experimental-loader', '--conditions', '-C'];

function loaderFlag(flag: string, next: string | undefined): string[] {
  if (takesModule.includes(flag)) return next === undefined ? [] : [flag, next];
  return takesModule.some((name) => flag.startsWith(`${name}=`)) || flag.startsWith('--max-') ? [flag] : [];
}
