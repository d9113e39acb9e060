import { expect } from 'chai';
import { renderTraining } from '../../src/report/index.ts';

const measures = { figures: ['validation', 'return'], unit: 'return' };
const lines = [
  { iteration: 1, steps: 100, return: null, clipFraction: 0.1, skipped: 0 },
  { iteration: 2, steps: 200, return: 12.5, clipFraction: 0.2, skipped: 0 },
  { iteration: 3, steps: 300, return: 40, validation: 50, clipFraction: 0.3, skipped: 0 },
];

describe('a page of learning curves of an agent', () => {
  const input = { title: 'ppo on <env>', task: 'CartPole-v0', summary: 'so & so', lines, measures };

  it('draws how well it does first, then every other figure, and escapes every text', () => {
    const page = renderTraining(input);
    const captions = [...page.matchAll(/<figcaption>(.*?)<\/figcaption>/g)].map(([, text]) => text);
    expect(captions).to.deep.equal(['return by steps', 'clip fraction', 'skipped']);
    expect(page).to.include('ppo on &lt;env&gt;').and.include('so &amp; so').and.not.include('ppo on <env>');
    expect(renderTraining(input)).to.equal(page);
  });

  it('stays small however long the training was, and stands without any line', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ iteration: i + 1, steps: 10 * i, return: Math.sin(i) }));
    expect(renderTraining({ ...input, lines: many })).to.have.length.below(60_000);
    expect(renderTraining({ ...input, lines: [] })).to.include('Learning curves');
  });
});
