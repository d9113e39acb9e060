import type { TempContactManifold, Vector, World } from '@dimforge/rapier3d';
import { rotateInto } from './rotation.ts';

/**
 * Sums what touches one body after a physics step. Rapier reports normal impulses only; friction is found by the caller from momentum,
 * and acts at the centre of pressure, which is where Rapier's one friction constraint per manifold acts too.
 */
export class ContactSum {
  /** N·s, sum of normal impulses, world frame. */
  readonly impulse = new Float64Array(3);
  /** N·m·s about the world's origin. */
  readonly angularImpulse = new Float64Array(3);
  /** m, world frame, weighted by normal impulse; zero when nothing touches. */
  readonly centre = new Float64Array(3);
  /** N·s, sum of magnitudes; 0 when nothing presses. */
  pressure = 0;

  private world: World;
  private own = 0;
  /** Whether the collider's pose has been read: only when something touches it. */
  private isPlaced = false;
  private readonly place: Vector = { x: 0, y: 0, z: 0 };
  private readonly turn = { x: 0, y: 0, z: 0, w: 1 };
  private readonly turnNumbers = new Float64Array(4);
  private readonly point: Vector = { x: 0, y: 0, z: 0 };
  private readonly normal: Vector = { x: 0, y: 0, z: 0 };
  private readonly arm = new Float64Array(3);

  constructor(world: World) {
    this.world = world;
  }

  /** A restored snapshot is another Rapier world. */
  attach(world: World): void {
    this.world = world;
  }

  /** @param colliders - handles of the body's colliders. */
  measure(colliders: readonly number[]): void {
    this.impulse.fill(0);
    this.angularImpulse.fill(0);
    this.centre.fill(0);
    this.pressure = 0;
    for (const handle of colliders) {
      this.own = handle;
      this.isPlaced = false;
      this.world.narrowPhase.contactPairsWith(handle, this.addPair);
    }
    if (this.pressure > 0) for (let i = 0; i < 3; i++) this.centre[i]! /= this.pressure;
  }

  private placeOwn(): void {
    const collider = this.world.getCollider(this.own);
    this.isPlaced = true;
    collider.translation(this.place);
    collider.rotation(this.turn);
    this.turnNumbers[0] = this.turn.x;
    this.turnNumbers[1] = this.turn.y;
    this.turnNumbers[2] = this.turn.z;
    this.turnNumbers[3] = this.turn.w;
  }

  private readonly addPair = (other: number): void => {
    this.world.narrowPhase.contactPair(this.own, other, this.world.bodies, this.addManifold);
  };

  private readonly addManifold = (manifold: TempContactManifold, flipped: boolean): void => {
    manifold.normal(this.normal);
    // The normal points from the pair's first collider to its second; flipped = ours is the second.
    const sign = flipped ? 1 : -1;
    for (let i = 0; i < manifold.numContacts(); i++) {
      const pressed = manifold.contactImpulse(i);
      if (pressed === 0) continue;
      if (!this.isPlaced) this.placeOwn();
      if (flipped) manifold.localContactPoint2(i, this.point);
      else manifold.localContactPoint1(i, this.point);
      this.addImpulse(pressed, sign * pressed);
    }
  };

  private addImpulse(weight: number, along: number): void {
    const { arm, impulse, angularImpulse, centre } = this;
    rotateInto(this.turnNumbers, 0, this.point.x, this.point.y, this.point.z, arm, 0);
    arm[0]! += this.place.x;
    arm[1]! += this.place.y;
    arm[2]! += this.place.z;
    const x = along * this.normal.x;
    const y = along * this.normal.y;
    const z = along * this.normal.z;
    impulse[0]! += x;
    impulse[1]! += y;
    impulse[2]! += z;
    angularImpulse[0]! += arm[1]! * z - arm[2]! * y;
    angularImpulse[1]! += arm[2]! * x - arm[0]! * z;
    angularImpulse[2]! += arm[0]! * y - arm[1]! * x;
    for (let i = 0; i < 3; i++) centre[i]! += weight * arm[i]!;
    this.pressure += weight;
  }
}
