import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { type PrincipalAxes, principalAxesOf } from '../../src/math/symmetric-eigen.ts';

/** Q diag(values) Qᵀ with Q a product of reflections. */
function matrixOf(values: readonly number[], rng: Rng): Float64Array {
  const size = values.length;
  const matrix = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? values[i % size]! : 0));
  for (let turn = 0; turn < 3; turn++) {
    const v = new Float64Array(size);
    rng.normals(v, 0, size);
    const length2 = v.reduce((sum, x) => sum + x * x, 0);
    for (const [stride, step] of [
      [1, size],
      [size, 1],
    ] as const)
      for (let line = 0; line < size; line++) {
        const along = v.reduce((sum, x, i) => sum + x * matrix[line * step + i * stride]!, 0);
        for (let i = 0; i < size; i++) matrix[line * step + i * stride]! -= (2 * along * v[i]!) / length2;
      }
  }
  return matrix;
}

function again({ axes, stretches }: PrincipalAxes, row: number, column: number): number {
  const size = stretches.length;
  return stretches.reduce((sum, stretch, i) => sum + stretch ** 2 * axes[i * size + row]! * axes[i * size + column]!, 0);
}

describe('principal axes of a positive definite matrix', () => {
  it('finds eigenvalues that the matrix was made of, over six orders of magnitude', () => {
    const values = [1e-3, 0.5, 0.5, 2, 7, 40, 1e3];
    const { stretches } = principalAxesOf(matrixOf(values, new Rng(1)), values.length)!;
    const found = [...stretches].map((stretch) => stretch ** 2).sort((a, b) => a - b);
    values.forEach((value, i) => void expect(found[i]! / value).to.be.closeTo(1, 1e-8));
  });

  it('gives orthonormal axes that make the matrix again', () => {
    const size = 40;
    const matrix = matrixOf(
      Array.from({ length: size }, (_, i) => 1.2 ** i),
      new Rng(2),
    );
    const found = principalAxesOf(matrix, size)!;
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++) {
        const product = found.axes
          .subarray(row * size, (row + 1) * size)
          .reduce((sum, value, i) => sum + value * found.axes[column * size + i]!, 0);
        expect(product).to.be.closeTo(row === column ? 1 : 0, 1e-12);
        expect(again(found, row, column)).to.be.closeTo(matrix[row * size + column]!, 1e-9 * 1.2 ** size);
      }
  });

  it('leaves a diagonal matrix as it is', () => {
    const { axes, stretches } = principalAxesOf(Float64Array.of(4, 0, 0, 9), 2)!;
    expect([...axes]).to.deep.equal([1, 0, 0, 1]);
    expect([...stretches]).to.deep.equal([2, 3]);
  });

  it('says so where a matrix is not positive definite, or not finite', () => {
    for (const matrix of [
      [1, 2, 2, 1],
      [0, 0, 0, 1],
      [Number.NaN, 0, 0, 1],
    ])
      expect(principalAxesOf(Float64Array.from(matrix), 2)).to.equal(undefined);
  });
});
