import { make } from 'groundtwin';

const model = 'runs/demo-seed-1/model'; // a learned world, as `npm start` leaves it
const truth = await make('CartPoleSwingUp-v0'); // physics
const dream = await make('CartPoleSwingUp-v0', { backend: 'model', model }); // the learned world alone
const twin = await make('CartPoleSwingUp-v0', { backend: 'twin', model, observe: 'model', resync: { every: 16 } }); // both in lock-step
for (const env of [truth, dream, twin]) await env.reset({ seed: 7 });
const { reward, info } = await twin.step([0.5]); // push right at half force; the reward is the dream's
console.log(reward, info.twin); // prediction, error by entry and unit, uncertainty, steps since resync
const here = await truth.snapshot(); // all of it: bodies, generators, time limit
const plans = [-1, 1].map((push) => [[push], [push]]); // two steps to the left, two to the right
const futures = await truth.branch(here, plans); // both from the same moment
console.log(futures.map(({ rewards }) => rewards));
for (const env of [truth, dream, twin]) await env.close();
