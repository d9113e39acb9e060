import { pythonBitsRows } from './python-bits-rows.ts';
import { pythonEnvRows } from './python-env-rows.ts';
import { pythonFaultRows } from './python-fault-rows.ts';
import { pythonInstallRows } from './python-install-rows.ts';
import { pythonSpeedRows } from './python-speed-rows.ts';
import type { Row } from './row.ts';

/** The Python client: what a Gymnasium user meets. */
export const pythonRows: readonly Row[] = [
  ...pythonEnvRows,
  ...pythonBitsRows,
  ...pythonSpeedRows,
  ...pythonInstallRows,
  ...pythonFaultRows,
];
