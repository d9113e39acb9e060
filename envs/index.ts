import { type AnyTask, anyTask } from '../src/task/task.ts';
import { ant } from './ant/task.ts';
import { cartPole } from './cart-pole/task.ts';
import { cartPoleSwingUp } from './cart-pole-swing-up/task.ts';
import { dmCartPoleSwingUp } from './dm-cart-pole-swing-up/task.ts';
import { dmCheetahRun } from './dm-cheetah-run/task.ts';
import { dmHopperHop } from './dm-hopper-hop/task.ts';
import { dmPendulumSwingUp } from './dm-pendulum-swing-up/task.ts';
import { dmReacherEasy, dmReacherHard } from './dm-reacher/task.ts';
import { dmWalkerRun, dmWalkerWalk } from './dm-walker/task.ts';
import { halfCheetah } from './half-cheetah/task.ts';
import { hopper } from './hopper/task.ts';
import { invertedDoublePendulum } from './inverted-double-pendulum/task.ts';
import { invertedPendulum } from './inverted-pendulum/task.ts';
import { pendulum } from './pendulum/task.ts';
import { reacher } from './reacher/task.ts';
import { walker2d } from './walker2d/task.ts';

/** Every task this package ships, one line each. */
export const envs: readonly AnyTask[] = Object.freeze([
  anyTask(cartPoleSwingUp),
  anyTask(cartPole),
  anyTask(pendulum),
  anyTask(invertedPendulum),
  anyTask(invertedDoublePendulum),
  anyTask(reacher),
  anyTask(hopper),
  anyTask(halfCheetah),
  anyTask(walker2d),
  anyTask(ant),
  anyTask(dmCartPoleSwingUp),
  anyTask(dmPendulumSwingUp),
  anyTask(dmReacherEasy),
  anyTask(dmReacherHard),
  anyTask(dmWalkerWalk),
  anyTask(dmWalkerRun),
  anyTask(dmCheetahRun),
  anyTask(dmHopperHop),
]);
