/** Arrays one after the other, as a new one. @param Kind - of all of them. */
export function concatenated<A extends Float32Array | Float64Array>(Kind: new (length: number) => A, parts: readonly A[]): A {
  const whole = new Kind(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
