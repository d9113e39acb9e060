import type { MainModule } from '@mujoco/mujoco';
import { type BuiltModel, type Views, viewsOf } from './mujoco-build.ts';

/** How much of what follows from joint coordinates has been computed for the present ones. */
const nothing = 0;
const poses = 1;
const velocities = 2;

/**
 * Where bodies are and how they move. MuJoCo computes that at the start of a step, so after one it is a step behind:
 * here it is brought up to date when somebody asks. A step starts from joint coordinates alone, so asking never changes what follows.
 */
export class Kinematics {
  private readonly mujoco: MainModule;
  private readonly built: BuiltModel;
  private readonly keepFirst: () => void;
  private held: Views;
  private known: 0 | 1 | 2 = nothing;

  /** @param keepFirst - called before what the last step left in MuJoCo's arrays is overwritten. */
  constructor(mujoco: MainModule, built: BuiltModel, keepFirst: () => void) {
    this.mujoco = mujoco;
    this.built = built;
    this.keepFirst = keepFirst;
    this.held = viewsOf(built.data);
  }

  /** MuJoCo's arrays; not to be kept beyond a call. */
  views(): Views {
    // There is always the world body, so only memory that has moved is empty.
    if (this.held.xpos.length === 0) this.held = viewsOf(this.built.data);
    return this.held;
  }

  /** To be called when joint coordinates or velocities have changed. */
  forget(): void {
    this.known = nothing;
  }

  /** Brings poses up to date. */
  place(): Views {
    if (this.known === nothing) {
      this.keepFirst();
      this.mujoco.mj_kinematics(this.built.model, this.built.data);
      this.known = poses;
    }
    return this.views();
  }

  /** Writes x, y, z, qx, qy, qz, qw of a body of the scene. */
  pose(body: number, out: Float64Array, offset: number): void {
    const { xpos, xquat } = this.place();
    const id = this.built.bodyIds[body]!;
    for (let i = 0; i < 3; i++) out[offset + i] = xpos[id * 3 + i]!;
    for (let i = 0; i < 4; i++) out[offset + 3 + i] = xquat[id * 4 + ((i + 1) & 3)]!;
  }

  /** Writes the linear velocity of a body's origin, then its angular velocity, world frame. */
  velocity(body: number, out: Float64Array, offset: number): void {
    const { xpos, subtree_com, cvel } = this.move();
    const id = this.built.bodyIds[body]!;
    const root = this.built.rootIds[body]! * 3;
    const at = id * 6;
    for (let i = 0; i < 3; i++) {
      const j = (i + 1) % 3;
      const k = (i + 2) % 3;
      out[offset + i] =
        cvel[at + 3 + i]! +
        cvel[at + j]! * (xpos[id * 3 + k]! - subtree_com[root + k]!) -
        cvel[at + k]! * (xpos[id * 3 + j]! - subtree_com[root + j]!);
      out[offset + 3 + i] = cvel[at + i]!;
    }
  }

  private move(): Views {
    this.place();
    if (this.known !== velocities) {
      this.mujoco.mj_comPos(this.built.model, this.built.data);
      this.mujoco.mj_comVel(this.built.model, this.built.data);
      this.known = velocities;
    }
    return this.views();
  }
}
