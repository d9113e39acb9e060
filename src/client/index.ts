export { type Clock, clockFrom } from '../wire/clock.ts';
export { Client, connect, type RemoteMakeRequest } from './client.ts';
export type { ConnectOptions } from './options.ts';
export { type RemoteEvaluateOptions, type RemotePolicy, RemoteVectorEnv, type Rollout } from './remote-vector-env.ts';
