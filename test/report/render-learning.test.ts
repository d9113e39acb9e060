import { expect } from 'chai';
import { renderLearning } from '../../src/report/index.ts';

const losses = Array.from({ length: 1200 }, (_, i) => ({ update: 50 * (i + 1), loss: 5 - i / 100, heldOut: 1 / (i + 1) }));
const input = { title: 'A model', task: 'Cart-v0', summary: 'From 10 transitions.', losses, keptUpdate: 60_000 };

describe('the page of learning curves', () => {
  it('draws loss and held-out error, says what was kept, and loads nothing', () => {
    const page = renderLearning(input);
    expect(page)
      .to.match(/^<!doctype html>/i)
      .and.not.match(/https?:|@import/i);
    expect(page.match(/<figure/g)).to.have.length(2);
    for (const part of ['A model', 'Cart-v0', 'From 10 transitions.', 'the weights of update 60000', 'aria-label="Training loss'])
      expect(page).to.include(part);
    expect(renderLearning(input)).to.equal(page);
  });

  it('stays small however long the training, with its last point', () => {
    const many = Array.from({ length: 200_000 }, (_, i) => ({ update: i + 1, loss: -i, heldOut: 1 }));
    expect(renderLearning({ ...input, losses: many, keptUpdate: 1 })).to.have.length.below(60_000);
  });

  it('draws the loss alone where nothing was held out, and a single point', () => {
    const page = renderLearning({ ...input, losses: [{ update: 50, loss: 1 }], keptUpdate: 50 });
    expect(page.match(/<figure/g)).to.have.length(1);
    expect(page).to.not.match(/NaN|undefined|Infinity/);
  });

  it('escapes every text', () => {
    const hostile = '<script>alert(1)</script>';
    const page = renderLearning({ ...input, title: hostile, task: hostile, summary: hostile });
    expect(page).to.not.include('<script>');
  });
});
