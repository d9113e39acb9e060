import type { CameraSpec } from '../core/scene-spec.ts';
import { add, compose, lengthOf, scaled, subtract, type Triple, turned } from '../math/vector3.ts';
import type { BodyFrame, CameraElement } from './mjcf-bodies.ts';
import { worldName } from './mjcf-bodies.ts';
import type { MjcfContext } from './mjcf-context.ts';
import { orientationFrom } from './mjcf-pose.ts';
import { shown } from './mjcf-schema.ts';

const defaultFieldOfView_deg = 45;
/** m: how far ahead of a camera its target is put; any distance gives one picture. */
const targetDistance_m = 1;

/** MuJoCo's cameras look along their −z and have +y up. @param frames - of all bodies, by name. */
export function readCamera(
  { attributes, frame }: CameraElement,
  name: string,
  context: MjcfContext,
  frames: ReadonlyMap<string, BodyFrame>,
): CameraSpec {
  const mode = attributes.choice('mode', ['fixed', 'track', 'trackcom', 'targetbody', 'targetbodycom'], 'fixed');
  const degrees = attributes.number('fovy', defaultFieldOfView_deg);
  if (!(degrees > 0 && degrees < 180)) attributes.refuse(`fovy is ${degrees}; it must lie between 0 and 180`);
  const offset = subtract(frame.origin_m, frame.owner.origin_m);
  const position_m = add(offset, turned(frame.turn, attributes.position('pos')));
  const turn = compose(frame.turn, orientationFrom(attributes, context));
  const isAimed = mode === 'targetbody' || mode === 'targetbodycom';
  const isFollowing = mode === 'track' || mode === 'trackcom';
  const isCarried = frame.owner.name !== worldName;
  const target_m = isAimed
    ? aim({ attributes, frame }, position_m, frames)
    : add(position_m, scaled(turned(turn, [0, 0, -1]), targetDistance_m));
  return {
    name,
    ...(isCarried && { body: frame.owner.name }),
    ...(isCarried && isFollowing && { mode: 'following' as const }),
    position_m,
    target_m,
    ...(!isAimed && { up: turned(turn, [0, 1, 0]) }),
    fieldOfView_rad: (degrees * Math.PI) / 180,
  };
}

/** Where the target stands in the rest pose, seen from the body that carries the camera. */
function aim({ attributes, frame }: CameraElement, position_m: Triple, frames: ReadonlyMap<string, BodyFrame>): Triple {
  const name = attributes.required('target');
  const target = frames.get(name) ?? attributes.refuse(`there is no body '${shown(name)}' to look at`);
  const there = subtract(target.origin_m, frame.owner.origin_m);
  return lengthOf(subtract(there, position_m)) > 0 ? there : attributes.refuse(`the camera stands where its target '${shown(name)}' is`);
}
