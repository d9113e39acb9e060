import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type MbpoConfig, type MbpoOptions, type MbpoProgress, mbpoDefaults, onnxPolicy, trainMbpo } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { serverParts } from '../../src/cli/server-parts.ts';
import { connect } from '../../src/client/index.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import type { GroundtwinError } from '../../src/errors.ts';
import { auditRules } from '../../src/gap/index.ts';
import { makeVector, registry as whole } from '../../src/index.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';
import { clock, start, stopAll, TOKEN } from '../server/harness.ts';

const runtime = nodeRuntime();

/** Hold a rod up that starts near upright and falls by itself. */
const held = anyTask(
  defineTask({
    ...pendulum,
    id: 'HeldPendulum-v0',
    horizon: 50,
    initial(rng, _params, begun) {
      begun.angle_rad = rng.uniform(-0.2, 0.2);
      begun.velocity_radps = 0;
    },
  }),
);
const registry = registryOf(held);

const { sac, model } = mbpoDefaults;
const small: MbpoConfig = {
  ...mbpoDefaults,
  steps: 150,
  explorationSteps: 40,
  modelEvery: 20,
  rolloutsPerStep: 4,
  rolloutLength: { first: 1, last: 3, from: 40, to: 100 },
  updatesPerStep: 2,
  updatesPerCall: 7,
  sac: { ...sac, hidden: [8], batch: 16 },
  model: { ...model, ensemble: { ...model.ensemble, members: 3, hidden: [8], batch: 32 }, elites: 2, freshUpdates: 100, warmUpdates: 50 },
  audit: { every: 80, episodes: 1, steps: 10, segment: 5, draws: 2, rules: { ...auditRules, stopAfter: 100 } },
};

async function train(config: MbpoConfig, options: MbpoOptions = {}, seed = 1, made?: VectorEnv) {
  const env = made ?? (await registry.makeVector(held.id, { lanes: 1, copy: false }));
  const progress: MbpoProgress[] = [];
  const onProgress = (one: MbpoProgress) => {
    progress.push(one);
    options.onProgress?.(one);
  };
  const task = made ? whole.task(made.id) : held;
  try {
    return { ...(await trainMbpo(env, task, config, seed, runtime, { ...options, onProgress })), progress };
  } finally {
    await env.close();
  }
}

/** Mean return of an exported policy on starts that it never met. */
async function meanReturn(policy: Uint8Array): Promise<number> {
  const env = await registry.makeVector(held.id, { lanes: 8 });
  const player = await onnxPolicy(runtime, policy, env);
  const { returns } = await evaluate(env, player, { seed: 5, policySeed: 0, maxSteps: 500 });
  await player.close();
  await env.close();
  return returns.reduce((sum, value) => sum + value, 0) / 8;
}

describe('model-based policy optimization', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'mbpo-'));
  after(async () => {
    rmSync(folder, { recursive: true });
    await stopAll();
  });

  it('learns to hold a rod up from 200 real steps', async () => {
    const config: MbpoConfig = {
      ...mbpoDefaults,
      steps: 200,
      explorationSteps: 100,
      modelEvery: 50,
      rolloutLength: { first: 10, last: 10, from: 0, to: 1 },
      rolloutsPerStep: 20,
      updatesPerStep: 25,
      sac: { ...sac, hidden: [32], batch: 64, layerNorm: true, discount: 0.9, tau: 0.02, entropyWeight: 0.05, policyEvery: 2 },
      model: { ...model, ensemble: { ...model.ensemble, members: 3, hidden: [32] }, elites: 3, freshUpdates: 800, warmUpdates: 300 },
      audit: null,
    };
    const { policy, steps } = await train(config);
    expect(steps).to.equal(200);
    expect(await meanReturn(policy)).to.be.above(-20);
  });

  it('gives the same bytes from the same seed, and others from another; counts what audits take, and learns from it', async () => {
    const first = await train(small);
    expect(await train(small)).to.deep.equal(first);
    expect((await train(small, {}, 2)).policy).to.not.deep.equal(first.policy);
    // 40 at random, 20 an iteration, 10 an audit; one each second iteration.
    expect(first.progress.map(({ steps }) => steps)).to.deep.equal([40, 70, 90, 120, 140, 170]);
    expect(first.progress.map(({ audit }) => audit !== null)).to.deep.equal([false, true, false, true, false, true]);
    expect(first.progress.map(({ rollouts }) => rollouts.steps)).to.deep.equal([1, 2, 3, 3, 3, 3]);
    expect(first.progress.map(({ updates }) => updates)).to.deep.equal([40, 80, 120, 160, 200, 240]);
    expect(first.progress[0]!.rollouts.rows).to.equal(80);
    expect(first.progress.every(({ policy }) => policy.skipped === 0)).to.equal(true);
  });

  it('goes on after a stop with the same bytes, in policy, metrics and checkpoint', async () => {
    const file = (name: string) => join(folder, name);
    const options = (name: string) => ({ metrics: file(`${name}.jsonl`), checkpoint: { path: file(`${name}.bin`) } });
    const straight = await train(small, options('whole'));
    let iterations = 0;
    await train(small, { ...options('parts'), isStopped: () => ++iterations === 2 });
    const failing = { ...options('parts'), onProgress: ({ iteration }: MbpoProgress) => iteration === 4 && expect.fail('killed') };
    expect(await train(small, failing as MbpoOptions).catch((error: Error) => error.message)).to.equal('killed');
    const parts = await train(small, options('parts'));
    expect(parts.progress.map(({ iteration }) => iteration)).to.deep.equal([4, 5, 6]);
    expect({ ...parts, progress: [] }).to.deep.equal({ ...straight, progress: [] });
    for (const kind of ['jsonl', 'bin']) expect(readFileSync(file(`parts.${kind}`))).to.deep.equal(readFileSync(file(`whole.${kind}`)));
    const lines = readFileSync(file('whole.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).to.deep.equal(straight.progress);
  });

  it('shortens dreams, takes off for disagreement, collects where the gap is widest, and stops, where dreams are paid what truth does not pay', async () => {
    const paid = anyTask(
      defineTask({
        ...held,
        reward: { ...held.reward, hole: { weight: 30, value: ({ next }) => Number(Math.abs(next.angle_rad as number) > 0.05) } },
      }),
    );
    const rules = { ...auditRules, penalty: 0.25, stopAfter: 3 };
    const config = {
      ...small,
      steps: 1000,
      rolloutLength: { first: 8, last: 8, from: 0, to: 1 },
      audit: { ...small.audit!, every: 40, rules },
    };
    const { progress, stopped, policy, steps } = await train(config, { imagined: paid });
    expect(steps).to.be.below(1000);
    expect(stopped).to.include({ stop: true, holds: false, shorten: 8 });
    expect(stopped!.terms.hole!.gap.low).to.be.above(0);
    expect(stopped!.terms.angle!.gap.low).to.be.below(10);
    expect(Math.abs(stopped!.widest.imagined.next['angle_rad (rad)'] as number)).to.be.above(0.05);
    const tail = progress.slice(-3);
    expect(tail.map(({ rollouts }) => rollouts.steps)).to.deep.equal([8, 4, 2]);
    expect(tail.map(({ rollouts }) => rollouts.penalty > 0)).to.deep.equal([false, true, true]);
    expect(tail.map(({ rollouts }) => rollouts.disagreement !== null)).to.deep.equal([false, true, true]);
    // Handed back is the policy that an audit saw do best in truth.
    const audits = progress.flatMap(({ audit }) => (audit ? [audit] : []));
    const best = audits.reduce((a, b) => (b.return.truth > a.return.truth ? b : a));
    const until = progress.findIndex(({ audit }) => audit === best) + 1;
    let iterations = 0;
    const then = await train(config, { imagined: paid, isStopped: () => ++iterations === until });
    expect(policy).to.deep.equal(then.policy);
  });

  it('refuses a checkpoint that is damaged, or of another training', async () => {
    const path = join(folder, 'refused.bin');
    const run = (config: MbpoConfig, seed = 1) =>
      train(config, { checkpoint: { path }, isStopped: () => true }, seed).then(
        () => 'fine',
        (error: GroundtwinError) => `${error.code}: ${error.message}`,
      );
    expect(await run(small)).to.equal('fine');
    expect(await run({ ...small, retain: 3 })).to.match(/CHECKPOINT_FOREIGN.*retain is 4, here it is 3/);
    expect(await run(small, 2)).to.match(/CHECKPOINT_FOREIGN.*seed is 1/);
    writeFileSync(path, readFileSync(path).subarray(0, -5));
    expect(await run(small)).to.match(/CHECKPOINT_INVALID/);
  });

  it('gives over a socket the bytes that it gives here', async () => {
    const server = await start(serverParts(whole));
    const client = await connect({ clock, url: server.url, token: TOKEN });
    const short = { ...small, steps: 60 };
    const there = await train(short, {}, 1, await client.make('Pendulum-v0', { lanes: 2 }));
    await client.close();
    expect(there).to.deep.equal(await train(short, {}, 1, await makeVector('Pendulum-v0', { lanes: 2 })));
  });

  for (const [what, change, told] of [
    ['nothing but real transitions', { realRatio: 1 }, /realRatio/],
    ['rollouts of no step', { rolloutLength: { first: 0, last: 1, from: 0, to: 1 } }, /rolloutLength\.first/],
    ['a schedule that ends where it begins', { rolloutLength: { first: 1, last: 2, from: 5, to: 5 } }, /rolloutLength\.to/],
    ['half an update', { updatesPerStep: 0.5 }, /updatesPerStep/],
    ['more elites than members', { model: { ...small.model, elites: 9 } }, /elites/],
  ] as const)
    it(`refuses ${what}`, async () => {
      const problem = await train({ ...small, ...change }).catch((error: Error) => error.message);
      expect(problem).to.match(told);
    });

  it('refuses an env that hides its states, shows something else than the task, or begins episodes within a step', async () => {
    const refused = async (env: VectorEnv, task = held) => trainMbpo(env, task, small, 1, runtime).catch((error: Error) => error.message);
    const env = await registry.makeVector(held.id, { lanes: 1 });
    expect(await refused(env, whole.task('Reacher-v0'))).to.match(/observationSpace/);
    expect(await refused(await registry.makeVector(held.id, { lanes: 1, autoreset: 'sameStep' }))).to.match(/autoreset/);
    const blind = { ...env, autoreset: env.autoreset, state: undefined } as unknown as VectorEnv;
    expect(await refused(blind)).to.match(/states/);
  });
});
