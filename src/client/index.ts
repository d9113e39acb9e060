export { type Clock, clockFrom } from '../wire/clock.ts';
export { Client, connect, type RemoteMakeRequest } from './client.ts';
export type { RemoteGapHooks, RemoteGapReport, RemoteGapRequest } from './gap.ts';
export type { ConnectOptions } from './options.ts';
export { RemoteModel } from './remote-model.ts';
export { RemoteTaskEnv } from './remote-task-env.ts';
export { type PlayRequest, type RemoteEvaluateOptions, type RemotePolicy, RemoteVectorEnv, type Rollout } from './remote-vector-env.ts';
