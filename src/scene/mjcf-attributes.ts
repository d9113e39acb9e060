import type { Triple } from '../math/vector3.ts';
import { shown } from './mjcf-schema.ts';
import { type FilePlace, refuse, type XmlElement } from './xml.ts';

/** No physical quantity of a robot is larger; keeps sums and products finite. */
const largestNumber = 1e12;
/** m. Further out, rounding would pull anchors apart. */
export const largestLength_m = 1e5;
const numberPattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/;

/** Element and its default classes as one: what the element says counts before its class, and that before the class around it. */
export class Attributes implements FilePlace {
  readonly file: string;
  readonly line: number;
  readonly tag: string;
  /** General first, the element's own last. */
  private readonly layers: readonly ReadonlyMap<string, string>[];

  constructor(element: XmlElement, defaults: readonly ReadonlyMap<string, string>[] = []) {
    this.file = element.file;
    this.line = element.line;
    this.tag = element.tag;
    this.layers = [...defaults, element.attributes];
  }

  refuse(problem: string): never {
    return refuse(this, problem);
  }

  text(name: string): string | undefined {
    return this.layers.findLast((layer) => layer.has(name))?.get(name);
  }

  has(name: string): boolean {
    return this.text(name) !== undefined;
  }

  required(name: string): string {
    return this.text(name) ?? this.refuse(`<${this.tag}> has no ${name}`);
  }

  /** Numbers of the most specific layer that has them; of any count from `least` to `most`. */
  list(name: string, least: number, most = least): number[] | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : this.parsed(name, text, least, most);
  }

  /** Like MuJoCo reads an array: each layer overwrites as many leading numbers as it gives. */
  overlaid(name: string, fallback: readonly number[]): number[] {
    const values = [...fallback];
    for (const layer of this.layers) {
      const text = layer.get(name);
      if (text === undefined) continue;
      for (const [i, value] of this.parsed(name, text, 1, fallback.length).entries()) values[i] = value;
    }
    return values;
  }

  number(name: string, fallback: number): number {
    return this.list(name, 1)?.[0] ?? fallback;
  }

  atLeastZero(name: string, fallback = 0): number {
    const value = this.number(name, fallback);
    return value >= 0 ? value : this.refuse(`${name} is ${value}; it must be at least 0`);
  }

  integer(name: string, fallback: number, low: number, high: number): number {
    const value = this.number(name, fallback);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    return this.refuse(`${name} is ${value}; it must be an integer from ${low} to ${high}`);
  }

  /** m. */
  position(name: string, fallback: Triple = [0, 0, 0]): Triple {
    const values = (this.list(name, 3) ?? fallback) as readonly number[] as Triple;
    if (values.some((value) => Math.abs(value) > largestLength_m))
      this.refuse(`${name} [${values}] lies further out than ${largestLength_m} m`);
    return values;
  }

  choice<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(name) ?? fallback;
    if ((allowed as readonly string[]).includes(value)) return value as T;
    return this.refuse(`${name} is '${shown(value)}'; what is read is ${allowed.join(', ')}`);
  }

  flag(name: string, fallback: boolean): boolean {
    return this.choice(name, ['true', 'false'], fallback ? 'true' : 'false') === 'true';
  }

  /** `true` and `false` as they stand; `auto` when a range is given, if the compiler says so. */
  isLimited(name: string, range: string, isAutomatic: boolean): boolean {
    const value = this.choice(name, ['true', 'false', 'auto'], 'auto');
    if (value !== 'auto') return value === 'true';
    return isAutomatic && this.list(range, 2)?.some((bound) => bound !== 0) === true;
  }

  /** Refuses any value but this one, which is also the default; for what only its default makes exact here. */
  only(name: string, value: string | number): void {
    const text = this.text(name);
    if (text === undefined) return;
    const isSame = typeof value === 'number' ? this.parsed(name, text, 1, 10).every((number) => number === value) : text === value;
    if (!isSame) this.refuse(`${name} is '${shown(text)}'; only ${value} is supported`);
  }

  /** The layer of the most specific mention of any of these; for attributes that exclude each other. */
  ownerOf(names: readonly string[]): readonly string[] {
    const layer = this.layers.findLast((map) => names.some((name) => map.has(name)));
    return layer ? names.filter((name) => layer.has(name)) : [];
  }

  private parsed(name: string, text: string, least: number, most: number): number[] {
    // Splitting stops early: a list of a megabyte for three numbers is not worth reading.
    const parts = text.trim().split(/\s+/, most + 1);
    if (parts.length < least || parts.length > most || parts[0] === '')
      this.refuse(`${name} must be ${least === most ? least : `${least} to ${most}`} number${most === 1 ? '' : 's'}`);
    return parts.map((part) => {
      const value = numberPattern.test(part) ? Number(part) : Number.NaN;
      return Math.abs(value) <= largestNumber
        ? value
        : this.refuse(`${name} has '${shown(part)}', which is no number of at most ±${largestNumber}`);
    });
  }
}
