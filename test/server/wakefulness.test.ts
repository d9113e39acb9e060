import { expect } from 'chai';
import { Wakefulness } from '../../src/server/wakefulness.ts';
import { clockFrom } from '../../src/wire/clock.ts';

const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve));

describe('a server between two requests', () => {
  let now_ms = 0;
  const make = () => new Wakefulness(clockFrom(() => now_ms));

  it('stays awake while the next one comes soon', async () => {
    const server = make();
    for (let reply = 0; reply < 200; reply++) {
      server.stay();
      await nextTurn();
      expect(server.isAwake, `reply ${reply}`).to.equal(true);
      now_ms += 0.05;
    }
    now_ms += 1;
    await nextTurn();
    expect(server.isAwake).to.equal(false);
  });

  it('sleeps where it looked in vain, and tries again after many', async () => {
    const server = make();
    const woken: number[] = [];
    for (let reply = 0; reply < 200; reply++) {
      server.stay();
      if (server.isAwake) woken.push(reply);
      now_ms += 5;
      await nextTurn();
      expect(server.isAwake).to.equal(false);
    }
    expect(woken).to.deep.equal([0, 1, 2, 67, 68, 69, 134, 135, 136]);
  });
});
