import { type AnyTask, anyTask } from '../src/task/task.ts';
import { cartPole } from './cart-pole/task.ts';
import { cartPoleSwingUp } from './cart-pole-swing-up/task.ts';
import { pendulum } from './pendulum/task.ts';

/** Every task this package ships, one line each. */
export const envs: readonly AnyTask[] = Object.freeze([anyTask(cartPoleSwingUp), anyTask(cartPole), anyTask(pendulum)]);
