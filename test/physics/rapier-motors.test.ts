import { expect } from 'chai';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { hangingRod } from './scenes.ts';

const settings = { step_s: 0.01 };

describe('motors on a rotor', () => {
  // A rotor's effort is handed to the engine anew at each step: it is no part of the engine's own snapshot.
  for (const held of [0, 2])
    it(`go on with the control that was saved (${held} N·m), not with what came after`, async () => {
      const world = (await rapierEngine()).createWorld(hangingRod({ armature: 0.1 }), settings);
      const swing = () =>
        Array.from({ length: 20 }, () => {
          world.step();
          return world.jointPosition(0);
        });
      world.setControl(0, held);
      const saved = world.save();
      const expected = swing();
      world.setControl(0, -1.5);
      swing();
      world.load(saved);
      // As an env does each step: the same value again.
      world.setControl(0, held);
      expect(swing()).to.deep.equal(expected);
      world.free();
    });
});
