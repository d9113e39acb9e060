/** How true each engine is at the settings that the environments have chosen: the worst of them is the figure. */
import { type EngineName, type EngineSettings, engineNames } from '../../src/core/scene-spec.ts';
import { registry } from '../../src/index.ts';
import { type Fidelity, fidelityOf } from '../physics/fidelity.ts';
import type { Context, Row } from './row.ts';

interface Graded {
  readonly engine: EngineName;
  readonly settings: EngineSettings;
  readonly envs: readonly string[];
  readonly fidelity: Fidelity;
}

const goals: readonly { readonly name: keyof Fidelity; readonly goal: number; readonly unit: string; readonly what: string }[] = [
  { name: 'pendulum_period_pct', goal: 0.1, unit: '%', what: 'period of a point-mass pendulum, ±.1 rad, against the elliptic integral' },
  {
    name: 'pendulum_energy_pct',
    goal: 2,
    unit: '%',
    what: 'energy a point-mass pendulum of ±.5 rad gains or loses in 10 s, of what it swings with',
  },
  { name: 'friction_deg', goal: 0.1, unit: '°', what: 'slope at which a box of friction .5 begins to slide' },
  {
    name: 'bounce_pct',
    goal: 1,
    unit: '%',
    what: 'rise of a ball of restitution .8 dropped from 1 m, as a speed (MuJoCo refuses restitution by name)',
  },
  { name: 'momentum_pct', goal: 0.5, unit: '%', what: 'change of momentum when two free balls collide' },
  { name: 'stack_sink_mm', goal: 2, unit: 'mm', what: 'how far ten boxes of .2 m sink into each other' },
  { name: 'motor_pct', goal: 1, unit: '%', what: 'speed that a velocity motor holds on light links' },
];

export const fidelityRows: readonly Row[] = goals.map(({ name, goal, unit, what }) => ({
  id: `truth.${name}`,
  what: `${what}; the worst of all settings that envs have chosen, both engines`,
  operator: '<=',
  goal,
  unit,
  budget_s: 120,
  measure: async (context) => {
    const graded = await grades(context);
    const figures = graded.flatMap(({ fidelity, ...at }) => {
      const value = fidelity[name];
      return value === null ? [] : [{ ...at, value }];
    });
    return { measured: Math.max(...figures.map(({ value }) => value)), raw: figures.sort((a, b) => b.value - a.value) };
  },
}));

function grades(context: Context): Promise<Graded[]> {
  return context.once('fidelity', async () => {
    const graded: Graded[] = [];
    for (const name of engineNames) {
      const engine = await registry.engine(name);
      for (const [settings, envs] of settingsOf(name))
        graded.push({ engine: name, settings, envs, fidelity: fidelityOf(engine, settings) });
    }
    return graded;
  });
}

/** Each different setting of an engine, with the envs that have it. */
function settingsOf(engine: EngineName): Map<EngineSettings, string[]> {
  const byText = new Map<string, { settings: EngineSettings; envs: string[] }>();
  for (const id of registry.ids()) {
    const settings = registry.task(id).engines[engine];
    if (!settings) continue;
    const text = JSON.stringify(Object.entries(settings).sort());
    const known = byText.get(text) ?? { settings, envs: [] };
    known.envs.push(id);
    byText.set(text, known);
  }
  return new Map([...byText.values()].map(({ settings, envs }) => [settings, envs]));
}
