/** What an engine itself holds, read past our worlds: an answer that does not depend on `problem()`. */
import type { PhysicsWorld } from '../../src/core/physics-world.ts';

interface Triple {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

interface RapierBody {
  translation(): Triple;
  rotation(): Triple & { readonly w: number };
  linvel(): Triple;
  angvel(): Triple;
  isEnabled(): boolean;
}

interface Manifold {
  numContacts(): number;
}

interface RapierInside {
  readonly bodies: { forEach(visit: (body: RapierBody) => void): void };
  readonly colliders: { forEach(visit: (collider: object) => void): void };
  contactPairsWith(collider: object, visit: (other: object) => void): void;
  contactPair(one: object, other: object, visit: (manifold: Manifold) => void): void;
}

interface MujocoInside {
  readonly data: {
    readonly qpos: Float64Array;
    readonly qvel: Float64Array;
    readonly ncon: number;
    readonly warning: { get(index: number): { readonly number: number; delete(): void } };
  };
}

/** MuJoCo's own names of what it counts: bad positions, velocities, accelerations, controls. */
const badWarnings = [3, 4, 5, 6];

/** Null, or what of the engine's own state is not finite, switched off or warned of. */
export function engineTrouble(world: PhysicsWorld): string | null {
  return world.engine.name === 'rapier' ? rapierTrouble(rapierOf(world)) : mujocoTrouble(mujocoOf(world));
}

/** Points in which shapes touch. */
export function contactsOf(world: PhysicsWorld): number {
  if (world.engine.name === 'mujoco') return mujocoOf(world).data.ncon;
  const inside = rapierOf(world);
  let touching = 0;
  inside.colliders.forEach((one) => {
    inside.contactPairsWith(one, (other) => {
      inside.contactPair(one, other, (manifold) => {
        touching += manifold.numContacts();
      });
    });
  });
  // Each pair was met from both of its sides.
  return touching / 2;
}

function rapierOf(world: PhysicsWorld): RapierInside {
  return (world as unknown as { world: RapierInside }).world;
}

function mujocoOf(world: PhysicsWorld): MujocoInside {
  return (world as unknown as { built: MujocoInside }).built;
}

function rapierTrouble(inside: RapierInside): string | null {
  let trouble: string | null = null;
  inside.bodies.forEach((body) => {
    const [at, turn, moving, turning] = [body.translation(), body.rotation(), body.linvel(), body.angvel()];
    const numbers = [...[at, moving, turning].flatMap(({ x, y, z }) => [x, y, z]), turn.x, turn.y, turn.z, turn.w];
    if (!numbers.every(Number.isFinite)) trouble = 'a body is not finite';
    else if (!body.isEnabled()) trouble = 'a body is disabled';
  });
  return trouble;
}

function mujocoTrouble({ data }: MujocoInside): string | null {
  const { qpos, qvel, warning } = data;
  if (!qpos.every(Number.isFinite)) return 'a position is not finite';
  if (!qvel.every(Number.isFinite)) return 'a velocity is not finite';
  for (const index of badWarnings) {
    const one = warning.get(index);
    const count = one.number;
    one.delete();
    if (count > 0) return `warning ${index}`;
  }
  return null;
}
