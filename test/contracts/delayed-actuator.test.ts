import { expect } from 'chai';
import fc from 'fast-check';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { tileRows } from '../../src/world-model/contract.ts';
import { keepsTheContract } from './env-contract.ts';
import { manifestFor, registryOf, StubModel } from './stub-backends.ts';
import { delayedCart } from './stub-tasks.ts';

const one = Uint8Array.of(1);
const delays = [0, 1, 2, 5];
const tasks = delays.map(delayedCart);
const registry = registryOf(...tasks);
const actionSequences = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });

/** The same actions, `delaySteps` later, zeros first. */
function shifted(actions: readonly number[], delaySteps: number): number[] {
  return [...new Array<number>(delaySteps).fill(0), ...actions].slice(0, actions.length);
}

async function commandsOf(env: TaskEnv, actions: readonly number[]): Promise<number[]> {
  const commands: number[] = [];
  for (const action of actions) {
    await env.step(Float32Array.of(action), one);
    commands.push(env.commands[0]!);
  }
  return commands;
}

describe('a delayed actuator', () => {
  keepsTheContract((lanes, options) => registry.makeVector(tasks[2]!.id, { lanes, ...options }), 30, {
    takes: ['autoreset', 'maxEpisodeSteps'],
    horizon: tasks[2]!.horizon,
    params: tasks[2]!.params,
  });

  for (const [i, delaySteps] of delays.entries())
    it(`shifts any sequence of actions by exactly ${delaySteps}, zeros first, on truth and on a model`, async () => {
      const task = tasks[i]!;
      const felt: number[] = [];
      const model = new StubModel(manifestFor(task), ({ state, action }) => {
        felt.push(action[0]!);
        return { sample: [...state] };
      });
      const [truth, dream] = [await registry.truth(task.id), await registry.imagined(task.id, model)];
      await fc.assert(
        fc.asyncProperty(actionSequences, fc.nat(1000), async (actions, seed) => {
          for (const env of [truth, dream]) {
            await env.reset({ mask: one, seeds: Float64Array.of(seed) });
            felt.length = 0;
            expect(await commandsOf(env, actions)).to.deep.equal(shifted(actions, delaySteps));
          }
          expect(
            felt.filter((_, row) => row % tileRows === 0),
            'what the network was told',
          ).to.deep.equal(shifted(actions, delaySteps));
        }),
        { numRuns: 20 },
      );
      await truth.close();
      await dream.close();
    });

  it('is felt by physics as late as it should be', async () => {
    const env = await registry.truth(tasks[2]!.id);
    await env.reset({ mask: one, seeds: Float64Array.of(1) });
    const speeds = [env.state[1]!];
    for (let step = 0; step < 4; step++) {
      await env.step(Float32Array.of(1), one);
      speeds.push(env.state[1]!);
    }
    // 1 N on 1 kg for .05 s is .05 m/s, from the third step on.
    [0, 0, 0.05, 0.1].forEach((gained, i) => void expect(speeds[i + 1]! - speeds[0]!).to.be.closeTo(gained, 1e-5));
    await env.close();
  });

  it('remembers its queue through a snapshot, on truth and on a model', async () => {
    const task = tasks[3]!;
    const model = new StubModel(manifestFor(task), ({ state }) => ({ sample: [...state] }));
    for (const env of [await registry.truth(task.id), await registry.imagined(task.id, model)]) {
      await env.reset({ mask: one, seeds: Float64Array.of(1) });
      await commandsOf(env, [0.5, -0.25, 0.125]);
      const moment = env.save(0);
      await commandsOf(env, [1, 1, 1, 1, 1, 1]);
      env.load(0, moment);
      expect(await commandsOf(env, [0, 0, 0, 0, 0])).to.deep.equal([0, 0, 0.5, -0.25, 0.125]);
      await env.close();
    }
  });

  it('starts each episode with an empty queue', async () => {
    const env = await registry.truth(tasks[1]!.id);
    await env.reset({ mask: one, seeds: Float64Array.of(1) });
    await commandsOf(env, [1]);
    await env.reset({ mask: one, seeds: Float64Array.of(2) });
    expect(await commandsOf(env, [1, 1])).to.deep.equal([0, 1]);
    await env.close();
  });
});
