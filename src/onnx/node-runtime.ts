import { importOptional } from '../core/optional-package.ts';
import { type OnnxRuntime, type OrtModule, type OrtPackage, ortRuntime, runtimeMissing } from './runtime.ts';
import { webPackage } from './web-runtime.ts';

export interface NodeRuntimeOptions {
  /** Threads of one operator. Default 1: results must not depend on the machine's cores. */
  readonly threads?: number;
  /** How onnxruntime-node is imported; a test puts a failing one in. */
  readonly importRuntime?: () => Promise<OrtModule>;
  /** How onnxruntime-web is imported where onnxruntime-node cannot be. */
  readonly importFallback?: () => Promise<OrtModule>;
}

/**
 * Models on onnxruntime-node: one thread, operators in sequence, all graph optimisations, only errors logged. The package is imported at the first load.
 * Where it cannot be loaded, on onnxruntime-web (WebAssembly) if that is there: several times slower, and with other last bits; `runtimeInUse` tells.
 */
export function nodeRuntime(options: NodeRuntimeOptions = {}): OnnxRuntime {
  let found: Promise<OrtPackage> | undefined;
  return ortRuntime(() => {
    found ??= packageOnNode(options);
    return found;
  });
}

/** Which package computes for `nodeRuntime`, and in which version. @throws RUNTIME_MISSING when there is none. */
export async function runtimeInUse(
  options: NodeRuntimeOptions = {},
): Promise<{ readonly name: OrtPackage['name']; readonly version: string }> {
  const { name, runtime } = await packageOnNode(options);
  return { name, version: runtime.env.versions.common };
}

async function packageOnNode(options: NodeRuntimeOptions): Promise<OrtPackage> {
  const { threads = 1, importFallback = () => import('onnxruntime-web/wasm') } = options;
  try {
    return await nativePackage(options.importRuntime ?? importNative, threads);
  } catch (error) {
    // That the fallback is missing too is no news: the way out is the native one.
    return webPackage(importFallback, threads).catch(() => {
      throw error;
    });
  }
}

const importNative = () => importOptional('onnxruntime-node', () => import('onnxruntime-node'));

async function nativePackage(importRuntime: () => Promise<OrtModule>, threads: number): Promise<OrtPackage> {
  return {
    name: 'onnxruntime-node',
    runtime: await importRuntime().catch((error: unknown) => runtimeMissing('onnxruntime-node', error)),
    sessionOptions: {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    },
  };
}
