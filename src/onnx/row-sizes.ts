/** Sizes that grow with the rows fed, and what shapes are made of them. */

/** `fixed + perRow · rows`. */
export interface Size {
  readonly fixed: number;
  readonly perRow: number;
}

export const nothing: Size = { fixed: 0, perRow: 0 };

/** @param rows - fed to the graph. */
export function sizeAt({ fixed, perRow }: Size, rows: number): number {
  return fixed + perRow * rows;
}

export function of(fixed: number): Size {
  return { fixed, perRow: 0 };
}

export function plus(a: Size, b: Size): Size {
  return { fixed: a.fixed + b.fixed, perRow: a.perRow + b.perRow };
}

export function scaled({ fixed, perRow }: Size, factor: number): Size {
  return { fixed: fixed * factor, perRow: perRow * factor };
}

export function isFixed({ perRow }: Size): boolean {
  return perRow === 0;
}

export function equal(a: Size, b: Size): boolean {
  const near = (x: number, y: number) => Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));
  return near(a.fixed, b.fixed) && near(a.perRow, b.perRow);
}

export function times(a: Size, b: Size): Size | undefined {
  if (isFixed(a)) return scaled(b, a.fixed);
  return isFixed(b) ? scaled(a, b.fixed) : undefined;
}

/** Exact: one size is a multiple of the other. */
export function over(a: Size, b: Size): Size | undefined {
  if (isFixed(b)) return b.fixed === 0 ? undefined : scaled(a, 1 / b.fixed);
  const ratio = a.perRow / b.perRow;
  return equal(a, scaled(b, ratio)) ? of(ratio) : undefined;
}

/** Sizes may not fall as rows grow: then nothing turns negative, and no special value of a shape comes about by accident. */
export function sound(size: Size | undefined): Size | undefined {
  if (!size || !Number.isFinite(size.fixed + size.perRow)) return undefined;
  return isFixed(size) || (size.fixed >= 0 && size.perRow > 0) ? size : undefined;
}

export function allKnown<T>(list: readonly (T | undefined)[]): list is readonly T[] {
  return list.every((one) => one !== undefined);
}

export function countOf(shape: readonly Size[]): Size | undefined {
  if (shape.some((size) => isFixed(size) && size.fixed < 0)) return undefined;
  return shape.reduce<Size | undefined>((product, size) => product && times(product, size), of(1));
}

export function broadcast(a: readonly Size[], b: readonly Size[]): Size[] | undefined {
  const rank = Math.max(a.length, b.length);
  const padded = (shape: readonly Size[]) => [...Array.from({ length: rank - shape.length }, () => of(1)), ...shape];
  const [x, y] = [padded(a), padded(b)];
  const joined = x.map((size, axis) => (equal(size, of(1)) ? y[axis] : equal(y[axis]!, of(1)) || equal(size, y[axis]!) ? size : undefined));
  return allKnown(joined) ? [...joined] : undefined;
}
