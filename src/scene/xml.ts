import { SaxesParser } from 'saxes';
import { GroundtwinError } from '../errors.ts';

/** What a robot file may be at most; its includes count with it. */
export const xmlLimits = {
  bytes: 4 * 1024 * 1024,
  depth: 64,
  elements: 20_000,
  /** Of one element. */
  attributes: 64,
} as const;

/** Where a problem is. */
export interface FilePlace {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface XmlElement extends FilePlace {
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
}

/** @throws ROBOT_FILE_INVALID always. */
export function refuse({ file, line }: FilePlace, problem: string): never {
  throw new GroundtwinError('ROBOT_FILE_INVALID', { file, line, problem });
}

/** How much is left of the limits; one for a file and all its includes. */
export class XmlBudget {
  private bytes = 0;
  private elements = 0;

  takeBytes(place: FilePlace, count: number): void {
    this.bytes += count;
    if (this.bytes > xmlLimits.bytes) refuse(place, `it takes more than ${xmlLimits.bytes} bytes, its includes counted`);
  }

  takeElement(place: FilePlace): void {
    if (++this.elements > xmlLimits.elements) refuse(place, `it has more than ${xmlLimits.elements} elements`);
  }
}

type Draft = Omit<XmlElement, 'attributes' | 'children'> & { attributes: Map<string, string>; children: Draft[] };

/**
 * Reads one XML document into a tree, within the limits above. Entities beyond XML's own five are never expanded, and a DOCTYPE is refused.
 * @param file - its name in messages.
 * @throws ROBOT_FILE_INVALID when it is not well-formed, or over a limit.
 */
export function parseXml(text: string, file: string, budget: XmlBudget): XmlElement {
  const parser = new SaxesParser({ position: true });
  const here = (): FilePlace => ({ file, line: parser.line });
  budget.takeBytes({ file, line: 1 }, Buffer.byteLength(text));
  const open: Draft[] = [];
  let root: Draft | undefined;
  parser.on('error', (error) => refuse(here(), `it is not well-formed XML (${clean(error.message)})`));
  parser.on('doctype', () => refuse(here(), 'it has a DOCTYPE, which robot files may not have'));
  parser.on('opentagstart', ({ name }) => {
    const element: Draft = { tag: name, file, line: parser.line, attributes: new Map(), children: [] };
    budget.takeElement(element);
    if (open.length >= xmlLimits.depth) refuse(element, `its elements are nested deeper than ${xmlLimits.depth}`);
    if (open.length > 0) open[open.length - 1]!.children.push(element);
    else root = element;
    open.push(element);
  });
  parser.on('attribute', ({ name, value }) => {
    const { attributes } = open[open.length - 1]!;
    if (attributes.size >= xmlLimits.attributes) refuse(here(), `an element has more than ${xmlLimits.attributes} attributes`);
    attributes.set(name, value);
  });
  parser.on('closetag', () => open.pop());
  parser.write(text).close();
  return root ?? refuse(here(), 'it has no element');
}

const longestMessage = 120;

/** The parser's message without its own place, and without more of the file than a name. */
function clean(message: string): string {
  return message
    .slice(0, longestMessage)
    .replace(/^\d+:\d+: /, '')
    .replace(/\.$/, '');
}
