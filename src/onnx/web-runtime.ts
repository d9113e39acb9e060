import { type OnnxRuntime, type OrtModule, ortRuntime } from './runtime.ts';

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
  return ortRuntime({
    name: 'onnxruntime-web',
    importRuntime: async () => {
      const runtime = await importRuntime();
      runtime.env.wasm.numThreads = threads;
      return runtime;
    },
    sessionOptions: { executionProviders: ['wasm'], executionMode: 'sequential', graphOptimizationLevel: 'all', logSeverityLevel: 3 },
  });
}
