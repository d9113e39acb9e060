/**
 * Physics in one process, the agent in another: `groundtwin serve` holds the envs, a client steps eight of them over WebSocket.
 * A dropped socket does no harm: the session goes on over a new one, and no step is made twice.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { clockFrom, connect } from 'groundtwin/client';

const LANES = 8;

// In a terminal of its own this is `groundtwin serve`; with --json its first line on stdout says where it is and what it wants to be shown.
const command = fileURLToPath(new URL('../bin/groundtwin.mjs', import.meta.url));
const server = spawn(process.execPath, [command, 'serve', '--port', '0', '--json'], { stdio: ['ignore', 'pipe', 'ignore'] });
const [line] = (await once(createInterface(server.stdout), 'line')) as [string];
const { url, token } = JSON.parse(line) as { url: string; token: string };

const client = await connect({ url, token, clock: clockFrom(() => performance.now()) });
const env = await client.make('Pendulum-v0', { lanes: LANES });
console.log(`${env.id} at ${url}: ${env.lanes} lanes, a step is ${env.controlDt_s} s`);

let { observation } = await env.reset({ seed: 1 });
const returns = new Float64Array(LANES);
for (let step = 0; step < 200; step++) {
  if (step === 100) client.dropSocket(); // as a broken network would
  // Push the way it turns: cos, sin and speed of lane i stand at 3 i.
  const torques = Float32Array.from({ length: LANES }, (_, lane) => 2 * Math.sign((observation as Float32Array)[3 * lane + 2]!));
  const result = await env.step(torques);
  observation = result.observation;
  for (let lane = 0; lane < LANES; lane++) returns[lane] = returns[lane]! + result.reward[lane]!;
}
console.log(`returns ${Array.from(returns, (value) => value.toFixed(0)).join(' ')}; sessions resumed: ${client.resumes}`);

await client.close();
server.kill('SIGTERM'); // it finishes what it is at, closes its envs and ends
await once(server, 'exit');
