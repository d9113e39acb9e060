import { init, version } from '@dimforge/rapier3d';
import type { PhysicsEngine } from '../core/physics-world.ts';
import type { EngineSettings, SceneSpec } from '../core/scene-spec.ts';
import { RapierWorld } from './rapier-world.ts';
import { checkScene } from './scene-check.ts';

let loaded: Promise<PhysicsEngine> | undefined;

/**
 * Rapier, compiled to WebAssembly; loaded once per process. Every world it makes must be freed.
 * It computes in float32; the interface is float64.
 */
export function rapierEngine(): Promise<PhysicsEngine> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<PhysicsEngine> {
  await init();
  const info = Object.freeze({ name: 'rapier', version: version() } as const);
  return Object.freeze({
    ...info,
    createWorld(scene: SceneSpec, settings: EngineSettings) {
      checkScene(scene, settings);
      return new RapierWorld(scene, settings, info);
    },
  });
}

export { liveRapierWorlds } from './rapier-world.ts';
