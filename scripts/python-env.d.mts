export class PythonMissing extends Error {
  readonly code: 'PYTHON_MISSING';
}
export function environmentName(name: string, requirements: string): string;
export function pythonWith(options: {
  readonly name: string;
  readonly requirements: string;
  readonly cache: string;
  readonly oldest: readonly [major: number, minor: number];
  readonly log: (line: string) => void;
}): string;
