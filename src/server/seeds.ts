/** Seeds as requests give them: one for a row of lanes, or one a lane, NaN = go on from where the lane is. */
export function seedsOf(request: { readonly seed?: number; readonly seeds?: Float64Array }): number | (number | null)[] | undefined {
  return request.seeds ? Array.from(request.seeds, (value) => (Number.isNaN(value) ? null : value)) : request.seed;
}
