/**
 * Tables of the ziggurat: 256 layers of equal area under the right half of exp(−x²/2), the lowest with the tail in it.
 * Source: Marsaglia & Tsang 2000, "The Ziggurat Method for Generating Random Variables", with layer and value from different bits (Doornik 2005).
 */

const layers = 256;
/** Where the tail begins. */
export const tailStart = 3.6541528853610088;
/** Of each layer. */
const area = 0.00492867323399;
/** Draws are signed integers of 24 bits. */
const half = 2 ** 23;

const density = (x: number) => Math.exp(-0.5 * x * x);

/** float64 `[257]`: right edges, falling from that of a rectangle as large as the lowest layer with its tail, to 0. */
const edges = new Float64Array(layers + 1);
edges[0] = area / density(tailStart);
edges[1] = tailStart;
for (let i = 2; i < layers; i++) edges[i] = Math.sqrt(-2 * Math.log(area / edges[i - 1]! + density(edges[i - 1]!)));

/** `[257]`: the density at each edge. Lists: they are read faster than typed arrays. */
export const heights: readonly number[] = Array.from(edges, density);
/** `[256]`: what an integer of 24 bits is multiplied with. */
export const widths: readonly number[] = Array.from(edges.subarray(0, layers), (edge) => edge / half);
/** `[256]`: integers below lie under the curve without a look at it. */
export const inside: readonly number[] = Array.from(edges.subarray(0, layers), (edge, i) => (edges[i + 1]! / edge) * half);
