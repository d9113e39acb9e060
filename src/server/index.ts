export { type Clock, clockFrom } from '../wire/clock.ts';
export type { DescribeEnv, ListEnvs, MakeEnv, RemoteMakeOptions } from './env-host.ts';
export type { LoadPolicy } from './evaluate-policy.ts';
export type { GapRequest, GapRun, MeasureGap } from './gap-jobs.ts';
export type { ServerStats } from './hub.ts';
export type { ServerLimits } from './limits.ts';
export type { Logger } from './logger.ts';
export { type RunningServer, type ServeOptions, serve } from './serve.ts';
