/** What runs in the process of a model that is not trusted: nothing but the model. */
import { nodeRuntime } from './onnx/index.ts';
import { serveModels } from './onnx/serve-models.ts';

serveModels(process, nodeRuntime(), Number(process.argv[2]));
