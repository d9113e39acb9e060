/** What runs in a child process: training, so that neither its blocking calls nor its memory touch the process that serves. */
import { nodeRuntime } from './onnx/index.ts';
import { serveFits } from './world-model/fit-in-child.ts';

// Ctrl-C in a terminal reaches the whole process group: the parent decides, asks for what was learned so far, and ends this process.
process.on('SIGINT', () => {});
serveFits(process, nodeRuntime());
