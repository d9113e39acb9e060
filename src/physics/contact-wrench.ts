import type { TempContactManifold, Vector, World } from '@dimforge/rapier3d';
import type { SceneSpec, ShapeSpec } from '../core/scene-spec.ts';
import { rotateInto } from '../math/rotation.ts';
import { mayTouch } from './collision-groups.ts';
import type { BuiltWorld } from './rapier-build.ts';

/** Columns of a row: impulse N·s, angular impulse N·m·s about the world's origin, centre of pressure m times pressure, pressure N·s; world frame. */
export const contactRow = { impulse: 0, angularImpulse: 3, centre: 6, pressure: 9, size: 10 } as const;

/**
 * Sums what touches each body after a physics step. Rapier reports normal impulses only; friction is found by the caller from momentum,
 * and acts at the centre of pressure, which is where Rapier's one friction constraint per manifold acts too.
 * Where dynamic bodies can only touch fixed ones, the fixed ones' few shapes are asked what touches them, otherwise every shape of a watched body.
 */
export class ContactTable {
  /** `[bodies, 10]`, see contactRow; of watched bodies only. */
  readonly rows: Float64Array;
  private world: World;
  private isFresh = false;
  private readonly asked: readonly number[];
  private readonly isGround: boolean;
  private readonly bodyOf = new Map<number, number>();
  private own = 0;
  /** The collider of the watched body, whose frame the points of contact are taken from: they move with it during the step. */
  private subject = 0;
  /** Whether the subject's pose has been read: only when something touches it. */
  private isPlaced = false;
  private readonly place: Vector = { x: 0, y: 0, z: 0 };
  private readonly turn = { x: 0, y: 0, z: 0, w: 1 };
  private readonly turnNumbers = new Float64Array(4);
  private readonly point: Vector = { x: 0, y: 0, z: 0 };
  private readonly normal: Vector = { x: 0, y: 0, z: 0 };
  private readonly arm = new Float64Array(3);

  /** @param watched - bodies with a sensor. */
  constructor(scene: SceneSpec, built: BuiltWorld, watched: readonly number[]) {
    this.world = built.world;
    this.rows = new Float64Array(scene.bodies.length * contactRow.size);
    built.colliderHandles.forEach((handles, body) => {
      for (const handle of handles) this.bodyOf.set(handle, body);
    });
    const isFixed = (body: number) => built.compounds[built.compoundOf[body]!]!.inertial === undefined;
    const bodies = [...scene.bodies.keys()];
    const moving = bodies.filter((body) => !isFixed(body)).flatMap((body) => scene.bodies[body]!.shapes);
    this.isGround = !moving.some((one, i) => moving.some((two, k) => i < k && touches(one, two)));
    this.asked = (this.isGround ? bodies.filter(isFixed) : [...new Set(watched)]).flatMap((body) => built.colliderHandles[body]!);
  }

  /** A restored snapshot is another Rapier world. */
  attach(world: World): void {
    this.world = world;
    this.isFresh = false;
  }

  /** The world has moved on. */
  forget(): void {
    this.isFresh = false;
  }

  /** Brings `rows` up to date. */
  gather(): void {
    if (this.isFresh) return;
    this.isFresh = true;
    this.rows.fill(0);
    for (const handle of this.asked) {
      this.own = handle;
      this.subject = handle;
      this.isPlaced = false;
      this.world.narrowPhase.contactPairsWith(handle, this.addPair);
    }
  }

  private readonly addPair = (other: number): void => {
    if (this.isGround) {
      this.subject = other;
      this.isPlaced = false;
    }
    this.world.narrowPhase.contactPair(this.own, other, this.world.bodies, this.addManifold);
  };

  private readonly addManifold = (manifold: TempContactManifold, flipped: boolean): void => {
    const count = manifold.numContacts();
    for (let i = 0; i < count; i++) {
      const pressed = manifold.contactImpulse(i);
      // Most pairs are only near each other.
      if (pressed !== 0) this.addContact(manifold, flipped, i, pressed);
    }
  };

  private addContact(manifold: TempContactManifold, flipped: boolean, index: number, pressed: number): void {
    if (!this.isPlaced) this.placeSubject();
    manifold.normal(this.normal);
    if (flipped !== this.isGround) manifold.localContactPoint2(index, this.point);
    else manifold.localContactPoint1(index, this.point);
    // The normal points from the pair's first collider to its second (flipped = the asked one is the second); a body is pushed against its own
    // outward normal, and along that of the ground.
    const sign = flipped === this.isGround ? -1 : 1;
    this.addImpulse(this.bodyOf.get(this.subject)! * contactRow.size, pressed, sign * pressed);
  }

  private placeSubject(): void {
    const collider = this.world.getCollider(this.subject);
    this.isPlaced = true;
    collider.translation(this.place);
    collider.rotation(this.turn);
    this.turnNumbers[0] = this.turn.x;
    this.turnNumbers[1] = this.turn.y;
    this.turnNumbers[2] = this.turn.z;
    this.turnNumbers[3] = this.turn.w;
  }

  private addImpulse(at: number, weight: number, along: number): void {
    const { arm, rows } = this;
    rotateInto(this.turnNumbers, 0, this.point.x, this.point.y, this.point.z, arm, 0);
    arm[0]! += this.place.x;
    arm[1]! += this.place.y;
    arm[2]! += this.place.z;
    const x = along * this.normal.x;
    const y = along * this.normal.y;
    const z = along * this.normal.z;
    rows[at]! += x;
    rows[at + 1]! += y;
    rows[at + 2]! += z;
    rows[at + 3]! += arm[1]! * z - arm[2]! * y;
    rows[at + 4]! += arm[2]! * x - arm[0]! * z;
    rows[at + 5]! += arm[0]! * y - arm[1]! * x;
    for (let i = 0; i < 3; i++) rows[at + contactRow.centre + i]! += weight * arm[i]!;
    rows[at + contactRow.pressure]! += weight;
  }
}

function touches(a: ShapeSpec, b: ShapeSpec): boolean {
  return a.collides !== false && b.collides !== false && mayTouch(a, b);
}
