/** Model folders that mean harm, or that nobody may rely on: each says who must notice. All claim to be models of one task. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { registry } from '../../src/index.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { Rng } from '../../src/math/rng.ts';
import { GraphBuilder, type Tensor } from '../../src/onnx/index.ts';
import type { ModelManifest } from '../../src/world-model/contract.ts';
import { manifestTemplate } from '../../src/world-model/manifest-template.ts';
import {
  addition,
  blownUpShares,
  built,
  cubic,
  floats,
  int,
  integers,
  longName,
  manyInputs,
  manyIntegers,
  nested,
  products,
  raw,
  sized,
  spliced,
  sumOf,
  twiceGiven,
  withDomain,
  withFunction,
  withTensor,
} from './hostile-graphs.ts';
import { hostileObservations, writeHostileObservations } from './hostile-observations.ts';

export const hostileTask = 'Pendulum-v0';

/**
 * Who must notice: `load`, before anything is stepped; `step`, with a typed error or an episode that ends with a problem; `check`, only `check-model`, since the model
 * is sound in form and wrong in substance.
 */
export type Noticed = 'load' | 'step' | 'check';

export interface HostileModel {
  readonly name: string;
  readonly by: Noticed;
  /** Writes the folder. */
  write(folder: string): void;
}

type Changes = Readonly<Record<string, unknown>>;

function write(folder: string, predict: Uint8Array, changes: Changes = {}): void {
  const manifest = { ...fitting(predict), ...changes };
  writeFileSync(join(folder, 'predict.onnx'), predict);
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

function fitting(predict: Uint8Array): ModelManifest {
  const template = manifestTemplate(registry.task(hostileTask));
  return {
    ...template,
    noise: { distribution: 'none', size: 0 },
    files: { predict: { path: 'predict.onnx', sha256: sha256Hex(predict) } },
  };
}

const model = (name: string, by: Noticed, predict: () => Uint8Array, changes?: Changes): HostileModel => ({
  name,
  by,
  write: (folder) => write(folder, predict(), changes),
});

const sound = () => built((builder, state, action) => ({ sample: builder.add(state, action) }));

const loops: readonly HostileModel[] = [
  model('a loop without end', 'load', () =>
    built((builder, state) => {
      const { carried } = builder.loop(builder.constant(2 ** 50, 'int64', []), [state], (_, [x]) => ({
        carried: [builder.sin(x!)],
        collected: [],
      }));
      return { sample: carried[0]! };
    }),
  ),
  ...['If', 'Scan', 'SequenceMap', 'RandomNormalLike', 'Bernoulli', 'StringConcat', 'Optional', 'ImageDecoder', 'Gradient'].map(
    (operator) => model(`the operator ${operator}`, 'load', () => raw([[operator, ['state'], ['sample']]])),
  ),
  model('an operator of another domain', 'load', () => withDomain('com.evil')),
  model('an operator of a runtime', 'load', () => withDomain('com.microsoft')),
  model('a function of its own in place of Add', 'load', () => withFunction()),
];

const GIGA = 2 ** 30;
const allocations: readonly HostileModel[] = [
  model('Expand to 64 GB', 'load', () => sumOf([['Expand', ['state', 'shape'], ['big']]], [integers('shape', [8 * GIGA, 1, 1])])),
  model('Expand to 4 TB', 'load', () => sumOf([['Expand', ['state', 'shape'], ['big']]], [integers('shape', [512 * GIGA, 1, 1])])),
  model('constants that Expand to 16 GB while they are loaded', 'load', () =>
    sumOf([['Expand', ['zero', 'shape'], ['big']]], [integers('shape', [4 * GIGA])]),
  ),
  model('Tile by a billion', 'load', () => sumOf([['Tile', ['state', 'times'], ['big']]], [integers('times', [GIGA, 1])])),
  model('ConstantOfShape of 16 GB', 'load', () => sumOf([['ConstantOfShape', ['shape'], ['big']]], [integers('shape', [4 * GIGA])])),
  model('Range of 8 billion', 'load', () =>
    sumOf([['Range', ['zero', 'limit', 'one'], ['big']]], [floats('limit', [8e9], []), floats('one', [1], [])]),
  ),
  model('Pad by 4 billion', 'load', () => sumOf([['Pad', ['state', 'pads'], ['big']]], [integers('pads', [0, 0, 0, 4 * GIGA])])),
  model('Resize by a hundred thousand', 'load', () =>
    sumOf(
      [
        ['Unsqueeze', ['state', 'axes'], ['image']],
        ['Resize', ['image', '', 'scales'], ['big']],
      ],
      [integers('axes', [0, 1]), floats('scales', [1, 1, 1e5, 1e5])],
    ),
  ),
  model('OneHot of 4 billion', 'load', () =>
    sumOf(
      [
        ['Cast', ['state'], ['indices'], { to: int(7) }],
        ['OneHot', ['indices', 'depth', 'offOn'], ['big']],
      ],
      [integers('depth', [4 * GIGA], []), floats('offOn', [0, 1])],
    ),
  ),
  model('Einsum of three outer products, over the rows too', 'step', () =>
    sumOf(
      [
        ['Expand', ['state', 'shape'], ['wide']],
        ['Einsum', ['wide', 'wide', 'wide'], ['big'], { equation: { kind: 'string', value: 'abc,def,ghi->abcdefghi' } }],
      ],
      [integers('shape', [8, 1, 1])],
    ),
  ),
  model('a size that it works out from the state', 'load', () =>
    sumOf(
      [
        ['ReduceMax', ['state'], ['most1'], { keepdims: int(0) }],
        ['Mul', ['most1', 'billions'], ['scaled']],
        ['Abs', ['scaled'], ['positive']],
        ['Cast', ['positive'], ['length'], { to: int(7) }],
        ['Reshape', ['length', 'one'], ['shape']],
        ['ConstantOfShape', ['shape'], ['big']],
      ],
      [floats('billions', [1e10], []), integers('one', [1])],
    ),
  ),
  model('memory that grows with the cube of the rows', 'step', () => cubic()),
  model('a stored tensor of which only the shape is there', 'load', () =>
    withTensor((tensor) => {
      tensor.integer(1, 2 ** 40);
      tensor.integer(2, 1);
    }),
  ),
  model('a stored tensor of −1 elements', 'load', () =>
    withTensor((tensor) => {
      tensor.integer(1, -1);
      tensor.integer(2, 1);
    }),
  ),
  model('a sparse tensor that unfolds to 64 GB', 'load', () =>
    withTensor((sparse) => {
      sparse.message(1, (values) => {
        values.integer(1, 1);
        values.integer(2, 1);
        values.bytes(9, new Uint8Array(4));
      });
      sparse.integer(3, 16 * GIGA);
    }, 15),
  ),
  model('a size that is listed as 1 and lies there as 32 GB', 'load', () =>
    sized((tensor) => {
      tensor.integer(7, 1);
      tensor.bytes(9, new Uint8Array(BigInt64Array.of(BigInt(4 * GIGA)).buffer));
    }),
  ),
  model('a size of 1 in the field of another type, beside its own', 'load', () =>
    sized((tensor) => {
      tensor.integer(5, 1);
      tensor.integer(7, 4 * GIGA);
    }),
  ),
  model('a constant that is given twice, small and large', 'load', () => twiceGiven(1, 4 * GIGA)),
  model('a size of 44 that is 300 once it went through eight bits', 'load', () => {
    const to = (type: number) => ({ to: int(type) });
    return sumOf(
      [
        ['Cast', ['count'], ['narrow'], to(2)],
        ['Cast', ['narrow'], ['wide'], to(7)],
        ['Sub', ['count', 'wide'], ['wrapped']],
        ['Mul', ['wrapped', 'millions'], ['shape']],
        ['ConstantOfShape', ['shape'], ['big']],
      ],
      [integers('count', [300]), integers('millions', [16_000_000])],
    );
  }),
  model('a size that is columns against rows', 'load', () =>
    sumOf(
      [
        ['Add', ['column', 'row'], ['table']],
        ['Reshape', ['table', 'flat'], ['shape']],
        ['ConstantOfShape', ['shape'], ['big']],
      ],
      [integers('column', [300, 300], [2, 1]), integers('row', [1, 1], [1, 2]), integers('flat', [-1])],
    ),
  ),
  model('a size that hides behind a mark of byte order', 'load', () =>
    sumOf(
      [
        ['Identity', ['huge'], ['\uFEFFshape']],
        ['Identity', ['one'], ['shape']],
        ['ConstantOfShape', ['\uFEFFshape'], ['big']],
      ],
      [integers('huge', [4 * GIGA]), integers('one', [1])],
    ),
  ),
  model('a split that says to have another number of outputs', 'load', () =>
    raw([
      ['Split', ['state'], ['a', 'b'], { axis: int(1), num_outputs: int(1) }],
      ['Concat', ['a', 'b'], ['sample'], { axis: int(1) }],
    ]),
  ),
  model('a transposed convolution that unrolls to gigabytes', 'step', () =>
    sumOf(
      [
        ['ConvTranspose', ['image', 'kernel'], ['spread']],
        ['Mul', ['spread', 'zero'], ['big']],
      ],
      [floats('image', new Array(90_000).fill(0), [1, 1, 300, 300]), floats('kernel', new Array(10_000).fill(0), [1, 1, 100, 100])],
    ),
  ),
  model('a cut into shares that is blown up to 32 GB', 'load', () => blownUpShares(4 * GIGA), { members: 2 }),
  model('64 members with a memory of 65,536 numbers each', 'load', sound, { members: 64, memorySize: 65536 }),
  model('64 members with 65,536 numbers of noise each', 'load', sound, { members: 64, noise: { distribution: 'normal', size: 65536 } }),
];

const slow: readonly HostileModel[] = [
  model('products that take an hour over a call', 'load', () => products('state')),
  model('products that take an hour to fold while it is loaded', 'load', () => products('seed')),
  model('a million nodes', 'load', () =>
    spliced((graph) => {
      for (let i = 0; i < 1_000_000; i++) graph.message(1, (node) => node.string(4, 'Add'));
      addition(graph);
    }),
  ),
  model('a node with 50 million inputs', 'load', manyInputs),
  model('100 million integers in one list', 'load', manyIntegers),
  model('a name of 100 MB', 'load', longName),
  model('graphs in graphs in graphs', 'load', () => spliced((graph) => graph.bytes(1, nested(200)))),
];

const nan = Number.NaN;
const numbers: readonly HostileModel[] = [
  model('NaN weights', 'load', () => raw([['Add', ['state', 'weight'], ['sample']]], [floats('weight', [0.5, nan])])),
  model('NaN weights where nothing shows them', 'load', () =>
    raw(
      [
        ['Mul', ['weight', 'state'], ['felt']],
        ['IsNaN', ['felt'], ['odd']],
        ['Where', ['odd', 'state', 'felt'], ['sample']],
      ],
      [floats('weight', [nan, 1])],
    ),
  ),
  model('NaN in a constant', 'load', () =>
    built((builder, state) => ({ sample: builder.add(state, builder.constant(nan, 'float32', [])) })),
  ),
  model('NaN in half floats', 'load', () =>
    withTensor((tensor) => {
      tensor.integer(1, 1);
      tensor.integer(2, 10);
      tensor.bytes(9, Uint8Array.of(0, 0x7e));
    }),
  ),
  model('NaN at every start', 'load', () => built((builder, state) => ({ sample: builder.sqrt(builder.sub(builder.mul(state, 0), 1)) }))),
  model('infinity at every start', 'load', () =>
    built((builder, state) => ({ sample: builder.exp(builder.add(builder.abs(state), 100)) })),
  ),
  model('NaN after some steps', 'step', () =>
    built((builder, state, action) => {
      const grown = builder.add(builder.add(state, builder.mul(action, 0)), 1);
      const [angle, velocity] = builder.split(grown, [1, 1], 1) as [Tensor, Tensor];
      return { sample: builder.concat([angle, builder.add(velocity, builder.mul(builder.sqrt(builder.sub(6, velocity)), 0))], 1) };
    }),
  ),
  model('a scale below 0', 'load', () =>
    built((builder, state, action) => ({ sample: builder.add(state, action), scale: builder.neg(builder.exp(state)) })),
  ),
];

const swapped = () => {
  const { state } = fitting(sound());
  return [...state].reverse();
};
const inDegrees = () => fitting(sound()).state.map((entry) => (entry.unit === 'rad' ? { ...entry, unit: 'deg' } : entry));

const manifests: readonly HostileModel[] = [
  model('entries in another order', 'load', sound, { state: swapped() }),
  model('an entry too few', 'load', sound, { state: fitting(sound()).state.slice(1) }),
  model('an entry of another size', 'load', sound, { state: fitting(sound()).state.map((entry) => ({ ...entry, size: 2 })) }),
  model('degrees in its manifest', 'load', sound, { state: inDegrees() }),
  model('a torque in kN·m in its manifest', 'load', sound, { action: [{ name: 'torque', unit: 'kN·m' }] }),
  model('an angle that its manifest takes for a length', 'load', sound, {
    state: fitting(sound()).state.map((entry) => ({ ...entry, kind: 'length' })),
  }),
  model('the hash of another task', 'load', sound, { task: { id: hostileTask, hash: '0'.repeat(64) } }),
  model('the sha256 of another file', 'load', sound, { files: { predict: { path: 'predict.onnx', sha256: '0'.repeat(64) } } }),
  ...['../predict.onnx', '/etc/passwd', '..', 'a/predict.onnx', 'predict.onnx\u0000.txt', '.hidden'].map((path) =>
    model(`the path ${JSON.stringify(path)}`, 'load', sound, { files: { predict: { path, sha256: sha256Hex(sound()) } } }),
  ),
  { name: 'a manifest of 5 MB', by: 'load', write: (folder) => write(folder, sound(), { training: { text: 'x'.repeat(5e6) } }) },
  {
    name: 'a manifest that is nested a million deep',
    by: 'load',
    write(folder) {
      write(folder, sound());
      writeFileSync(join(folder, 'manifest.json'), '['.repeat(1e6));
    },
  },
  {
    name: 'a manifest with a prototype of its own',
    by: 'load',
    write(folder) {
      write(folder, sound());
      writeFileSync(join(folder, 'manifest.json'), '{"__proto__":{"format":"groundtwin-model.v1","members":1}}');
    },
  },
];

const shapes: readonly HostileModel[] = [
  model('an output that is wider than it says', 'load', () => raw([['Concat', ['state', 'action'], ['sample'], { axis: int(1) }]])),
  model('an output of twice the rows', 'load', () => raw([['Concat', ['state', 'state'], ['sample'], { axis: int(0) }]])),
  model('an output of one row', 'load', () =>
    raw([['ReduceMax', ['state', 'axis'], ['sample'], { keepdims: int(1) }]], [integers('axis', [0])]),
  ),
  model('an output of fewer rows once there are many', 'step', () =>
    raw([['Slice', ['state', 'from', 'to', 'axes'], ['sample']]], [integers('from', [0]), integers('to', [64]), integers('axes', [0])]),
  ),
  model('an input that it takes apart as if it were wider', 'load', () =>
    raw([['Reshape', ['state', 'shape'], ['sample']]], [integers('shape', [7, -1])]),
  ),
  model('a graph of another task', 'load', () => {
    const builder = new GraphBuilder();
    builder.output('sample', builder.neg(builder.input('state', 'float32', ['rows', 4])));
    builder.input('action', 'float32', ['rows', 1]);
    return builder.toModel();
  }),
];

const random = new Rng(1);
const files: readonly HostileModel[] = [
  model('tensors in another file', 'load', () =>
    withTensor((tensor) => {
      tensor.integer(1, 1);
      tensor.integer(2, 1);
      tensor.message(13, (entry) => {
        entry.string(1, 'location');
        entry.string(2, '../../../../etc/passwd');
      });
      tensor.integer(14, 1);
    }),
  ),
  ...[0.1, 0.5, 0.9, 0.99].map((share) =>
    model(`a graph cut off after ${100 * share} %`, 'load', () => {
      const bytes = sound();
      return bytes.slice(0, Math.floor(bytes.length * share));
    }),
  ),
  ...Array.from({ length: 8 }, (_, i) =>
    model(`bytes of chance (${i + 1})`, 'load', () => Uint8Array.from({ length: 200 }, () => random.integer(256))),
  ),
  model('a length of 2⁶³', 'load', () => Uint8Array.of(58, 255, 255, 255, 255, 255, 255, 255, 255, 127)),
  model('a number that never ends', 'load', () => new Uint8Array(100).fill(255)),
  { name: 'no graph', by: 'load', write: (folder) => writeFileSync(join(folder, 'manifest.json'), JSON.stringify(fitting(sound()))) },
  { name: 'an empty folder', by: 'load', write() {} },
  {
    name: 'a graph of 600 MB',
    by: 'load',
    write(folder) {
      write(folder, sound());
      const file = openSync(join(folder, 'predict.onnx'), 'w');
      ftruncateSync(file, 600e6);
      closeSync(file);
    },
  },
  { name: 'a graph that is a folder', by: 'load', write: (folder) => replaced(folder, (path) => mkdirSync(path)) },
  {
    name: 'a graph that is a link out of its folder',
    by: 'load',
    write: (folder) => replaced(folder, (path) => linkedBeside(folder, path)),
  },
  { name: 'a graph that is an endless device', by: 'load', write: (folder) => replaced(folder, (path) => symlinkSync('/dev/zero', path)) },
  { name: 'a graph that is a pipe', by: 'load', write: (folder) => replaced(folder, (path) => void execFileSync('mkfifo', [path])) },
  { name: 'a graph that links to itself', by: 'load', write: (folder) => replaced(folder, (path) => symlinkSync('predict.onnx', path)) },
];

function replaced(folder: string, make: (path: string) => void): void {
  write(folder, sound());
  const path = join(folder, 'predict.onnx');
  rmSync(path);
  make(path);
}

/** The very graph that the manifest names, but in another folder. */
function linkedBeside(folder: string, path: string): void {
  const elsewhere = `${folder}-elsewhere.onnx`;
  writeFileSync(elsewhere, sound());
  symlinkSync(elsewhere, path);
}

const substance: readonly HostileModel[] = [
  model('lanes that feel their neighbours', 'check', () =>
    built((builder, state, action) => ({
      sample: builder.add(builder.add(state, action), builder.mul(builder.reduceMean(state, [0], true), 0.01)),
    })),
  ),
  model('no use for the action', 'check', () =>
    built((builder, state, action) => ({ sample: builder.add(state, builder.mul(action, 0)) })),
  ),
  model('degrees where radians are promised', 'check', () =>
    built((builder, state, action) => ({ sample: builder.mul(builder.add(state, action), 57.3) })),
  ),
  model('a change where a value is promised', 'check', () =>
    built((builder, state, action) => ({ sample: builder.mul(builder.add(state, action), 0.01) })),
  ),
  model('an angle that breaks at the half turn', 'check', () =>
    built((builder, state, action) => ({ sample: builder.add(state, builder.add(action, builder.mul(state, 0.1))) })),
  ),
  model('a scale of 0', 'check', () =>
    built((builder, state, action) => ({ sample: builder.add(state, action), scale: builder.mul(state, 0) })),
  ),
];

const observations: readonly HostileModel[] = Object.entries(hostileObservations).map(([name, graphs]) => ({
  name: `of observations: ${name}`,
  by: 'load',
  write: (folder) => writeHostileObservations(folder, hostileTask, graphs()),
}));

export const hostileModels: readonly HostileModel[] = [
  ...loops,
  ...allocations,
  ...slow,
  ...numbers,
  ...manifests,
  ...shapes,
  ...files,
  ...substance,
  ...observations,
];
