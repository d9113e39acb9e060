import type { EngineInfo } from '../core/physics-world.ts';
import type { EngineSettings, SceneSpec } from '../core/scene-spec.ts';
import { sha256Hex } from '../math/hash.ts';

/**
 * Names everything a saved state depends on: scene, engine, its version, its settings. The order of keys and what is for pictures only (colours, cameras) do not matter.
 * @returns sha256, 64 hex digits.
 */
export function sceneHash(scene: SceneSpec, engine: EngineInfo, settings: EngineSettings): string {
  const { cameras: _, ...physical } = scene;
  return sha256Hex(canonicalJson({ scene: physical, engine: { name: engine.name, version: engine.version }, settings }));
}

/** JSON with sorted keys, without `colour`: equal data gives equal text. */
export function canonicalJson(value: unknown): string {
  if (ArrayBuffer.isView(value)) return canonicalJson([...(value as Float32Array)]);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record).filter((key) => key !== 'colour' && record[key] !== undefined);
  return `{${keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(record[key])}`)
    .join(',')}}`;
}
