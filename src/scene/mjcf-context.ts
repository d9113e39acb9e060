import { Attributes } from './mjcf-attributes.ts';
import { shown } from './mjcf-schema.ts';
import { refuse, type XmlElement } from './xml.ts';

/** Attributes per tag of one default class; the actuators share one entry, as they do in MuJoCo. */
type ClassLayer = ReadonlyMap<string, ReadonlyMap<string, string>>;

interface DefaultClass {
  readonly chain: readonly ClassLayer[];
}

const actuatorTags = ['motor', 'position', 'velocity', 'general'];
const layerTag = (tag: string) => (actuatorTags.includes(tag) ? 'actuator' : tag);

/** Each level is walked for every attribute of every element. */
const mostNestedDefaults = 16;

/** What the compiler section says, as far as it is read. */
export interface Compiler {
  readonly isDegrees: boolean;
  readonly inertiaFromGeom: 'true' | 'false' | 'auto';
  /** kg; absent = as the file has it. */
  readonly totalMass_kg?: number;
  readonly autoLimits: boolean;
  readonly eulerSequence: string;
  readonly boundMass_kg: number;
  readonly boundInertia_kgm2: number;
  readonly meshFolder: string;
}

/** All that holds for a whole file: compiler, default classes, colours. */
export class MjcfContext {
  readonly compiler: Compiler;
  private readonly classes = new Map<string, DefaultClass>();
  private readonly colours = new Map<string, string>();

  constructor(root: XmlElement) {
    this.compiler = readCompiler(root);
    this.readDefaults(root);
    for (const asset of sections(root, 'asset'))
      for (const element of asset.children.filter(({ tag }) => tag === 'material')) this.readMaterial(element);
  }

  /** An element with its defaults. @param childClass - of the bodies around it. */
  attributes(element: XmlElement, childClass?: string): Attributes {
    const className = element.attributes.get('class') ?? childClass ?? 'main';
    const found = this.classes.get(className);
    if (!found) return refuse(element, `class '${shown(className)}' is not defined`);
    const layers = found.chain.flatMap((layer) => layer.get(layerTag(element.tag)) ?? []);
    return new Attributes(element, layers);
  }

  hasClass(name: string): boolean {
    return this.classes.has(name);
  }

  colourOf(material: string): string | undefined {
    return this.colours.get(material);
  }

  /** rad. */
  angle(value: number): number {
    return this.compiler.isDegrees ? (value * Math.PI) / 180 : value;
  }

  private readDefaults(root: XmlElement): void {
    const main = new Map<string, Map<string, string>>();
    this.classes.set('main', { chain: [main] });
    for (const section of sections(root, 'default')) {
      const name = section.attributes.get('class') ?? 'main';
      this.classes.set(name, { chain: [main] });
      this.readClass(section, main, [main]);
    }
  }

  private readClass(section: XmlElement, own: Map<string, Map<string, string>>, chain: readonly ClassLayer[]): void {
    for (const element of section.children) {
      if (element.tag === 'default') {
        this.readNested(element, chain);
        continue;
      }
      const layer = own.get(layerTag(element.tag)) ?? new Map<string, string>();
      for (const [name, value] of element.attributes) layer.set(name, value);
      own.set(layerTag(element.tag), layer);
    }
  }

  private readNested(section: XmlElement, chain: readonly ClassLayer[]): void {
    const name = section.attributes.get('class') ?? refuse(section, 'a nested <default> has no class');
    if (this.classes.has(name)) refuse(section, `two default classes are named '${shown(name)}'`);
    if (chain.length >= mostNestedDefaults) refuse(section, `default classes are nested deeper than ${mostNestedDefaults}`);
    const own = new Map<string, Map<string, string>>();
    const longer = [...chain, own];
    this.classes.set(name, { chain: longer });
    this.readClass(section, own, longer);
  }

  private readMaterial(element: XmlElement): void {
    const attributes = this.attributes(element);
    const name = attributes.text('name');
    const colour = colourFrom(attributes);
    if (name !== undefined && colour !== undefined) this.colours.set(name, colour);
  }
}

/** `#rrggbb`; opacity is left out. */
export function colourFrom(attributes: Attributes): string | undefined {
  if (!attributes.has('rgba')) return undefined;
  const channels = attributes.overlaid('rgba', [0.5, 0.5, 0.5, 1]).slice(0, 3);
  const byte = (value: number) => Math.round(255 * Math.min(1, Math.max(0, value)));
  return `#${channels.map((value) => byte(value).toString(16).padStart(2, '0')).join('')}`;
}

/** All sections of one name, which MuJoCo reads as one. */
export function sections(root: XmlElement, tag: string): XmlElement[] {
  return root.children.filter((child) => child.tag === tag);
}

/** The attributes of all sections of one name, later ones first in effect. */
export function merged(root: XmlElement, tag: string): Attributes {
  const all = sections(root, tag);
  const last = all.at(-1) ?? { tag, file: root.file, line: root.line, attributes: new Map(), children: [] };
  return new Attributes(
    last,
    all.slice(0, -1).map(({ attributes }) => attributes),
  );
}

function readCompiler(root: XmlElement): Compiler {
  const compiler = merged(root, 'compiler');
  compiler.only('coordinate', 'local');
  compiler.only('balanceinertia', 'false');
  compiler.only('discardvisual', 'false');
  if (compiler.has('inertiagrouprange') && compiler.list('inertiagrouprange', 2)?.join() !== '0,5')
    compiler.refuse('inertiagrouprange other than 0 5 is not supported');
  const eulerSequence = compiler.text('eulerseq') ?? 'xyz';
  if (!/^[xyzXYZ]{3}$/.test(eulerSequence)) compiler.refuse(`eulerseq is '${shown(eulerSequence)}'; it must be three of x, y, z, X, Y, Z`);
  const total = compiler.number('settotalmass', -1);
  return {
    isDegrees: compiler.choice('angle', ['degree', 'radian'], 'degree') === 'degree',
    inertiaFromGeom: compiler.choice('inertiafromgeom', ['true', 'false', 'auto'], 'auto'),
    ...(total > 0 && { totalMass_kg: total }),
    autoLimits: compiler.flag('autolimits', true),
    eulerSequence,
    boundMass_kg: compiler.atLeastZero('boundmass'),
    boundInertia_kgm2: compiler.atLeastZero('boundinertia'),
    meshFolder: compiler.text('meshdir') ?? compiler.text('assetdir') ?? '',
  };
}
