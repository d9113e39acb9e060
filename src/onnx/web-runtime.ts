import { type OnnxRuntime, type OrtModule, type OrtPackage, ortRuntime, runtimeMissing } from './runtime.ts';

export interface WebRuntimeOptions {
  /** Threads of one operator. Default 1; more need a page that is cross-origin isolated. They are set for the whole page at the first load. */
  readonly threads?: number;
}

/**
 * Models on onnxruntime-web (WebAssembly), for browsers; it runs in Node too. Its results differ from Node's in the last bits.
 * The package is an optional peer of this one, imported by who calls, at the first load.
 *
 * @param importRuntime - `() => import('onnxruntime-web/wasm')`, or what a page has loaded otherwise.
 */
export function webRuntime(importRuntime: () => Promise<OrtModule>, { threads = 1 }: WebRuntimeOptions = {}): OnnxRuntime {
  return ortRuntime(() => webPackage(importRuntime, threads));
}

/** @throws RUNTIME_MISSING. */
export async function webPackage(importRuntime: () => Promise<OrtModule>, threads: number): Promise<OrtPackage> {
  const runtime = await importRuntime().catch((error: unknown) => runtimeMissing('onnxruntime-web', error));
  runtime.env.wasm.numThreads = threads;
  return {
    name: 'onnxruntime-web',
    runtime,
    sessionOptions: { executionProviders: ['wasm'], executionMode: 'sequential', graphOptimizationLevel: 'all', logSeverityLevel: 3 },
  };
}
