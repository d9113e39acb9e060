import { mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { hasTheFeatures } from './engine-features.ts';

describe('features of a scene on MuJoCo', () => {
  hasTheFeatures(mujocoEngine, { step_s: 0.002, integrator: 'implicitfast' }, { motion: 0.02, force: 0.02 });
});
