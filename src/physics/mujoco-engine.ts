import type { MainModule } from '@mujoco/mujoco';
import { importOptional } from '../core/optional-package.ts';
import type { PhysicsEngine } from '../core/physics-world.ts';
import type { EngineSettings, MujocoSettings, SceneSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { MujocoWorld } from './mujoco-world.ts';
import { checkScene } from './scene-check.ts';

type MujocoPackage = { readonly default: (options?: unknown) => Promise<MainModule> };

let loaded: Promise<PhysicsEngine> | undefined;

/**
 * MuJoCo, compiled to WebAssembly: an optional dependency, loaded once per process when first asked for. Every world it makes must be freed.
 * It computes in float64. All its worlds share 2 GiB of memory.
 * @throws ENGINE_MISSING when the package is not installed or does not start.
 */
export function mujocoEngine(): Promise<PhysicsEngine> {
  loaded ??= loadMujoco(() => importOptional('@mujoco/mujoco', () => import('@mujoco/mujoco')));
  return loaded;
}

/** @param importPackage - gives the package `@mujoco/mujoco`. */
export async function loadMujoco(importPackage: () => Promise<MujocoPackage>): Promise<PhysicsEngine> {
  const mujoco = await startMujoco(importPackage);
  const info = Object.freeze({ name: 'mujoco', version: mujoco.mj_versionString() } as const);
  return Object.freeze({
    ...info,
    createWorld(scene: SceneSpec, settings: EngineSettings) {
      checkScene(scene, settings);
      return new MujocoWorld(mujoco, scene, settings as MujocoSettings, info);
    },
  });
}

async function startMujoco(importPackage: () => Promise<MujocoPackage>): Promise<MainModule> {
  try {
    const { default: start } = await importPackage();
    const silent = (): void => undefined;
    const mujoco = await start({ print: silent, printErr: silent });
    // Its log is a file in its own memory that nobody reads.
    const log = mujoco.mju_getLogConfig();
    log.logto_file = false;
    log.logto_console = false;
    mujoco.mju_setLogConfig(log);
    log.delete();
    return mujoco;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new GroundtwinError('ENGINE_MISSING', { engine: 'mujoco', problem, install: '@mujoco/mujoco' });
  }
}

export { liveMujocoWorlds } from './mujoco-world.ts';
