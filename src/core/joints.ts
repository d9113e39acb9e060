import type { JointSpec } from './scene-spec.ts';

/** Where each joint's coordinates lie in a row of positions and a row of velocities; scene order. */
export interface JointLayout {
  /** `[joints]`, first element of each joint. */
  readonly positionAt: Int32Array;
  readonly velocityAt: Int32Array;
  /** Lengths of the rows. */
  readonly positions: number;
  readonly velocities: number;
}

/** Elements of a joint's position. */
export const positionSize: Readonly<Record<JointSpec['kind'], number>> = { hinge: 1, slide: 1, fixed: 0, planar: 3, ball: 4 };
/** Elements of a joint's velocity. */
export const velocitySize: Readonly<Record<JointSpec['kind'], number>> = { hinge: 1, slide: 1, fixed: 0, planar: 3, ball: 3 };

/** Lays the coordinates of a scene's joints out in rows. */
export function jointLayout(joints: readonly Pick<JointSpec, 'kind'>[]): JointLayout {
  const positionAt = new Int32Array(joints.length);
  const velocityAt = new Int32Array(joints.length);
  let positions = 0;
  let velocities = 0;
  joints.forEach(({ kind }, joint) => {
    positionAt[joint] = positions;
    velocityAt[joint] = velocities;
    positions += positionSize[kind];
    velocities += velocitySize[kind];
  });
  return { positionAt, velocityAt, positions, velocities };
}
