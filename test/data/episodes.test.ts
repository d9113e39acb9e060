import { expect } from 'chai';
import { randomPolicy } from '../../agents/index.ts';
import { serverParts } from '../../src/cli/server-parts.ts';
import { bytesOfEpisode, type Episode, type EpisodeSpec } from '../../src/data/episode.ts';
import { EpisodeStore } from '../../src/data/episode-store.ts';
import { episodesOf, transitionsOfEpisodes } from '../../src/data/episode-transitions.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { recordEpisodes } from '../../src/data/record-episodes.ts';
import { TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { connect, makeVector, recordEpisodeStatistics, registry, rescaleAction, serve } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { clockFrom } from '../../src/server/index.ts';
import { box, type TypedArray } from '../../src/spaces/space.ts';

const clock = clockFrom(() => performance.now());
const pendulum = registry.task('Pendulum-v0');
const cartPole = registry.task('CartPole-v0');
const plain = ({ count, ...columns }: Transitions) => ({
  count,
  ...Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, [...values]])),
});

async function recorded(id: string, autoreset: 'nextStep' | 'sameStep' | 'disabled', options = {}) {
  const env = await makeVector(id, { lanes: 3, autoreset, wrappers: [recordEpisodeStatistics(() => 0)] });
  const set = await recordEpisodes(env, randomPolicy(env.actionSpace, 3), { episodes: 5, seed: 11, maxSteps: 60, ...options });
  await env.close();
  return set;
}

function code(of: () => unknown): string {
  try {
    of();
    return 'nothing was thrown';
  } catch (error) {
    return isGroundtwinError(error) ? error.message : String(error);
  }
}

describe('recording episodes', () => {
  it('finds the same episodes whatever the env does at an end', async () => {
    const [next, same, disabled] = [
      await recorded('CartPole-v0', 'nextStep'),
      await recorded('CartPole-v0', 'sameStep'),
      await recorded('CartPole-v0', 'disabled'),
    ];
    expect(disabled.episodes).to.deep.equal(next.episodes);
    const seen = ({ state: _, command: __, ...columns }: Episode) => columns;
    expect(same.episodes).to.deep.equal(next.episodes.map(seen));
    expect(next.episodes.map(({ seed }) => seed)).to.deep.equal([11, 12, 13, 14, 15]);
    for (const { steps, terminated, truncated } of next.episodes) {
      expect(steps).to.be.within(8, 60);
      expect([...terminated.slice(0, -1), ...truncated.slice(0, -1)]).to.not.include(1);
      expect(terminated[steps - 1]! + truncated[steps - 1]!).to.equal(1);
    }
  });

  it('finds them over a socket too, without the states', async () => {
    const server = await serve({ clock, ...serverParts(registry), token: false });
    const client = await connect({ url: server.url });
    try {
      const env = await client.make('CartPole-v0', { lanes: 3, autoreset: 'sameStep' });
      const set = await recordEpisodes(env, randomPolicy(env.actionSpace, 3), { episodes: 5, seed: 11, maxSteps: 60 });
      expect(set.episodes).to.deep.equal((await recorded('CartPole-v0', 'sameStep')).episodes);
    } finally {
      await client.close();
      await server.close();
    }
  });

  it('cuts episodes off at maxSteps, as truncated', async () => {
    const { episodes } = await recorded('Pendulum-v0', 'nextStep', { maxSteps: 7 });
    expect(episodes.map(({ steps, truncated }) => [steps, truncated[6]])).to.deep.equal(Array(5).fill([7, 1]));
  });

  it('refuses counts that are none, and stops at the limit of memory', async () => {
    for (const option of ['episodes', 'maxSteps']) {
      const error = await recorded('Pendulum-v0', 'nextStep', { [option]: 0 }).then(String, String);
      expect(error).to.match(new RegExp(`option ${option} is 0`));
    }
    expect(await recorded('Pendulum-v0', 'nextStep', { maxBytes: 3000 }).then(String, String)).to.match(/over its limit of 3000/);
  });
});

describe('episodes and transitions', () => {
  const recorder = new TransitionRecorder(cartPole);
  before(async () => {
    const env = await registry.truth('CartPole-v0', 1);
    for (let episode = 0; episode < 3; episode++)
      await recordEpisode(env, randomPolicy(env.actionSpace, 1), recorder, { seed: episode, maxSteps: 40, episode });
    await env.close();
  });

  it('turn into each other without a bit lost', async () => {
    const data = recorder.transitions();
    expect(plain(transitionsOfEpisodes(cartPole, episodesOf(cartPole, data), 'here'))).to.deep.equal(plain(data));
    const set = await recorded('CartPole-v0', 'disabled');
    const again = episodesOf(cartPole, transitionsOfEpisodes(cartPole, set, 'here'));
    expect(again.episodes).to.deep.equal(set.episodes.map(({ seed: _, ...columns }) => columns));
    expect(again.spec).to.deep.equal(set.spec);
  });

  it('cut an episode where a step does not begin where the last one ended', () => {
    const data = recorder.transitions();
    const state = data.state.slice();
    state[4 * 5] = 0.123;
    const { episodes } = episodesOf(cartPole, { ...data, state });
    const whole = episodesOf(cartPole, data).episodes;
    expect(episodes.map(({ steps }) => steps)).to.deep.equal([5, whole[0]!.steps - 5, ...whole.slice(1).map(({ steps }) => steps)]);
  });

  it('infer states where episodes hold none', async () => {
    const { spec, episodes } = await recorded('Pendulum-v0', 'sameStep');
    const data = transitionsOfEpisodes(pendulum, { spec, episodes }, 'here');
    expect(data.count).to.equal(300);
    const [first] = episodes;
    const [cosine, sine, velocity] = first!.observation as TypedArray;
    expect(data.state[0]).to.be.closeTo(Math.atan2(sine!, cosine!), 1e-6);
    expect(data.state[1]).to.equal(velocity);
    expect([...data.next.slice(0, 2)]).to.deep.equal([...data.state.slice(2, 4)]);
    expect(data.command[0]).to.equal((first!.action as TypedArray)[0]);
  });

  it('refuse what is not of the task, with a reason', async () => {
    const { spec, episodes } = await recorded('Pendulum-v0', 'sameStep');
    const of = (change: Partial<EpisodeSpec>, with_: readonly Episode[] = episodes) =>
      code(() => transitionsOfEpisodes(pendulum, { spec: { ...spec, ...change }, episodes: with_ }, 'here'));
    expect(
      code(() => transitionsOfEpisodes(registry.task('Hopper-v0'), { spec: { ...spec, controlDt_s: 0.008 }, episodes }, 'here')),
    ).to.match(/do not determine them/);
    expect(of({ controlDt_s: 0.1 })).to.match(/its steps take 0.1 s, those of Pendulum-v0 0.05 s/);
    expect(of({ observationSpace: box({ low: 0, high: 1, shape: [4] }) })).to.match(/observations have another shape/);
    expect(of({ actionSpace: box({ low: 0, high: 1, shape: [2] }) })).to.match(/actions have another shape/);
    expect(of({}, [])).to.match(/no episodes/);
    const env = await makeVector('Pendulum-v0', { wrappers: [rescaleAction()] });
    const scaled = await recordEpisodes(env, randomPolicy(env.actionSpace, 1), { episodes: 1, seed: 1, maxSteps: 5 });
    expect(code(() => transitionsOfEpisodes(pendulum, scaled, 'here'))).to.match(/actions have other bounds/);
    const wild = { ...episodes[0]!, action: (episodes[0]!.action as TypedArray).map(() => 3) as TypedArray };
    expect(of({}, [wild])).to.match(/the action of step 0 of episode 0 is outside the action space/);
    const holed = { ...episodes[0]!, observation: Float32Array.from(episodes[0]!.observation as TypedArray, () => Number.NaN) };
    expect(of({}, [holed])).to.match(/not finite/);
    expect(of({ env: 'Other-v0', stateEntries: ['x[1]'] })).to.match(/recorded on 'Other-v0'/);
  });
});

describe('the episode store', () => {
  it('counts what it holds, and refuses what is more than its limit or not whole', async () => {
    const { spec, episodes } = await recorded('Pendulum-v0', 'nextStep');
    const [first] = episodes;
    // 61 observations of 3 float32, 60 actions, rewards, 2 flags; 61 states of 2, 60 commands.
    expect(bytesOfEpisode(first!)).to.equal(61 * 12 + 60 * (4 + 8 + 2) + 61 * 16 + 60 * 8);
    const store = new EpisodeStore(spec, { maxBytes: 2 * bytesOfEpisode(first!) });
    store.add(first!);
    store.add(episodes[1]!);
    expect([store.steps, store.bytes]).to.deep.equal([120, 2 * bytesOfEpisode(first!)]);
    expect(code(() => store.add(episodes[2]!))).to.match(/would take \d+ bytes, over its limit/);
    const roomy = new EpisodeStore(spec);
    expect(code(() => roomy.add({ ...first!, reward: new Float64Array(59) }))).to.match(/rewards of another length/);
    expect(code(() => roomy.add({ ...first!, steps: 0 }))).to.match(/has 0 steps/);
    const terminated = first!.terminated.slice();
    terminated[4] = 1;
    expect(code(() => roomy.add({ ...first!, terminated }))).to.match(/goes on after its end at step 4/);
    const { state: _, ...stateless } = first!;
    expect(code(() => roomy.add(stateless))).to.match(/states of another length/);
  });

  it('draws windows that never cross an end', async () => {
    const store = await recorded('CartPole-v0', 'nextStep');
    const horizon = 6;
    const { observation, action, reward, terminated, truncated } = store.sample(200, horizon, new Rng(3));
    for (let i = 0; i < 200; i++) {
      const first = Array.from((observation as Float32Array).subarray(i * 28, i * 28 + 4));
      const at = store.episodes.flatMap((episode, number) => {
        const own = episode.observation as Float32Array;
        return Array.from({ length: episode.steps + 1 }, (_, step) => ({ number, step, row: [...own.subarray(step * 4, step * 4 + 4)] }));
      });
      const { number, step } = at.find(({ row }) => String(row) === String(first))!;
      const episode = store.episodes[number]!;
      const rows = (episode.observation as Float32Array).slice(step * 4, (step + horizon + 1) * 4);
      expect([...(observation as Float32Array).subarray(i * 28, (i + 1) * 28)]).to.deep.equal([...rows]);
      const [from, to] = [i * horizon, (i + 1) * horizon];
      expect([...(action as Int32Array).slice(from, to)]).to.deep.equal([...(episode.action as Int32Array).slice(step, step + horizon)]);
      expect([...reward.slice(from, to)]).to.deep.equal([...episode.reward.slice(step, step + horizon)]);
      expect([...terminated.slice(from, to - 1), ...truncated.slice(from, to - 1)]).to.not.include(1);
    }
    expect(code(() => store.sample(1, 61, new Rng(1)))).to.match(/longest episode/);
  });
});
