/**
 * The rules of the source tree, as data and as one pure function over files; `test/tidy.test.ts` runs it on the checkout.
 * Imports are read from the syntax tree, so comments and strings never count and types do.
 */
import { posix } from 'node:path';
import { parseSync, visitorKeys } from 'oxc-parser';

/** From the bottom up; a folder imports from itself and from lower rows, never from its own row's neighbours. The top row may. */
export const LAYERS: readonly (readonly string[])[] = [
  ['src/errors.ts', 'src/math'],
  ['src/spaces'],
  ['src/core'],
  ['src/physics', 'src/scene', 'src/render', 'src/onnx', 'src/wire'],
  ['src/task'],
  ['src/data'],
  ['src/wrappers', 'src/vector', 'src/world-model'],
  ['src/twin', 'src/client', 'src/planning', 'src/learning'],
  ['src/gap', 'src/report', 'src/registry', 'src/check'],
  ['envs', 'agents'],
  ['src/server', 'src/farm'],
  [
    'src/index.ts',
    'src/robots.ts',
    'src/roots.ts',
    'src/cli',
    'src/worker.ts',
    'src/env-worker.ts',
    'src/model-worker.ts',
    'src/gap-worker.ts',
    'src/browser.ts',
  ],
];
const ROOTS = LAYERS[LAYERS.length - 1]!;

/** Third-party packages and the only folders that may import them. Any other package needs a row. */
export const OWNERS: readonly (readonly [pattern: RegExp, owners: readonly string[]])[] = [
  [/^@dimforge\/rapier/, ['src/physics']],
  [/^(@mujoco\/mujoco|mujoco-js)$/, ['src/physics']],
  [/^onnxruntime-/, ['src/onnx']],
  [/^msgpackr$/, ['src/wire']],
  [/^saxes$/, ['src/scene']],
  [/^(hyparquet|hyparquet-writer|h5wasm|@mcap\/core|fzstd)$/, ['src/data']],
  [/^ws$/, ['src/client', 'src/server']],
  [/^(commander|cli-progress)$/, ['src/cli']],
  [/^(@observablehq\/plot|linkedom)$/, ['src/report']],
];

/** Folders whose files may import anything. */
const FREE = ['test', 'bench', 'scripts', 'examples', 'bin'];
const LAYERED = ['src', 'envs', 'agents'];

export const LONGEST_FUNCTION_lines = 70;
export const MEDIAN_FUNCTION_lines = 12;

const AMBIENT = new Set(['Math.random', 'Date.now', 'performance.now', 'process.hrtime']);
const AMBIENT_WHY = 'rng, clock and logger come in as arguments';

/** Spelled in pieces, so that this file passes its own rule. */
const MACHINE_PATH = new RegExp(`(?<![\\w.~/-])/(${['home', 'root', 'work', 'tmp'].join('|')})/[\\w.@-]`);
const REGISTRY_HOST = new RegExp(
  [
    `registry\\.${'npmjs'}\\.org`,
    `registry\\.${'yarnpkg'}\\.com`,
    `files\\.${'pythonhosted'}\\.org`,
    `pypi\\.org/${'simple'}`,
    `https?://[^/\\s]*(${['artifactory', 'nexus', 'npmmirror', 'verdaccio'].join('|')})`,
  ].join('|'),
  'i',
);

export interface SourceFile {
  /** From the repository root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly rule:
    | 'syntax'
    | 'layer'
    | 'owner'
    | 'long-function'
    | 'ambient'
    | 'file-name'
    | 'default-export'
    | 'machine-path'
    | 'registry-host';
  readonly why: string;
}

/** A node of the syntax tree, as far as the rules look at it. Offsets in UTF-16 units. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

type Report = (offset: number, rule: Violation['rule'], why: string) => void;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const key of visitorKeys[node.type] ?? []) {
    const children = node[key];
    for (const child of Array.isArray(children) ? children : [children]) if (isNode(child)) walk(child, visit);
  }
}

const isUnder = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
const isCode = (path: string) => /\.[cm]?[jt]s$/.test(path) && [...LAYERED, ...FREE].some((folder) => isUnder(path, folder));
const isLayered = (path: string) => LAYERED.some((folder) => isUnder(path, folder));

/** The unit a file belongs to: a row entry of LAYERS, and for envs and agents the folder of one env or agent. */
function unitOf(path: string): string | undefined {
  const entry = LAYERS.flat().find((name) => isUnder(path, name));
  if (entry !== 'envs' && entry !== 'agents') return entry;
  const [, name, ...rest] = path.split('/');
  return rest.length > 0 ? `${entry}/${name}` : entry;
}

const layerOf = (unit: string) => LAYERS.findIndex((row) => row.some((name) => isUnder(unit, name)));

function literal(node: unknown): string | undefined {
  return isNode(node) && typeof node.value === 'string' ? node.value : undefined;
}

/** The module a node imports, if it is any form of import with a literal name: static, re-export, dynamic, in a type, or require. */
function importedBy(node: Node): string | undefined {
  if (['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression', 'TSImportType'].includes(node.type))
    return literal(node.source);
  if (node.type === 'CallExpression' && nameOf(node.callee) === 'require') return literal((node.arguments as unknown[])[0]);
  return undefined;
}

/** `a.b` for a plain name or member access, also after globalThis. */
function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return String(node.name);
  if (node.type !== 'MemberExpression') return undefined;
  const object = nameOf(node.object);
  const property = node.computed === true ? literal(node.property) : nameOf(node.property);
  return object && property ? `${object}.${property}`.replace(/^globalThis\./, '') : undefined;
}

/** Why a layered file may not import this module, if it may not. */
function layerProblem(path: string, target: string): string | undefined {
  const from = unitOf(path);
  if (from === undefined) return `${path} is in no layer; add its folder to LAYERS in scripts/tidy.ts`;
  const to = unitOf(target);
  if (to === undefined) return `${target} is in no layer, so it is not in the package`;
  if (from === to) return undefined;
  if (ROOTS.includes(from) && ROOTS.includes(to)) return undefined;
  if ((from === 'envs' || from === 'agents') && to.startsWith(`${from}/`)) return undefined;
  if (layerOf(to) < layerOf(from)) return undefined;
  return `${from} (layer ${layerOf(from)}) imports ${to} (layer ${layerOf(to)}); a file imports from its own folder or a lower layer`;
}

function ownerProblem(path: string, specifier: string): string | undefined {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (name === 'groundtwin') return 'the package does not import itself by name; use the relative path';
  const owners = OWNERS.find(([pattern]) => pattern.test(name))?.[1];
  if (owners === undefined) return `${name} has no owner folder; add it to OWNERS in scripts/tidy.ts, or do without`;
  return owners.includes(unitOf(path) ?? '') ? undefined : `${name} is imported only from ${owners.join(', ')}`;
}

function checkImport(path: string, node: Node, report: Report): void {
  const specifier = importedBy(node);
  if (specifier === undefined || specifier.startsWith('node:')) return;
  const isRelative = specifier.startsWith('.');
  const why = isRelative ? layerProblem(path, posix.join(posix.dirname(path), specifier)) : ownerProblem(path, specifier);
  if (why !== undefined) report(node.start, isRelative ? 'layer' : 'owner', why);
}

function checkAmbient(node: Node, report: Report): void {
  const name = node.type === 'MemberExpression' ? nameOf(node) : undefined;
  if (name !== undefined && (AMBIENT.has(name) || /^console\.\w+$/.test(name))) report(node.start, 'ambient', `${name}: ${AMBIENT_WHY}`);
  const isDate = (node.type === 'NewExpression' || node.type === 'CallExpression') && nameOf(node.callee) === 'Date';
  if (isDate && (node.arguments as unknown[]).length === 0) report(node.start, 'ambient', `new Date(): ${AMBIENT_WHY}`);
}

function checkDefaultExport(node: Node, report: Report): void {
  const specifiers = Array.isArray(node.specifiers) && node.type === 'ExportNamedDeclaration' ? (node.specifiers as Node[]) : [];
  const renamed = specifiers.some((specifier) => nameOf(specifier.exported) === 'default');
  if (renamed || node.type === 'ExportDefaultDeclaration') report(node.start, 'default-export', 'named exports only');
}

const FUNCTIONS = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];
const isFunction = (node: Node) => FUNCTIONS.includes(node.type) && isNode(node.body) && node.body.type === 'BlockStatement';

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    const after = starts.findIndex((start) => start > offset);
    return after === -1 ? starts.length : after;
  };
}

function checkCode({ path, text }: SourceFile, lines: number[], report: Report): void {
  const { program, errors } = parseSync(path, text);
  for (const error of errors) report(error.labels[0]?.start ?? 0, 'syntax', error.message);
  const lineOf = lineCounter(text);
  const isRoot = ROOTS.some((root) => isUnder(path, root));
  const isTest = isUnder(path, 'test');
  walk(program as unknown as Node, (node) => {
    if (isLayered(path)) checkImport(path, node, report);
    if (isLayered(path) && !isRoot) checkAmbient(node, report);
    checkDefaultExport(node, report);
    if (isTest || !isFunction(node)) return;
    const length = lineOf(node.end) - lineOf(node.start) + 1;
    lines.push(length);
    if (length > LONGEST_FUNCTION_lines)
      report(node.start, 'long-function', `${length} lines; split it, over ${LONGEST_FUNCTION_lines} is a smell`);
  });
}

function checkFileName(path: string, report: Report): void {
  const isKebab = path.split('/').every((part) => /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(part));
  if (!isKebab) report(0, 'file-name', 'folders and files are named in kebab-case');
}

function checkText({ text }: SourceFile, report: Report): void {
  let offset = 0;
  for (const line of text.split('\n')) {
    if (MACHINE_PATH.test(line)) report(offset, 'machine-path', `${MACHINE_PATH.exec(line)?.[0]}… exists on one machine only`);
    if (REGISTRY_HOST.test(line))
      report(offset, 'registry-host', `${REGISTRY_HOST.exec(line)?.[0]}: where packages come from is each machine's own setting`);
    offset += line.length + 1;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/**
 * Every violation of the rules in these files, and the median length of their functions.
 *
 * @param files - text files of the repository; rules on code apply by path.
 * @returns `medianFunction_lines` counts functions with a block body outside test/, from their first line to their last.
 */
export function check(files: readonly SourceFile[]): { violations: Violation[]; medianFunction_lines: number } {
  const violations: Violation[] = [];
  const lines: number[] = [];
  for (const file of files) {
    const lineOf = lineCounter(file.text);
    const report: Report = (offset, rule, why) => violations.push({ file: file.path, line: lineOf(offset), rule, why });
    checkText(file, report);
    if (!isCode(file.path)) continue;
    checkFileName(file.path, report);
    checkCode(file, lines, report);
  }
  return { violations, medianFunction_lines: median(lines) };
}
