export {
  type Audit,
  type AuditDecision,
  type AuditParts,
  type AuditResult,
  type AuditRules,
  type AuditSettings,
  auditRules,
  decide,
  playAudit,
} from '../src/gap/index.ts';
export type { AgentState } from '../src/learning/agent-checkpoint.ts';
export { type ControllerData, controllerPolicy } from '../src/learning/controller.ts';
export { compileController } from '../src/learning/controller-graph.ts';
export { type OffPolicyProgress, type OffPolicyResult, OffPolicyTraining } from '../src/learning/off-policy-training.ts';
export { randomPolicy } from '../src/learning/random-policy.ts';
export { RealSteps } from '../src/learning/real-steps.ts';
export type { TrainingOptions } from '../src/learning/run-training.ts';
export {
  inMemory,
  inModel,
  inTruth,
  type MemoryViewOptions,
  type Planner,
  type PlannerRecipe,
  type PlanningView,
  planningPolicy,
  type SequencePlanner,
  type SequenceRecipe,
  type ViewOptions,
} from '../src/planning/index.ts';
export { type ArsConfig, arsDefaults } from './ars/config.ts';
export { type ArsPolicyData, arsPolicy } from './ars/policy.ts';
export { type ArsProgress, type ArsResult, ArsSearch, trainArs } from './ars/train.ts';
export { type CemConfig, cemDefaults } from './cem/config.ts';
export { cem } from './cem/recipe.ts';
export { type CloningConfig, cloningDefaults } from './cloning/config.ts';
export { type CloningProgress, type CloningResult, CloningTraining, trainCloning } from './cloning/train.ts';
export { type CmaEsConfig, cmaEsDefaults } from './cma-es/config.ts';
export { type CmaEsProgress, type CmaEsResult, CmaEsTraining, trainCmaEs } from './cma-es/train.ts';
export { type DreamerConfig, dreamerDefaults } from './dreamer/config.ts';
export { type DreamerProgress, type DreamerResult, DreamerTraining, trainDreamer } from './dreamer/train.ts';
export { type IcemConfig, icemDefaults } from './icem/config.ts';
export { icem } from './icem/recipe.ts';
export { type MbpoConfig, mbpoDefaults } from './mbpo/config.ts';
export {
  type MbpoAudit,
  type MbpoOptions,
  type MbpoParts,
  type MbpoProgress,
  type MbpoResult,
  MbpoTraining,
  trainMbpo,
} from './mbpo/train.ts';
export { type MppiConfig, mppiDefaults } from './mppi/config.ts';
export { mppi } from './mppi/recipe.ts';
export { type OfflineConfig, offlineDefaults } from './offline/config.ts';
export { type OfflineOptions, type OfflineProgress, type OfflineResult, OfflineTraining, trainOffline } from './offline/train.ts';
export { type OpenPolicy, onnxPolicy, type PolicySpaces } from './onnx/policy.ts';
export type { PetsState } from './pets/checkpoint.ts';
export { type PetsConfig, petsDefaults } from './pets/config.ts';
export {
  type PetsHooks,
  type PetsOptions,
  type PetsProgress,
  type PetsResult,
  type PetsStage,
  PetsTraining,
  trainPets,
} from './pets/train.ts';
export type { PpoState } from './ppo/checkpoint.ts';
export { type PpoConfig, ppoDefaults } from './ppo/config.ts';
export type { PpoWeights } from './ppo/networks.ts';
export { type PpoOptions, type PpoProgress, type PpoResult, PpoTraining, trainPpo } from './ppo/train.ts';
export { type RedqConfig, redqDefaults, redqSmall } from './redq/config.ts';
export { trainRedq } from './redq/train.ts';
export { type SacConfig, sacDefaults } from './sac/config.ts';
export { trainSac } from './sac/train.ts';
export { type TdMpc2Config, tdMpc2Defaults } from './tdmpc2/config.ts';
export { type TdMpc2Policy, tdMpc2Policy } from './tdmpc2/policy.ts';
export { type TdMpc2Progress, type TdMpc2Result, TdMpc2Training, trainTdMpc2 } from './tdmpc2/train.ts';
