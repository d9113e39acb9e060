import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { isGroundtwinError } from '../../src/errors.ts';
import { checkScene } from '../../src/physics/scene-check.ts';
import { assetText } from '../../src/scene/assets.ts';
import { parseMjcf } from '../../src/scene/mjcf.ts';

const robots = ['hopper', 'ant', 'reacher', 'dm-cheetah', 'dm-cartpole', 'dm-pendulum'].map((name) => assetText(`robots/${name}.xml`));
const files = [...robots, readFileSync(new URL('files/features.xml', import.meta.url), 'utf8')];
const oddNumbers = ['nan', '-1', '0', '1e308', '1e-300', '-0', '360', '1 2', '', 'true', '99999999', '1e5', '3.1416', '0.7 0.7'];
const oddWords = ['free', 'slide', 'ball', 'hinge', 'plane', 'box', 'mesh', 'world', 'torso', '../x.xml', 'auto', 'disable', '__proto__'];
const slowest_ms = 1000;

type Mutation = (text: string, at: number, other: number, word: number) => string;
/** The match nearest after a place in the text, replaced. */
const replaceAfter = (text: string, at: number, pattern: RegExp, by: (found: string) => string) => {
  const head = text.slice(0, at);
  return head + text.slice(at).replace(pattern, by);
};
const mutations: readonly Mutation[] = [
  (text, at, other) => text.slice(0, at) + text.slice(Math.max(at, other)),
  (text, at, other) => text.slice(0, at) + text.slice(Math.min(at, other), at) + text.slice(at),
  (text, at) => replaceAfter(text, at, /<[a-z]\w*[^>]*\/>/, () => ''),
  (text, at) => replaceAfter(text, at, /<[a-z]\w*[^>]*\/>/, (found) => found + found),
  (text, at, _, word) => replaceAfter(text, at, /-?\d[\d.e-]*/, () => oddNumbers[word % oddNumbers.length]!),
  (text, at, _, word) => replaceAfter(text, at, /="[^"]*"/, () => `="${oddWords[word % oddWords.length]}"`),
  (text, at, _, word) => replaceAfter(text, at, /="[^"]*"/, () => `="${oddNumbers[word % oddNumbers.length]}"`),
  (text, at) => replaceAfter(text, at, / [a-z]\w*="[^"]*"/, () => ''),
  (text, at, other) => text.slice(0, at) + String.fromCharCode(other % 0xd800) + text.slice(at + 1),
];

const mutated = () =>
  fc
    .tuple(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(mutations.length - 1), fc.nat(100_000), fc.nat(100_000), fc.nat(1000)), { minLength: 1, maxLength: 4 }),
    )
    .map(([file, steps]) =>
      steps.reduce(
        (text, [kind, at, other, word]) => mutations[kind]!(text, at % (text.length + 1), other % (text.length + 1), word),
        file,
      ),
    );

describe('parseMjcf on mutated robot files', () => {
  it('gives a valid scene or ROBOT_FILE_INVALID, in time', function () {
    this.timeout(120_000);
    let read = 0;
    fc.assert(
      fc.property(mutated(), (text) => {
        const start = performance.now();
        try {
          const { scene, mujoco } = parseMjcf(text);
          checkScene(scene, mujoco);
          read++;
        } catch (error) {
          if (!isGroundtwinError(error, 'ROBOT_FILE_INVALID')) throw error;
        }
        expect(performance.now() - start).to.be.below(slowest_ms);
      }),
      { numRuns: Number(process.env.GROUNDTWIN_FUZZ_RUNS ?? 600) },
    );
    expect(read, 'mutations that are still robots').to.be.above(20);
  });
});
