import type { ReplayBuffer } from '../../src/data/replay-buffer.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { TypedArray } from '../../src/spaces/space.ts';
import type { TdMpc2Networks } from './networks.ts';
import { streamsOf, type TdMpc2LossConfig } from './update.ts';

/** What so many gradient steps are fed: sequences of the replay, noise, and which two critics targets are made with; see `streamsOf`. */
export function drawBatches(
  replay: ReplayBuffer,
  networks: TdMpc2Networks,
  config: TdMpc2LossConfig,
  updates: number,
  rng: Rng,
): Record<string, Float32Array> {
  const { batch, horizon } = config;
  const { observationSize, actionSize, critics } = networks;
  const drawn = replay.sample(updates * batch, horizon, rng);
  const fed = Object.fromEntries(
    streamsOf(networks, config).map(({ name, shape }) => [name, new Float32Array(shape.reduce((size, length) => size * length, updates))]),
  );
  const timeMajor = (name: string, values: TypedArray, size: number) => toTimeMajor(values, fed[name]!, updates, batch, size);
  timeMajor('observation', drawn.observation as TypedArray, observationSize);
  timeMajor('action', drawn.action as TypedArray, actionSize);
  timeMajor('reward', drawn.reward, 1);
  timeMajor(
    'continues',
    drawn.terminated.map((flag) => 1 - flag),
    1,
  );
  for (const name of ['target_noise', 'policy_noise'] as const) rng.normals32(fed[name]!, 0, fed[name]!.length);
  for (let update = 0; update < updates; update++) chooseTwo(fed.chosen!.subarray(update * critics, (update + 1) * critics), rng);
  return fed;
}

/** `[updates, batch, steps, size]` → `[updates, steps, batch, size]`. */
function toTimeMajor(from: TypedArray, into: Float32Array, updates: number, batch: number, size: number): void {
  const steps = from.length / (updates * batch * size);
  for (let row = 0; row < updates * batch; row++)
    for (let step = 0; step < steps; step++) {
      const at = ((Math.floor(row / batch) * steps + step) * batch + (row % batch)) * size;
      for (let i = 0; i < size; i++) into[at + i] = from[(row * steps + step) * size + i]!;
    }
}

/** A 1 for two of them drawn at random, or for all there are. */
function chooseTwo(chosen: Float32Array, rng: Rng): void {
  if (chosen.length <= 2) return void chosen.fill(1);
  const first = rng.integer(chosen.length);
  const second = (first + 1 + rng.integer(chosen.length - 1)) % chosen.length;
  chosen[first] = 1;
  chosen[second] = 1;
}
