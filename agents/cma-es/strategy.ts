/** Which numbers the search takes from its dimension and population; names in brackets are those of Hansen 2016, "The CMA Evolution Strategy: A Tutorial". */
export interface StrategyParameters {
  /** Candidates a generation [λ]. */
  readonly population: number;
  /** Those that the mean moves towards [µ]. */
  readonly parents: number;
  /** `[population]`, best first; those of the parents add up to 1, the others are 0 or, where the update is active, negative [w]. */
  readonly weights: Float64Array;
  /** How many equal parents the weights are worth [µ_eff]. */
  readonly selectionMass: number;
  /** Of the path that tells the step size [c_σ], and its damping [d_σ]. */
  readonly stepRate: number;
  readonly stepDamping: number;
  /** Of the path that the covariance learns from [c_c]. */
  readonly pathRate: number;
  /** Learning rates of the covariance, from the path [c_1] and from the candidates [c_µ]. */
  readonly rankOneRate: number;
  readonly rankMuRate: number;
  /** Mean length of a standard normal vector [E‖N(0, I)‖]. */
  readonly normalLength: number;
}

export interface StrategyOptions {
  readonly population: number | null;
  readonly separable: boolean;
  readonly active: boolean;
}

/** 4 + ⌊3 ln n⌋ (table 1). */
export function defaultPopulation(size: number): number {
  return 4 + Math.floor(3 * Math.log(size));
}

/** Table 1 of the tutorial; where only the diagonal is learned, rates are (n + 2) / 3 times as high (Ros & Hansen 2008, "A simple modification in CMA-ES"). */
export function strategyParameters(size: number, { population, separable, active }: StrategyOptions): StrategyParameters {
  const lambda = population ?? defaultPopulation(size);
  const parents = Math.floor(lambda / 2);
  const raw = Float64Array.from({ length: lambda }, (_, i) => Math.log((lambda + 1) / 2) - Math.log(i + 1));
  const selectionMass = massOf(raw.subarray(0, parents));
  const faster = separable ? (size + 2) / 3 : 1;
  const rankOneRate = Math.min(1, (faster * 2) / ((size + 1.3) ** 2 + selectionMass));
  const rankMu = (2 * (0.25 + selectionMass + 1 / selectionMass - 2)) / ((size + 2) ** 2 + selectionMass);
  const rankMuRate = Math.min(1 - rankOneRate, faster * rankMu);
  const stepRate = (selectionMass + 2) / (size + selectionMass + 5);
  const rates = { rankOneRate, rankMuRate };
  return {
    population: lambda,
    parents,
    weights: weightsOf(raw, parents, active ? negativeSum(size, massOf(raw.subarray(parents)), selectionMass, rates) : 0),
    selectionMass,
    stepRate,
    stepDamping: 1 + 2 * Math.max(0, Math.sqrt((selectionMass - 1) / (size + 1)) - 1) + stepRate,
    pathRate: (4 + selectionMass / size) / (size + 4 + (2 * selectionMass) / size),
    ...rates,
    normalLength: Math.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size * size)),
  };
}

function massOf(weights: Float64Array): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return (sum * sum) / weights.reduce((total, weight) => total + weight * weight, 0);
}

/** How much the negative weights may add up to: the least of three bounds, of which the last keeps the matrix positive definite (equations 50 to 52). */
function negativeSum(
  size: number,
  negativeMass: number,
  mass: number,
  { rankOneRate, rankMuRate }: Pick<StrategyParameters, 'rankOneRate' | 'rankMuRate'>,
): number {
  if (rankMuRate === 0) return 0;
  return Math.min(1 + rankOneRate / rankMuRate, 1 + (2 * negativeMass) / (mass + 2), (1 - rankOneRate - rankMuRate) / (size * rankMuRate));
}

function weightsOf(raw: Float64Array, parents: number, negative: number): Float64Array {
  const sum = (from: number, to: number) => raw.subarray(from, to).reduce((total, weight) => total + weight, 0);
  const positive = sum(0, parents);
  const below = Math.abs(raw.filter((weight) => weight < 0).reduce((total, weight) => total + weight, 0));
  return raw.map((weight, i) => {
    if (i < parents) return weight / positive;
    return weight < 0 && below > 0 ? (negative * weight) / below : 0;
  });
}
