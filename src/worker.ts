/** What runs in a child process: training, so that neither its blocking calls nor its memory touch the process that serves. */
import { nodeRuntime } from './onnx/index.ts';
import { serveFits } from './world-model/fit-in-child.ts';

serveFits(process, nodeRuntime());
