/** From recorded transitions of a task to a model folder's content. */
import { type Transitions, transitionsHash } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';
import { filesOf, type ModelFiles, type ModelManifest } from './contract.ts';
import {
  columnScale,
  type EnsembleConfig,
  type EnsembleLayout,
  encodeInputs,
  encodeTargets,
  ensembleDefaults,
  layoutOf,
  type Normalisation,
  normalise,
} from './ensemble.ts';
import { compileEnsemblePredict } from './ensemble-predict.ts';
import type { FitHooks, FitJob, FitProgress, FitResult } from './fit-ensemble.ts';
import { manifestTemplate } from './manifest-template.ts';

export interface TrainOptions extends FitHooks {
  readonly name: string;
  readonly updates: number;
  readonly seed: number;
  readonly config?: EnsembleConfig;
  /** Weights to go on from, of as many members as `config` has; `scaling` must then be theirs. */
  readonly warmStart?: FitResult['weights'];
  /** Of inputs and targets; default that of the data. */
  readonly scaling?: Normalisation;
  /**
   * Updates without a lower error on held-out transitions after which training ends, with the weights that had the lowest; absent = all updates, and the last weights.
   * Each member is judged on those kept from it; a single one, or members of which only elites stay, on about one block of 25 in six, kept from all.
   */
  readonly patience?: number;
  /** Members in the model, those with the lowest error on held-out transitions; absent = all. */
  readonly elites?: number;
  /** Newest share of the transitions to calibrate on, in (0, 1]; default 1. Less where older ones are of a policy that is no longer asked. */
  readonly calibrationShare?: number;
  /** Episodes that no member trains on, to calibrate on; then no row of the others is kept from a member, and `calibrationShare` says nothing. */
  readonly heldBack?: Transitions;
  /** Where the fit runs: in this process or in a child. */
  readonly fit: (job: FitJob, hooks: FitHooks) => Promise<FitResult>;
}

export interface TrainedModel {
  readonly manifest: ModelManifest;
  readonly predict: Uint8Array;
  readonly weights: FitResult['weights'];
  /** Of all members that were trained, elites or not: for `warmStart`. */
  readonly everyMember: FitResult['weights'];
  readonly scaling: Normalisation;
  readonly losses: readonly FitProgress[];
  /** The update whose weights these are. */
  readonly keptUpdate: number;
  /** Whether it was asked to stop before it was over. */
  readonly stopped: boolean;
}

/** @throws OPTION_INVALID, TRAINING_FAILED; see `fitEnsemble`. */
export async function trainEnsemble(task: AnyTask, data: Transitions, options: TrainOptions): Promise<TrainedModel> {
  const config = options.config ?? ensembleDefaults;
  requireJudging(options, config);
  const layout = layoutOf(task, config);
  const seen = encode(layout, data);
  const scaling = options.scaling ?? scalingOf(layout, seen);
  const { heldBack } = options;
  const all = heldBack ? appended(seen, encode(layout, heldBack)) : seen;
  const fitted = await options.fit(
    {
      input: normalise(all.input, scaling.inputMean, scaling.inputScale),
      target: normalise(all.target, scaling.targetMean, scaling.targetScale),
      rows: all.episode.length,
      features: layout.features,
      targets: layout.targets.length,
      episode: all.episode,
      calibrateFrom: heldBack ? data.count : Math.floor(data.count * (1 - calibrationShareOf(options))),
      ...(heldBack ? { heldBack: true } : {}),
      config,
      updates: options.updates,
      seed: options.seed,
      ...(options.warmStart ? { weights: options.warmStart } : {}),
      ...(options.patience === undefined ? {} : { patience: options.patience }),
      ...(options.elites === undefined ? {} : { elites: options.elites }),
    },
    options,
  );
  const { weights, everyMember, losses, keptUpdate, stopped, calibration } = fitted;
  const exported = { ...config, members: fitted.members.length };
  const ensemble = { layout, config: exported, values: weights, scaling, calibration: calibration.factor };
  const predict = compileEnsemblePredict(ensemble);
  return {
    manifest: manifestOf(task, data, options, config, fitted, filesOf(predict)),
    predict,
    weights,
    everyMember,
    scaling,
    losses,
    keptUpdate,
    stopped,
  };
}

function scalingOf(layout: EnsembleLayout, seen: Encoded): Normalisation {
  const input = columnScale(seen.input, layout.features);
  const target = columnScale(seen.target, layout.targets.length);
  return { inputMean: input.mean, inputScale: input.scale, targetMean: target.mean, targetScale: target.scale };
}

/** Rows as the networks see them, before scaling. */
interface Encoded {
  readonly input: Float64Array;
  readonly target: Float64Array;
  readonly episode: Int32Array;
}

function encode(layout: EnsembleLayout, data: Transitions): Encoded {
  return { input: encodeInputs(layout, data), target: encodeTargets(layout, data), episode: data.episode };
}

/** Episodes of the second are numbered on. */
function appended(first: Encoded, second: Encoded): Encoded {
  const later = (first.episode.at(-1) ?? -1) + 1;
  return {
    input: joined(first.input, second.input),
    target: joined(first.target, second.target),
    episode: Int32Array.from({ length: first.episode.length + second.episode.length }, (_, row) =>
      row < first.episode.length ? first.episode[row]! : later + second.episode[row - first.episode.length]!,
    ),
  };
}

function joined(first: Float64Array, second: Float64Array): Float64Array {
  const values = new Float64Array(first.length + second.length);
  values.set(first);
  values.set(second, first.length);
  return values;
}

function manifestOf(
  task: AnyTask,
  data: Transitions,
  options: TrainOptions,
  config: EnsembleConfig,
  fitted: FitResult,
  files: ModelFiles,
): ModelManifest {
  const template = manifestTemplate(task);
  return {
    ...template,
    name: options.name,
    members: fitted.members.length,
    noise: { ...template.noise, correlation: fitted.calibration.correlation },
    files,
    training: {
      ...config,
      updates: fitted.losses.at(-1)?.update ?? 0,
      seed: options.seed,
      transitions: data.count,
      dataHash: transitionsHash(data),
      ...(options.heldBack && { heldBack: { transitions: options.heldBack.count, dataHash: transitionsHash(options.heldBack) } }),
      finalLoss: fitted.losses.at(-1)?.loss ?? null,
      stopped: fitted.stopped,
      ...judgingOf(options, config, fitted),
    },
    calibration: {
      ...(options.heldBack
        ? { method: 'central 90 % of the mixture of members brought to hold 90 % of rows that none has seen' }
        : {
            method: 'spread of the ensemble brought to hold 90 % of the errors of members on rows they were kept from',
            share: calibrationShareOf(options),
          }),
      rows: fitted.calibration.rows,
      factor: fitted.calibration.factor,
    },
  };
}

/** What a manifest says of held-out data; nothing where none were asked. */
function judgingOf({ patience, elites }: TrainOptions, { members }: EnsembleConfig, fitted: FitResult) {
  const { heldOut } = fitted.losses.find(({ update }) => update === fitted.keptUpdate) ?? {};
  return {
    ...(patience === undefined ? {} : { patience, keptUpdate: fitted.keptUpdate, heldOutError: heldOut ?? null }),
    ...(elites === undefined || elites === members ? {} : { elites: fitted.members }),
  };
}

function requireJudging({ patience, elites }: TrainOptions, { members }: EnsembleConfig): void {
  const refuse = (option: string, value: number, allowed: string) => {
    throw new GroundtwinError('OPTION_INVALID', { who: 'trainEnsemble', option, value: String(value), allowed });
  };
  if (patience !== undefined && !(Number.isInteger(patience) && patience >= 1)) refuse('patience', patience, 'an integer of at least 1');
  if (elites !== undefined && !(Number.isInteger(elites) && elites >= 1 && elites <= members))
    refuse('elites', elites, `an integer from 1 to ${members}, the number of members`);
}

function calibrationShareOf({ calibrationShare = 1 }: TrainOptions): number {
  if (!(calibrationShare > 0 && calibrationShare <= 1))
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'trainEnsemble',
      option: 'calibrationShare',
      value: String(calibrationShare),
      allowed: 'a share of the transitions in (0, 1]',
    });
  return calibrationShare;
}
