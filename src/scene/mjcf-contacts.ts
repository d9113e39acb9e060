import type { BodySpec, JointSpec } from '../core/scene-spec.ts';
import { Attributes } from './mjcf-attributes.ts';
import type { BodyFrame } from './mjcf-bodies.ts';
import { shown } from './mjcf-schema.ts';
import { type FilePlace, refuse, type XmlElement } from './xml.ts';

/** Which bodies of a scene can touch: by their shapes' sets, and by the rule that two bodies of one joint never do. */
export class TouchRule {
  private readonly group = new Map<string, number>();
  private readonly mask = new Map<string, number>();
  private readonly joined = new Set<string>();

  constructor(bodies: readonly BodySpec[], joints: readonly JointSpec[]) {
    for (const { name, shapes } of bodies) {
      const touching = shapes.filter(({ collides }) => collides !== false);
      this.group.set(
        name,
        touching.reduce((bits, shape) => bits | (shape.group ?? 1), 0),
      );
      this.mask.set(
        name,
        touching.reduce((bits, shape) => bits | (shape.mask ?? 1), 0),
      );
    }
    for (const { parent, child } of joints) this.joined.add(`${parent}\n${child}`).add(`${child}\n${parent}`);
  }

  /** Some bit of one body's groups is in some mask of the other, which then holds of two of their shapes. */
  canTouch(a: string, b: string): boolean {
    const bits = (this.group.get(a)! & this.mask.get(b)!) | (this.group.get(b)! & this.mask.get(a)!);
    return bits !== 0 && a !== b && !this.joined.has(`${a}\n${b}`);
  }
}

/** Accepts an exclusion that says no more than the scene does anyway. */
export function checkExclusion(element: XmlElement, frames: ReadonlyMap<string, BodyFrame>, rule: TouchRule): void {
  const attributes = new Attributes(element);
  const [a, b] = ['body1', 'body2'].map((end) => {
    const name = attributes.required(end);
    return frames.get(name)?.owner.name ?? attributes.refuse(`there is no body '${shown(name)}'`);
  }) as [string, string];
  if (rule.canTouch(a, b))
    attributes.refuse(
      `contacts between '${a}' and '${b}' cannot be excluded; only bodies that a joint connects, or whose contype and conaffinity do not meet, never touch`,
    );
}

/**
 * MuJoCo counts bodies held fast by each other as one, so that what hangs on one never touches the others; here only the two bodies of a joint are kept apart.
 * @throws ROBOT_FILE_INVALID where that makes a difference.
 */
export function checkHeldFast(bodies: readonly BodySpec[], joints: readonly JointSpec[], rule: TouchRule, place: FilePlace): void {
  const fixedTo = new Map(joints.filter(({ kind }) => kind === 'fixed').map(({ child, parent }) => [child, parent]));
  if (fixedTo.size === 0) return;
  const rootOf = (name: string): string => {
    let root = name;
    for (let up = fixedTo.get(root); up !== undefined; up = fixedTo.get(root)) root = up;
    return root;
  };
  /** For each body of a group, the group and what hangs on it. */
  const near = new Map<string, string[]>();
  const join = (root: string, name: string) => near.set(root, [...(near.get(root) ?? []), name]);
  const dynamic = bodies.filter(({ kind }) => kind === 'dynamic').map(({ name }) => name);
  const roots = new Map(dynamic.map((name) => [name, rootOf(name)]));
  for (const name of dynamic) join(roots.get(name)!, name);
  for (const { parent, child, kind } of joints) if (kind !== 'fixed' && roots.has(parent)) join(roots.get(parent)!, child);
  for (const [root, names] of near)
    for (const name of names) {
      const other = names.find(
        (candidate) => rule.canTouch(name, candidate) && (roots.get(name) === root || roots.get(candidate) === root),
      );
      if (other !== undefined)
        refuse(
          place,
          `'${name}' and '${other}' could touch, which MuJoCo rules out as one of them is fixed to its neighbour; read the file with fuseFixed: true`,
        );
    }
}
