/** Tasks that workers import: the package's own are registered anyway. */
import { kill } from 'node:process';
import { type AnyTask, anyTask } from '../../src/task/task.ts';
import { delayedCart, goalArm, twoCarts } from '../contracts/stub-tasks.ts';

export { goalArm, twoCarts };

/** In the second half of its action space, what goes wrong in task code. */
export const deeds = { throws: 0.6, dies: 0.7, hangs: 0.8, leaves: 0.9 } as const;

const cart = delayedCart(1);

/** A cart whose reward misbehaves where the action says so. */
export const fragileCart: AnyTask = anyTask({
  ...cart,
  id: 'FragileCart-v0',
  reward: {
    centred: {
      weight: -1,
      value: (step) => {
        misbehave(Math.fround(step.action[0]!));
        return cart.reward.centred!.value(step);
      },
    },
  },
});

function misbehave(deed: number): void {
  if (deed === Math.fround(deeds.throws)) throw new RangeError('the reward went wrong');
  if (deed === Math.fround(deeds.dies)) kill(process.pid, 'SIGKILL');
  if (deed === Math.fround(deeds.leaves)) process.exit(7);
  while (deed === Math.fround(deeds.hangs));
}
