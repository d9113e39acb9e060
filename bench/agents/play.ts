/** One run of ours in a process of its own: a run as a line of JSON on stdin, what came of it on stdout. Ends with its standard input. */
import { createInterface } from 'node:readline';
import { play as playMbpo } from './play-mbpo.ts';
import { play as playPets } from './play-pets.ts';
import { play as playPpo } from './play-ppo.ts';
import { play as playRedq } from './play-redq.ts';
import { play as playSac } from './play-sac.ts';
import type { Played, Run } from './run.ts';

const players: Readonly<Record<string, (run: never) => Promise<Played>>> = {
  ppo: playPpo,
  sac: playSac,
  redq: playRedq,
  mbpo: playMbpo,
  pets: playPets,
};

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit());
lines.on('line', async (line) => {
  const run = JSON.parse(line) as Run;
  const answer = await players[run.agent]!(run as never).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
