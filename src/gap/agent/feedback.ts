/**
 * The smallest policies that do something worth telling apart: tanh of a linear function of what is observed and, where that is little, of products of two observed numbers.
 * Linear feedback is enough to walk (Mania et al. 2018, ARS); products let it pump a pendulum while it hangs and hold it while it stands (u = −k·v·cos θ − l·sin θ).
 * So few parameters are found by a search of seconds, where those of a network are not.
 */

export interface FeedbackShape {
  readonly inputs: number;
  readonly outputs: number;
}

/** Observations of more numbers are fed back linearly only: products grow with the square. */
const LARGEST_WITH_PRODUCTS = 8;

/** 1, the inputs, and the products of any two of them. */
export function featureCount({ inputs }: FeedbackShape): number {
  return 1 + inputs + (inputs <= LARGEST_WITH_PRODUCTS ? (inputs * (inputs + 1)) / 2 : 0);
}

/** Parameters of a policy: weights of the features for each output. */
export function feedbackSize(shape: FeedbackShape): number {
  return shape.outputs * featureCount(shape);
}

/** @param features - float64 `[featureCount]`; written. */
export function writeFeatures({ inputs }: FeedbackShape, input: Float64Array, features: Float64Array): void {
  features[0] = 1;
  features.set(input, 1);
  if (inputs > LARGEST_WITH_PRODUCTS) return;
  let at = 1 + inputs;
  for (let i = 0; i < inputs; i++) for (let j = i; j < inputs; j++) features[at++] = input[i]! * input[j]!;
}

/**
 * @param parameters - of many policies, this one's from `at` on: `[outputs, featureCount]`.
 * @param output - float64 `[outputs]`, each in −1 … 1; written.
 */
export function feedBack(features: Float64Array, parameters: Float64Array, at: number, output: Float64Array): void {
  for (let i = 0; i < output.length; i++) {
    let sum = 0;
    for (let f = 0; f < features.length; f++) sum += parameters[at + i * features.length + f]! * features[f]!;
    output[i] = Math.tanh(sum);
  }
}
