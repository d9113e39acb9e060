import type { Command } from 'commander';
import type { Finish } from '../options.ts';
import { addDemo } from './demo.ts';
import { addDescribe, addList } from './describe.ts';
import { addDoctor } from './doctor.ts';
import { addEval } from './eval.ts';
import { addGap } from './gap.ts';
import { addRecord } from './record.ts';
import { addServe } from './serve.ts';
import { addTrainModel } from './train-model.ts';

export function addCommands(program: Command, finish: Finish): void {
  for (const add of [addDemo, addList, addDescribe, addRecord, addTrainModel, addEval, addGap, addServe, addDoctor]) add(program, finish);
}
