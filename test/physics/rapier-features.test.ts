import { expect } from 'chai';
import type { JointSpec } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { hasTheFeatures } from './engine-features.ts';
import { dynamicBody, fixedBody, joint, scene } from './scenes.ts';

describe('features of a scene on Rapier', () => {
  hasTheFeatures(rapierEngine, { step_s: 0.005, solverIterations: 4, pgsIterations: 4 }, { motion: 0.02, force: 0.02 });

  it('refuses by name what Rapier cannot do', async () => {
    const engine = await rapierEngine();
    const slideAxes = [
      [1, 0, 0],
      [0, 0.6, 0.8],
    ] as const;
    const cases: readonly [Partial<JointSpec> & { kind: JointSpec['kind'] }, RegExp][] = [
      [{ kind: 'ball', armature: 1 }, /joint 'odd': Rapier has no armature of ball joints; use engine 'mujoco'/],
      [{ kind: 'planar', axis: [0, 0.8, -0.6], slideAxes }, /along the world's axes only/],
    ];
    for (const [parts, message] of cases) {
      const spec = scene({
        bodies: [fixedBody('base'), dynamicBody('body', [0, 0, 0])],
        joints: [joint(parts.kind, 'odd', 'base', 'body', parts)],
      });
      expect(() => engine.createWorld(spec, { step_s: 0.01 }))
        .to.throw(message)
        .and.satisfy(isGroundtwinError);
    }
  });
});
