import { expect } from 'chai';
import { envs } from '../../envs/index.ts';
import { laneOf, RandomActions } from '../../src/check/play.ts';
import type { RenderMode, ViewOptions } from '../../src/core/picture.ts';
import type { CameraSpec } from '../../src/core/scene-spec.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { registry } from '../../src/index.ts';
import { liveRapierWorlds } from '../../src/physics/rapier-engine.ts';
import { box, type TypedArray } from '../../src/spaces/space.ts';
import { type AnyTask, anyTask, defineTask, type Params } from '../../src/task/task.ts';
import { manifestFor, registryOf, StubModel, walkers } from '../contracts/stub-backends.ts';

const cameras: readonly CameraSpec[] = [
  { name: 'front', position_m: [0, -4, 0], target_m: [0, 0, 0], fieldOfView_rad: Math.PI / 2 },
  { name: 'above', position_m: [0, 0, 4], target_m: [0, 0, 0], up: [0, 1, 0], fieldOfView_rad: Math.PI / 2 },
];
const one = new Float64Array(1);
const zero = new Float64Array(1);

/** A cube on a slide along x, that is to go to a goal. Pictures of `front` are 8 m wide and high at the cube. */
const shuttle: AnyTask = anyTask(
  defineTask({
    id: 'Shuttle-v0',
    summary: 'Go there.',
    state: {
      position_m: { role: 'dynamic', kind: 'length', unit: 'm' },
      speed_mps: { role: 'dynamic', kind: 'velocity', unit: 'm/s' },
      goal_m: { role: 'context', kind: 'length', unit: 'm' },
    },
    observationSpace: box({ low: -Infinity, high: Infinity, shape: [1] }),
    actionSpace: box({ low: [-1], high: [1] }),
    commands: [{ name: 'push', unit: 'N', low: -1, high: 1 }],
    controlDt_s: 0.05,
    horizon: 50,
    params: { half_m: 0.5 },
    engines: { rapier: { step_s: 0.05 } },
    scene: ({ half_m }: Params) => ({
      name: 'shuttle',
      gravity_mps2: [0, 0, 0],
      bodies: [
        { name: 'rail', kind: 'fixed', pose: { position_m: [0, 0, 0] }, shapes: [] },
        {
          name: 'cube',
          kind: 'dynamic',
          pose: { position_m: [0, 0, 0] },
          inertial: { mass_kg: 1, inertia_kgm2: [0.1, 0.1, 0.1] },
          shapes: [{ form: { kind: 'box', halfExtents_m: [half_m!, half_m!, half_m!] }, colour: '#ff0000' }],
        },
      ],
      joints: [
        {
          name: 'slide',
          kind: 'slide',
          parent: 'rail',
          child: 'cube',
          parentAnchor_m: [0, 0, 0],
          childAnchor_m: [0, 0, 0],
          axis: [1, 0, 0],
        },
      ],
      actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: 1 }],
      cameras,
    }),
    markers: [
      {
        name: 'goal',
        shapes: [{ form: { kind: 'sphere', radius_m: 0.25 }, colour: '#00ff00' }],
        place(state, pose) {
          pose[0] = state.goal_m;
          pose[2] = 2;
        },
      },
    ],
    initial(rng, _params, state) {
      state.position_m = rng.uniform(-1, 1);
      state.goal_m = rng.uniform(-2, 2);
    },
    place(world, state) {
      one[0] = state.position_m;
      zero[0] = state.speed_mps;
      world.setJoints(one, zero);
    },
    read(world, state) {
      state.position_m = world.jointPosition(0);
      state.speed_mps = world.jointVelocity(0);
    },
    actuate(_state, action, _next, command) {
      command[0] = action[0]!;
    },
    observe(state, observation) {
      (observation as TypedArray)[0] = state.position_m;
    },
    reward: { near: { weight: -1, value: ({ next }) => Math.abs(next.position_m - next.goal_m) } },
  }),
);
const shuttles = registryOf(shuttle);
type SteppedHere = Awaited<ReturnType<typeof shuttles.makeVector>>;
const view: ViewOptions = { width: 80, height: 80 };
const [cube, goal] = [1, 2];

/** The mean column of a body, as x in m; pixels are 10 cm, somewhat less in front of the rail. */
function xOf({ data }: { data: Int16Array }, segment: number): number {
  let [sum, count] = [0, 0];
  data.forEach((value, pixel) => {
    if (value !== segment) return;
    sum += (pixel % 80) + 0.5;
    count++;
  });
  return (sum / count - 40) / 10;
}

async function stateOf(env: VectorEnv, lane = 0, side?: 'truth' | 'model'): Promise<Float64Array> {
  return (await (env as SteppedHere).backend.stateOf!(lane, side)).row;
}

async function refusal(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
  return 'nothing was thrown';
}

describe('render', () => {
  it('gives colours of the env as it stands, in the form of image encoders', async () => {
    const env = await shuttles.make(shuttle.id);
    await env.reset({ seed: 1 });
    const picture = await env.render();
    expect([picture.width, picture.height, picture.channels]).to.deep.equal([480, 360, 3]);
    expect(picture.data)
      .to.be.instanceOf(Uint8Array)
      .with.lengthOf(480 * 360 * 3);
    const small = await env.render('rgb_array', view);
    expect(small.data).to.have.lengthOf(80 * 80 * 3);
    await env.close();
  });

  it('shows bodies where the state has them, markers where the task puts them, in each lane', async () => {
    const env = await shuttles.makeVector(shuttle.id, { lanes: 3 });
    await env.reset({ seed: 4 });
    for (let step = 0; step < 5; step++) await env.step(Float32Array.of(1, 0, -1));
    for (const lane of [2, 0, 1]) {
      const seen = await env.render('segments', { ...view, lane });
      const [position, , wanted] = await stateOf(env, lane);
      expect(xOf(seen, cube), `lane ${lane}`).to.be.closeTo(position! * (4 / 3.5), 0.16);
      expect(xOf(seen, goal), `lane ${lane}`).to.be.closeTo(wanted!, 0.16);
    }
    await env.close();
  });

  it('gives depth, segments and all of one pass, and shares nothing', async () => {
    const env = await shuttles.make(shuttle.id);
    await env.reset({ seed: 1 });
    const all = await env.render('all', view);
    const depth = await env.render('depth_array', view);
    expect(depth.channels).to.equal(1);
    expect([...depth.data]).to.deep.equal([...all.depth_m]);
    expect(Math.min(...depth.data)).to.be.closeTo(3.5, 1e-5);
    expect([...(await env.render('segments', view)).data]).to.deep.equal([...all.segments]);
    const kept = all.rgb.slice();
    await env.step([1]);
    await env.render('all', { ...view, camera: 'above' });
    expect(all.rgb).to.deep.equal(kept);
    await env.close();
  });

  it('looks through the scene’s first camera, a named one, or one of your own', async () => {
    const env = await shuttles.make(shuttle.id);
    await env.reset({ seed: 1 });
    const through = async (camera?: ViewOptions['camera']) => [
      ...(await env.render('rgb_array', { ...view, ...(camera ? { camera } : {}) })).data,
    ];
    const [first, front, above] = [await through(), await through('front'), await through('above')];
    expect(front).to.deep.equal(first);
    expect(above).to.not.deep.equal(front);
    const { name: _, ...own } = cameras[1]!;
    expect(await through(own)).to.deep.equal(above);
    await env.close();
  });

  it('draws the scene of the lane’s own parameters', async () => {
    const env = await shuttles.makeVector(shuttle.id, { lanes: 2 });
    await env.reset({ seed: 1 });
    const pixels = async (lane: number) => (await env.render('segments', { ...view, lane })).data.filter((value) => value === cube).length;
    const before = await pixels(0);
    await env.reset({ mask: Uint8Array.of(1, 0), params: { half_m: 0.25 } });
    expect(await pixels(0)).to.be.below(before / 2);
    expect(await pixels(1)).to.be.closeTo(before, 25);
    await env.close();
  });

  it('makes its world when first asked, and frees it with the env', async () => {
    const before = liveRapierWorlds();
    const env = await shuttles.makeVector(shuttle.id, { lanes: 2 });
    await env.reset({ seed: 1 });
    expect(liveRapierWorlds() - before).to.equal(2);
    for (let size = 8; size < 20; size++) await env.render('rgb_array', { width: size, height: size });
    expect(liveRapierWorlds() - before).to.equal(3);
    const late = env.render();
    await env.close();
    expect(await refusal(() => late)).to.include('ENV_CLOSED');
    expect(liveRapierWorlds()).to.equal(before);
    expect(await refusal(() => env.render())).to.include('ENV_CLOSED');
  });

  it('shows what a model imagines', async () => {
    const model = new StubModel(manifestFor(shuttle), () => ({ sample: [1.5, 0] }));
    const env = await shuttles.make(shuttle.id, { backend: 'model', model });
    await env.reset({ seed: 1 });
    await env.step([0]);
    expect(xOf(await env.render('segments', view), cube)).to.be.closeTo(1.5 * (4 / 3.5), 0.16);
    await env.close();
  });

  it('shows either side of a twin, truth unless asked', async () => {
    const model = new StubModel(manifestFor(shuttle, { members: 2 }), () => ({ sample: [1.5, 0], mean: [1.5, 0], scale: [1, 1] }));
    const env = await shuttles.make(shuttle.id, { backend: 'twin', model, resync: 'never' });
    await env.reset({ seed: 1 });
    await env.step([0]);
    const seen = async (options: ViewOptions) => xOf(await env.render('segments', { ...view, ...options }), cube);
    const truth = (await stateOf(env.vector, 0, 'truth'))[0]! * (4 / 3.5);
    expect(await seen({})).to.be.closeTo(truth, 0.16);
    expect(await seen({ side: 'truth' })).to.be.closeTo(truth, 0.16);
    expect(await seen({ side: 'model' })).to.be.closeTo(1.5 * (4 / 3.5), 0.16);
    expect(await refusal(() => seen({ side: 'dream' as never })))
      .to.include('OPTION_INVALID')
      .and.include('side is dream');
    await env.close();
  });

  it('names what there is when asked for what there is not', async () => {
    const env = await shuttles.makeVector(shuttle.id);
    expect(await refusal(() => env.render())).to.include('ENV_NOT_RESET');
    await env.reset({ seed: 1 });
    const cases: readonly [RenderMode, ViewOptions, string][] = [
      ['human' as never, {}, 'option mode is human; it must be one of rgb_array, depth_array, segments, all'],
      ['rgb_array', { camera: 'side' }, "option camera is 'side'; it must be one of 'front', 'above'"],
      ['rgb_array', { width: 0 }, 'option width is 0'],
      ['rgb_array', { lane: 1 }, 'option lane is 1'],
      ['rgb_array', { side: 'model' }, "option side is model; it must be 'truth'"],
    ];
    for (const [mode, options, message] of cases) {
      const refused = await refusal(() => env.render(mode, options));
      expect(refused).to.include('OPTION_INVALID');
      expect(refused).to.include(message);
    }
    expect((await env.render('rgb_array', view)).width, 'and goes on').to.equal(80);
    await env.close();
  });

  it('is unavailable without a painter', async () => {
    const env = walkers(1);
    await env.reset({ seed: 1 });
    expect(await refusal(() => env.render())).to.include('RENDER_UNAVAILABLE');
  });

  it('shows the moment it was asked in, whatever comes after', async () => {
    const env = await shuttles.make(shuttle.id);
    await env.reset({ seed: 1 });
    const wanted = await env.render('rgb_array', view);
    const pending = env.render('rgb_array', view);
    for (let step = 0; step < 10; step++) await env.step([1]);
    expect(await pending).to.deep.equal(wanted);
    expect(await env.render('rgb_array', view)).to.not.deep.equal(wanted);
    await env.close();
  });

  for (const task of envs)
    it(`changes no bit of ${task.id}: stepped with and without pictures`, async () => {
      const play = async (isDrawn: boolean) => {
        const env = await registry.makeVector(task.id, { lanes: 2 });
        const actions = new RandomActions(env, 5);
        const seen = [laneOf(env, await env.reset({ seed: 3 }), 0)];
        for (let step = 0; step < 60; step++) {
          if (isDrawn) await env.render('all', { lane: step % 2, width: 16, height: 12, shadows: step % 3 === 0 });
          const result = await env.step(actions.next());
          seen.push(laneOf(env, result, 0), laneOf(env, result, 1));
        }
        const snapshots = [Buffer.from(await env.snapshot(0)), Buffer.from(await env.snapshot(1))];
        await env.close();
        return { seen, snapshots };
      };
      expect(await play(true)).to.deep.equal(await play(false));
    });
});
