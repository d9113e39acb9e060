/** `npm run docs:envs`: writes what of the envs' documents follows from the tasks: docs/environments.md and the physics section of each README. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { EngineName, SceneSpec } from '../src/core/scene-spec.ts';
import type { Space } from '../src/spaces/space.ts';
import { isTask } from '../src/task/is-task.ts';
import type { AnyTask } from '../src/task/task.ts';
import { table, withSections } from './markdown.ts';

const envs = new URL('../envs/', import.meta.url);

/** Parts of a README between `<!-- name -->` and `<!-- /name -->`. */
export interface Sections {
  readonly baselines: string;
  readonly physics: string;
}

/** Each folder with its tasks. */
export const envFolders: ReadonlyMap<string, readonly AnyTask[]> = new Map(
  await Promise.all(
    readdirSync(envs, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) => {
        const exported = (await import(new URL(`${name}/task.ts`, envs).href)) as Record<string, unknown>;
        return [name, Object.values(exported).filter(isTask)] as const;
      }),
  ),
);

export function engineNames(task: AnyTask): EngineName[] {
  return Object.keys(task.engines) as EngineName[];
}

const titles: Readonly<Record<EngineName, string>> = { rapier: 'Rapier', mujoco: 'MuJoCo' };

/** What each engine runs the tasks of a folder with, and which features of their scenes it approximates. */
export function physicsSection(tasks: readonly AnyTask[]): string {
  const [first] = tasks as [AnyTask];
  const rows = engineNames(first).map((engine) => {
    const { step_s, ...rest } = first.engines[engine]!;
    const settings = Object.entries(rest).map(([name, value]) => `\`${name}\` ${value}`);
    return [titles[engine], `${step_s} s`, String(Math.round(first.controlDt_s / step_s)), settings.join(', ') || 'defaults'];
  });
  const lists = engineNames(first).map((engine) => {
    const approximated = approximations[engine](first.scene(first.params), first);
    return `Approximated on ${titles[engine]}: ${approximated.join('; ') || 'nothing'}.`;
  });
  const settings = table(['engine', 'physics step', 'steps a control step', 'settings'], rows);
  return [settings, '', ...lists.flatMap((list) => [list, '']), 'How: [docs/engines.md](../../docs/engines.md).'].join('\n');
}

type Approximations = (scene: SceneSpec, task: AnyTask) => string[];

const approximations: Readonly<Record<EngineName, Approximations>> = {
  rapier: (scene) => {
    const shapes = scene.bodies.flatMap((body) => body.shapes).filter(({ collides }) => collides !== false);
    const some = (is: boolean, what: string) => (is ? [what] : []);
    return [
      ...some(
        scene.joints.some(({ armature }) => hasPositive(armature)),
        'rotor inertia (`armature`), as a brake',
      ),
      ...some(
        scene.joints.some((joint) => 'limitCompliance' in joint),
        'soft stops (`limitCompliance`), which are hard',
      ),
      ...some(
        touches(scene) && shapes.some(({ compliance }) => compliance !== undefined),
        'soft contacts (`compliance`), all equally stiff',
      ),
      ...some(touches(scene) && shapes.some(({ isRough }) => isRough === false), 'contacts without friction (`isRough: false`), which rub'),
      ...some(
        touches(scene) && shapes.some((shape) => shape.torsionalFriction_m !== undefined || shape.rollingFriction_m !== undefined),
        'torsional and rolling friction, left out',
      ),
      ...some(
        (scene.sensors ?? []).some(({ kind }) => kind === 'contactWrench'),
        'contact wrenches, without friction on jointed bodies',
      ),
    ];
  },
  mujoco: (scene, task) => {
    const isWrenched = (scene.sensors ?? []).some(({ kind }) => kind === 'contactWrench');
    return isWrenched && task.engines.mujoco?.integrator === 'rk4' ? ["contact wrenches, those of the integrator's last stage"] : [];
  },
};

function hasPositive(value: number | undefined): boolean {
  return value !== undefined && value > 0;
}

/** Whether any two of its shapes can meet. */
function touches({ bodies }: SceneSpec): boolean {
  return bodies.some(({ kind, shapes }) => kind === 'dynamic' && shapes.some(({ collides, mask }) => collides !== false && mask !== 0));
}

interface Note {
  readonly original: string;
  readonly reward: string;
}

/** What no task says of itself. */
const notes: Readonly<Record<string, Note>> = {
  'CartPoleSwingUp-v0': {
    original: 'dm_control cartpole swingup, 25 steps a second',
    reward: '0 to 1: upright, near the middle, slow, gentle',
  },
  'CartPole-v0': { original: 'Gymnasium CartPole-v1', reward: '1 a step until the pole falls' },
  'Pendulum-v0': { original: 'Gymnasium Pendulum-v1', reward: 'minus angle², speed² and torque²' },
  'InvertedPendulum-v0': { original: 'Gymnasium InvertedPendulum-v5', reward: '1 a step until the pole falls' },
  'InvertedDoublePendulum-v0': {
    original: 'Gymnasium InvertedDoublePendulum-v5',
    reward: '10 a step until the tip falls, less its distance from upright and its speed',
  },
  'Reacher-v0': { original: 'Gymnasium Reacher-v5', reward: 'minus distance and effort' },
  'Hopper-v0': { original: 'Gymnasium Hopper-v5', reward: 'forward speed, 1 while upright, less effort' },
  'HalfCheetah-v0': { original: 'Gymnasium HalfCheetah-v5', reward: 'forward speed less effort' },
  'Walker2d-v0': { original: 'Gymnasium Walker2d-v5', reward: 'forward speed, 1 while upright, less effort' },
  'Ant-v0': { original: 'Gymnasium Ant-v5', reward: 'forward speed, 1 while off the ground, less effort and contact' },
  'DmCartPoleSwingUp-v0': { original: 'dm_control cartpole swingup', reward: '0 to 1: upright, near the middle, slow, gentle' },
  'DmPendulumSwingUp-v0': { original: 'dm_control pendulum swingup', reward: '1 within 8° of upright, else 0' },
  'DmReacherEasy-v0': { original: 'dm_control reacher easy', reward: '1 on the target (radius 5 cm), else 0' },
  'DmReacherHard-v0': { original: 'dm_control reacher hard', reward: '1 on the target (radius 1.5 cm), else 0' },
  'DmWalkerWalk-v0': { original: 'dm_control walker walk', reward: '0 to 1: tall, upright, at 1 m/s or more' },
  'DmWalkerRun-v0': { original: 'dm_control walker run', reward: '0 to 1: tall, upright, at 8 m/s or more' },
  'DmCheetahRun-v0': { original: 'dm_control cheetah run', reward: '0 to 1: speed up to 10 m/s' },
  'DmHopperHop-v0': { original: 'dm_control hopper hop', reward: '0 to 1: tall, at 2 m/s or more' },
};

function sizeShown(space: Space): string {
  if (space.kind === 'discrete') return `Discrete(${space.n})`;
  if (space.kind !== 'box') return space.kind;
  const [low, high] = [space.low[0]!, space.high[0]!];
  const isEven = space.low.every((bound) => bound === low) && space.high.every((bound) => bound === high);
  return `Box[${space.shape.join(', ')}]${isEven && high === -low && Number.isFinite(high) ? ` ±${high}` : ''}`;
}

/** docs/environments.md. @throws where a task has no note. */
export function environmentsPage(): string {
  const rows = [...envFolders].flatMap(([folder, tasks]) =>
    tasks.map((task) => {
      const { original, reward } = notes[task.id]!;
      return [
        `[${task.id}](../envs/${folder}/README.md)`,
        sizeShown(task.observationSpace),
        sizeShown(task.actionSpace),
        `${task.controlDt_s} s`,
        String(task.horizon),
        reward,
        task.terminated ? 'yes' : 'no',
        original,
        engineNames(task).join(', '),
      ];
    }),
  );
  const heads = ['id', 'observation', 'action', 'dt', 'horizon', 'reward a step', 'ends early', 'original', 'engines'];
  return page.replace(
    'TABLE',
    table(
      heads,
      rows.sort((a, b) => (a[0]! < b[0]! ? -1 : 1)),
    ),
  );
}

const page = `# Environments

Every environment of the package; \`groundtwin list\` and \`groundtwin describe <id>\` print the same with units and parameters. Written by \`npm run docs:envs\`.

TABLE

\`make(id)\` runs on Rapier, \`make(id, { engine: 'mujoco' })\` on MuJoCo, an optional dependency; [engines.md](engines.md) says what differs.
Observations, rewards, ends and time steps are the originals', tested against them state by state (\`test/goldens/tasks.golden.json\`); bodies and engine are our own, so **returns do not compare with published ones**.
Each README names what differs and what agents that learn nothing score.

- A horizon truncates (\`truncated\`), an early end terminates (\`terminated\`).
- \`info.rewardTerms\` carries each term of the reward.
- \`reset({ params })\` sets masses, damping, friction, motors and gravity; \`make(id, { randomize: true })\` draws them for each episode where the task names ranges.
`;

function main(): void {
  writeFileSync(fileURLToPath(new URL('../docs/environments.md', import.meta.url)), environmentsPage());
  for (const [folder, tasks] of envFolders) {
    const file = fileURLToPath(new URL(`${folder}/README.md`, envs));
    writeFileSync(file, withSections(readFileSync(file, 'utf8'), { physics: physicsSection(tasks) }));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
