import type { Command } from 'commander';
import type { Finish } from '../options.ts';
import { addCheckEnv } from './check-env.ts';
import { addCheckModel } from './check-model.ts';
import { addDemo } from './demo.ts';
import { addDescribe, addList } from './describe.ts';
import { addDoctor } from './doctor.ts';
import { addEval } from './eval.ts';
import { addExport } from './export.ts';
import { addGap } from './gap.ts';
import { addIdentify } from './identify.ts';
import { addImagine } from './imagine.ts';
import { addImport } from './import.ts';
import { addRecord } from './record.ts';
import { addReplay } from './replay.ts';
import { addServe } from './serve.ts';
import { addTrain } from './train.ts';
import { addTrainModel } from './train-model.ts';

export function addCommands(program: Command, finish: Finish): void {
  const simulate = [addDemo, addList, addDescribe, addRecord, addReplay, addExport, addImport, addCheckEnv];
  for (const add of [...simulate, addTrainModel, addCheckModel, addTrain, addEval, addImagine, addGap, addIdentify, addServe, addDoctor])
    add(program, finish);
}
