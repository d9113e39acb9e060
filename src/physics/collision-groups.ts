import type { SceneSpec, ShapeSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';

/** Rapier's interaction groups have this many members. */
const mostClasses = 16;

/**
 * Translates `group` and `mask` (two shapes touch when either's group meets the other's mask) into Rapier's groups (both must agree):
 * shapes with the same pair form a class with a bit of its own, whose filter names the classes it touches.
 * @returns a shape's groups, as Rapier takes them: members in the upper 16 bits, filter in the lower.
 * @throws SCENE_INVALID for more than 16 different pairs.
 */
export function contactGroups(scene: SceneSpec): (shape: ShapeSpec) => number {
  const classes = new Map<string, { readonly group: number; readonly mask: number }>();
  for (const body of scene.bodies) for (const shape of body.shapes) if (shape.collides !== false) classes.set(keyOf(shape), bitsOf(shape));
  if (classes.size > mostClasses)
    throw new GroundtwinError('SCENE_INVALID', {
      scene: scene.name,
      problem: `its shapes have ${classes.size} different pairs of group and mask; Rapier takes ${mostClasses}`,
    });
  const keys = [...classes.keys()];
  const list = [...classes.values()];
  const groups = list.map((own, i) => {
    const filter = list.reduce((bits, other, j) => bits | (mayTouch(own, other) ? 1 << j : 0), 0);
    return ((1 << i) << 16) | filter;
  });
  return (shape) => groups[keys.indexOf(keyOf(shape))]! >>> 0;
}

/** Whether two shapes meet, as far as their groups and masks say. */
export function mayTouch(a: Pick<ShapeSpec, 'group' | 'mask'>, b: Pick<ShapeSpec, 'group' | 'mask'>): boolean {
  const [one, two] = [bitsOf(a), bitsOf(b)];
  return ((one.group & two.mask) | (two.group & one.mask)) !== 0;
}

function bitsOf({ group = 1, mask = 1 }: Pick<ShapeSpec, 'group' | 'mask'>): { readonly group: number; readonly mask: number } {
  return { group, mask };
}

function keyOf(shape: ShapeSpec): string {
  const { group, mask } = bitsOf(shape);
  return `${group} ${mask}`;
}
