import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { check, MEDIAN_FUNCTION_lines, type SourceFile, type Violation } from '../scripts/tidy.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** No text file is larger; what is, is data. */
const LARGEST_TEXT_bytes = 2 * 1024 * 1024;

/** Paths under git's care, tracked or new; without git (a downloaded archive) what .gitignore's folder lines leave. */
function repositoryPaths(): string[] {
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return [...new Set(listed.split('\0').filter((path) => path !== ''))];
  } catch {
    const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n');
    const visit = (folder: string): string[] =>
      readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
        if (entry.name === '.git' || ignored.includes(`${entry.name}/`)) return [];
        return entry.isDirectory() ? visit(`${folder}${entry.name}/`) : [`${folder}${entry.name}`];
      });
    return visit('');
  }
}

function readText(path: string): SourceFile[] {
  let content: Buffer;
  try {
    content = readFileSync(join(root, path));
  } catch {
    return []; // removed, and not yet staged
  }
  return content.length > LARGEST_TEXT_bytes || content.includes(0) ? [] : [{ path, text: content.toString('utf8') }];
}

const show = ({ file, line, rule, why }: Violation) => `${file}:${line} ${rule}: ${why}`;
const found = (path: string, text: string) => check([{ path, text }]).violations.map(({ line, rule }) => `${line} ${rule}`);

describe('the tree is tidy', () => {
  const result = check(repositoryPaths().flatMap(readText));

  it('breaks no rule', () => {
    if (result.violations.length > 0)
      throw new Error([`${result.violations.length} violations`, ...result.violations.map(show)].join('\n'));
  });

  it(`has a median function of at most ${MEDIAN_FUNCTION_lines} lines (${result.medianFunction_lines})`, () => {
    expect(result.medianFunction_lines).to.be.at.most(MEDIAN_FUNCTION_lines);
  });
});

describe('each tidy rule bites', () => {
  const path = (...parts: string[]) => `/${parts.join('/')}`;
  const cases: readonly (readonly [what: string, path: string, text: string, expected: readonly string[]])[] = [
    ['an import from a lower layer', 'src/task/a.ts', `import { a } from '../core/a.ts';\nimport { b } from './b.ts';`, []],
    ['an import from a higher layer', 'src/core/a.ts', `// why\nimport { a } from '../task/a.ts';`, ['2 layer']],
    ['an import from a neighbour in the layer', 'src/wire/a.ts', `import { a } from '../physics/a.ts';`, ['1 layer']],
    ['a type import from a higher layer', 'src/core/a.ts', `import type { A } from '../task/a.ts';`, ['1 layer']],
    ['an import within a type', 'src/core/a.ts', `export type A = import('../task/a.ts').A;`, ['1 layer']],
    [
      'a re-export from a higher layer',
      'src/math/a.ts',
      `export { a } from '../core/a.ts';\nexport * from '../core/b.ts';`,
      ['1 layer', '2 layer'],
    ],
    ['a dynamic import from a higher layer', 'src/core/a.ts', `export const a = () => import('../task/a.ts');`, ['1 layer']],
    [
      'an import named in a comment or a string',
      'src/core/a.ts',
      `// import '../task/a.ts'\nexport const a = "import '../task/a.ts'";`,
      [],
    ],
    ['roots that import each other', 'src/cli/main.ts', `import { make } from '../index.ts';`, []],
    ['an import of a root', 'src/server/a.ts', `import { make } from '../index.ts';`, ['1 layer']],
    ['a folder in no layer', 'src/misc/a.ts', `import { a } from '../math/a.ts';`, ['1 layer']],
    ['an import of what the package does not hold', 'src/cli/a.ts', `import { a } from '../../bench/a.ts';`, ['1 layer']],
    ['an env that imports another', 'envs/cart/task.ts', `import { a } from '../pole/task.ts';`, ['1 layer']],
    ['an env that imports an agent', 'envs/cart/task.ts', `import { a } from '../../agents/sac/train.ts';`, ['1 layer']],
    ['an agent that imports an env', 'agents/sac/train.ts', `import { a } from '../../envs/cart/task.ts';`, ['1 layer']],
    ['the list of envs', 'envs/index.ts', `export { a } from './cart/task.ts';`, []],
    ['a package outside its owner', 'src/task/a.ts', `import { World } from '@dimforge/rapier3d';`, ['1 owner']],
    ['a package inside its owner', 'src/server/a.ts', `import { WebSocketServer } from 'ws';\nimport { readFileSync } from 'node:fs';`, []],
    ['a package that nobody owns', 'src/cli/a.ts', `const a = require('left-pad/index.js');`, ['1 owner']],
    ['the package by its own name', 'src/cli/a.ts', `import { make } from 'groundtwin';`, ['1 owner']],
    ['a test that imports anything', 'test/a.test.ts', `import { a } from '../src/cli/a.ts';\nimport { expect } from 'chai';`, []],
    ['a function of 71 lines', 'src/math/a.ts', `\nexport function a() {${'\n'.repeat(70)}}`, ['2 long-function']],
    ['a function of 70 lines', 'src/math/a.ts', `export const a = () => {${'\n'.repeat(69)}};`, []],
    ['ambient randomness', 'src/task/a.ts', `export const a = Math.random();`, ['1 ambient']],
    [
      'ambient time',
      'envs/cart/task.ts',
      `export const a = [Date.now(), globalThis.performance.now(), new Date(), Date['now']];`,
      Array(4).fill('1 ambient'),
    ],
    ['a time that came in', 'src/task/a.ts', `export const a = (clock: number) => new Date(clock);`, []],
    ['printing', 'agents/sac/train.ts', `export function a() {\n  console.error('a');\n}`, ['2 ambient']],
    ['ambient time and printing in a root', 'src/cli/main.ts', `console.log(Date.now());`, []],
    ['a file name in camel case', 'src/task/physicsEnv.ts', `export const a = 1;`, ['1 file-name']],
    ['a file name in snake case', 'bench/state_store.ts', `export const a = 1;`, ['1 file-name']],
    ['a default export', 'src/task/a.ts', `const a = 1;\nexport default a;`, ['2 default-export']],
    ['a default export under another form', 'test/a.test.ts', `const a = 1;\nexport { a as default };`, ['2 default-export']],
    [
      'a machine path',
      'docs/a.md',
      `See\n${path('home', 'ada', 'runs')} and https://example.org${path('home', 'ada')}`,
      ['2 machine-path'],
    ],
    ['a path of the repository', 'docs/a.md', `bench${path('work', 'a')} and ..${path('tmp', 'a')}`, []],
    ['a registry host', 'package-lock.json', `"resolved": "https://registry.${'npmjs'}.org/a"`, ['1 registry-host']],
    ['a file that does not parse', 'src/math/a.ts', `export const a = ;`, ['1 syntax']],
  ];
  for (const [what, file, text, expected] of cases) {
    it(`${expected.length === 0 ? 'lets pass' : 'flags'} ${what}`, () => expect(found(file, text)).to.deep.equal(expected));
  }

  it('measures the median function', () => {
    const text = [1, 3, 20].map((lines) => `export function f${lines}() {${'\n'.repeat(lines - 1)}}`).join('\n');
    expect(check([{ path: 'src/math/a.ts', text }]).medianFunction_lines).to.equal(3);
  });
});
