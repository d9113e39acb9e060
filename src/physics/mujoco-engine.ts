import type { PhysicsEngine } from '../core/physics-world.ts';
import { GroundtwinError } from '../errors.ts';

/** MuJoCo, compiled to WebAssembly: an optional dependency, loaded once per process when first asked for. */
export async function mujocoEngine(): Promise<PhysicsEngine> {
  throw new GroundtwinError('ENGINE_MISSING', { engine: 'mujoco', problem: 'it is not there yet', install: '@mujoco/mujoco' });
}
