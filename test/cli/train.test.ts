import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { agentNames, agents } from '../../src/cli/agents.ts';
import { serverParts } from '../../src/cli/server-parts.ts';
import { registry } from '../../src/index.ts';
import { clockFrom, serve } from '../../src/server/index.ts';
import { groundtwin, interrupt, jsonLines, launch, scratch } from './harness.ts';

const tinyDreams = [
  'sac.hidden=8',
  'sac.batch=16',
  'model.ensemble.members=3',
  'model.ensemble.hidden=8',
  'model.elites=2',
  'model.freshUpdates=50',
  'model.warmUpdates=50',
];
/** Seconds of each agent on a small env, to see that its run folder is whole. */
const short: Readonly<Record<string, readonly string[]>> = {
  ppo: ['--steps', '2048', '--set', 'rolloutSteps=64', 'minibatch=64', 'epochs=2', 'hidden=8'],
  ars: ['--steps', '2000', '--set', 'directions=4', 'elites=2', 'validateEvery=1'],
  'cma-es': ['--steps', '2000', '--set', 'validateEvery=1'],
  cloning: ['--steps', '200', '--set', 'hidden=8'],
  sac: ['--steps', '220', '--set', 'learningStarts=180', 'reportEvery=110', 'hidden=8', 'batch=16'],
  redq: ['--steps', '220', '--set', 'learningStarts=200', 'reportEvery=110', 'hidden=8', 'batch=16', 'critics=3', 'updates=2'],
  offline: ['--steps', '20', '--set', ...tinyDreams, 'updatesPerIteration=10', 'rollouts=20', 'rolloutLength=2'],
  mbpo: [
    '--steps',
    '220',
    '--set',
    ...tinyDreams,
    'explorationSteps=200',
    'modelEvery=20',
    'updatesPerStep=1',
    'audit.every=20',
    'audit.steps=5',
  ],
  pets: [
    '--steps',
    '110',
    '--set',
    'explorationSteps=100',
    'episodesPerRound=1',
    'episodeSteps=5',
    'updates=20',
    'finalUpdates=20',
    'ensemble.members=2',
    'ensemble.hidden=8',
  ],
  tdmpc2: [
    '--steps',
    '210',
    '--set',
    'randomSteps=200',
    'updatesPerStep=0.1',
    'batch=8',
    'samples=16',
    'bins=11',
    'latent=8',
    'encoder=8',
    'hidden=8',
  ],
  dreamer: [
    '--steps',
    '160',
    '--set',
    'playSteps=40',
    'randomSteps=80',
    'firstModelUpdates=4',
    'modelUpdates=2',
    'behaviourUpdates=2',
    'hidden=8',
    'model.hidden=8',
    'model.width=8',
    'model.window=4',
  ],
};
/** Those whose actions must be floats. */
const onPendulum = ['sac', 'redq', 'offline', 'mbpo', 'pets', 'tdmpc2'];
const whole = ['checkpoint.bin', 'config.json', 'learning.html', 'metrics.jsonl', 'policy.onnx'];
/** Of those that leave the model which they learned, too, or alone. */
const wholeOf = (agent: string) =>
  agent === 'pets' ? [...whole.slice(0, -1), 'model'] : agent === 'offline' ? [...whole.slice(0, -1), 'model', 'policy.onnx'] : whole;

describe('groundtwin train', function () {
  this.timeout(60_000);
  const place = scratch();
  const envOf = (agent: string) => (onPendulum.includes(agent) ? 'Pendulum-v0' : 'CartPole-v0');
  after(() => place.remove());
  before(async () => {
    for (const env of ['CartPole-v0', 'Pendulum-v0']) {
      const { code, err } = await groundtwin(['record', '--env', env, '--episodes', '6', '--out', place.in(`${env}.bin`)]);
      expect(code, err).to.equal(0);
    }
  });
  const argv = (agent: string, out: string, more: readonly string[] = short[agent]!) => {
    const env = envOf(agent);
    const needs = agents[agent as keyof typeof agents].needsData ? ['--data', place.in(`${env}.bin`)] : [];
    return ['train', '--agent', agent, '--env', env, '--out', out, '--json', ...needs, ...more];
  };
  const said = ({ code, out, err }: { code: number; out: string; err: string }) => {
    expect(code, err).to.equal(0);
    return JSON.parse(out);
  };

  it('has a short run of every agent in this test', () => expect(Object.keys(short)).to.have.members(agentNames));

  for (const agent of agentNames)
    it(`leaves a run folder of ${agent}, which can be played and recorded`, async () => {
      const [out, env] = [place.in(agent), envOf(agent)];
      const result = said(await groundtwin(argv(agent, out)));
      expect(readdirSync(out).sort()).to.deep.equal(wholeOf(agent));
      const lines = jsonLines(readFileSync(join(out, 'metrics.jsonl'), 'utf8'));
      expect(lines.map(({ iteration }) => iteration)).to.deep.equal(lines.map((_, i) => i + 1));
      expect(result).to.deep.include({ out, agent, env, in: 'truth', stopped: false, resumedFrom: null, ...lines.at(-1)! });
      const { command, config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
      expect(command)
        .to.match(/^groundtwin train --/)
        .and.include(`--agent ${agent} `)
        .and.include(`--steps ${config.settings.steps} `);
      const page = readFileSync(join(out, 'learning.html'), 'utf8');
      expect(page).to.match(/^<!doctype html>/i);
      expect(page).to.include(`${agents[agent].measures.unit} by steps`);
      const acts = agent === 'pets' ? ['--policy', 'cem', '--model', join(out, 'model')] : ['--policy', join(out, 'policy.onnx')];
      const policy = ['--env', env, ...acts];
      const played = said(await groundtwin(['eval', ...policy, '--episodes', '3', '--json']));
      expect(played).to.deep.include({ policy: agent === 'pets' ? 'cem in the model' : 'policy.onnx', in: 'truth', episodes: 3 });
      const [low, high] = env === 'CartPole-v0' ? [5, 500] : [-4000, 0];
      expect(played.returns[0]).to.be.within(low!, high!);
      expect(
        said(await groundtwin(['record', ...policy, '--episodes', '1', '--out', place.in('more.bin'), '--json'])).returns,
      ).to.have.length(1);
    });

  it('goes on after Ctrl-C and after kill -9, and ends with the same bytes', async () => {
    const runs = {
      SIGINT: (out: string) => argv('cma-es', out, ['--steps', '20000', '--checkpoint-every', '1']),
      SIGKILL: (out: string) => argv('ppo', out, ['--steps', '4096', '--checkpoint-every', '1', ...short.ppo!.slice(2)]),
    };
    for (const [signal, run] of Object.entries(runs) as ['SIGINT' | 'SIGKILL', (out: string) => string[]][]) {
      const straight = place.in(`straight-${signal}`);
      said(await groundtwin(run(straight)));
      const out = place.in(signal);
      const running = launch(run(out));
      while (!existsSync(join(out, 'checkpoint.bin'))) {
        if (running.child.exitCode !== null) expect.fail('it ended before it saved anything');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      interrupt(running, signal);
      const ended = await running.ended;
      expect(existsSync(join(out, 'config.json'))).to.equal(true);
      if (signal === 'SIGINT') {
        expect(ended.code, ended.err).to.equal(130);
        expect(JSON.parse(ended.out)).to.include({ ended: 'stopped', stopped: true });
      }
      expect(said(await groundtwin(run(out))).resumedFrom).to.be.at.least(1);
      for (const file of whole.filter((name) => name !== 'config.json'))
        expect(readFileSync(join(out, file)).equals(readFileSync(join(straight, file))), file).to.equal(true);
    }
    const other = await groundtwin([...runs.SIGKILL(place.in('SIGKILL')), '--seed', '2']);
    expect(other.err).to.include('CHECKPOINT_FOREIGN');
    said(await groundtwin([...runs.SIGKILL(place.in('SIGKILL')), '--seed', '2', '--restart']));
  });

  it('trains in a model and in a twin, and what comes out acts there, on physics and on a server', async () => {
    const model = place.in('model');
    const env = ['--env', 'Pendulum-v0'];
    said(await groundtwin(['record', ...env, '--episodes', '3', '--out', place.in('pendulum.bin'), '--json']));
    const fit = ['--updates', '100', '--members', '2', '--out', model, '--json'];
    said(await groundtwin(['train-model', ...env, '--data', place.in('pendulum.bin'), ...fit]));
    const server = await serve({ ...serverParts(registry), clock: clockFrom(() => performance.now()) });
    try {
      for (const where of ['model', 'twin']) {
        const out = place.in(`in-${where}`);
        const given = ['train', '--agent', 'cma-es', ...env, '--in', where, '--model', model, '--out', out, '--steps', '3000', '--json'];
        expect(said(await groundtwin(given))).to.include({ in: where });
        const policy = ['eval', ...env, '--policy', join(out, 'policy.onnx'), '--episodes', '2', '--json'];
        const places = [
          ['--in', 'truth'],
          ['--in', 'model', '--model', model],
          ['--in', 'twin', '--model', model],
        ];
        const remote = ['--url', server.url, '--token', server.token!];
        const played = [];
        for (const at of [...places, remote]) played.push(said(await groundtwin([...policy, ...at])).returns as number[]);
        const [onTruth, inModel, inTwin, onServer] = played;
        expect(onServer).to.deep.equal(onTruth);
        expect(inTwin).to.deep.equal(onTruth);
        expect(inModel).to.not.deep.equal(onTruth);
      }
    } finally {
      await server.close();
    }
    const moved = ['train', '--agent', 'cma-es', ...env, '--in', 'model', '--out', place.in('model'), '--steps', '3000'];
    expect((await groundtwin([...moved, '--model', place.in('nowhere')])).code).to.equal(2);
  });

  const refusals: readonly (readonly [what: string, options: readonly string[], why: RegExp])[] = [
    ['a setting there is none of', ['--agent', 'ppo', '--set', 'rate=1'], /rate.*learningRate/],
    ['a number that is none', ['--agent', 'ppo', '--set', 'discount=high'], /discount=high.*a number/],
    ['a truth that is none', ['--agent', 'ppo', '--set', 'annealRate=1'], /annealRate=1.*true or false/],
    ['a pair that is none', ['--agent', 'ppo', '--set', 'discount'], /key=value/],
    ['a setting out of its range', ['--agent', 'ppo', '--set', 'discount=2'], /discount/],
    ['cloning without data', ['--agent', 'cloning'], /--data.*missing/],
    ['offline without data', ['--agent', 'offline'], /--data.*missing/],
    ['a model for who learns one', ['--agent', 'mbpo', '--in', 'model', '--model', 'x'], /--in.*model.*truth or twin.*mbpo/],
    ['the same of a planner', ['--agent', 'pets', '--in', 'model', '--model', 'x'], /--in.*model.*truth or twin.*pets/],
    ['named actions where floats are needed', ['--agent', 'sac'], /sac.*actionSpace|sac.*action/],
    ['a word that is none', ['--agent', 'redq', '--set', 'actorValue=most'], /actorValue.*most.*'least' or 'mean'/],
    ['a setting of settings out of its range', ['--agent', 'mbpo', '--set', 'sac.batch=0'], /batch/],
    ['data for who learns by acting', ['--agent', 'ppo', '--data', 'x.bin'], /--data.*left out/],
    ['a model without --in model', ['--agent', 'ppo', '--model', 'x'], /--model.*left out/],
    ['--in model without a model', ['--agent', 'ppo', '--in', 'model'], /--model.*missing/],
    ['a model that is not there', ['--agent', 'ppo', '--in', 'model', '--model', 'nowhere'], /nowhere/],
  ];
  for (const [what, options, why] of refusals)
    it(`refuses ${what}, and writes nothing`, async () => {
      const out = place.in('refused');
      const { code, err } = await groundtwin(['train', '--env', 'CartPole-v0', '--out', out, ...options]);
      expect(code, err).to.equal(2);
      expect(err).to.match(why);
      expect(existsSync(join(out, 'config.json'))).to.equal(false);
    });

  it('refuses a policy that is not there, that is no graph, or is of another env', async () => {
    const play = async (env: string, policy: string) =>
      (await groundtwin(['eval', '--env', env, '--policy', policy, '--episodes', '1'])).err;
    said(await groundtwin(argv('cma-es', place.in('own'))));
    expect(await play('CartPole-v0', place.in('none.onnx'))).to.match(/OPTION_INVALID.*a file that is there/);
    expect(await play('CartPole-v0', 'whoever')).to.match(/one of random.*onnx/);
    expect(await play('Pendulum-v0', join(place.in('own'), 'policy.onnx'))).to.match(/MODEL_REFUSED/);
  });
});
