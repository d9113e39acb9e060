/** One session as it may go, message by message: what the conformance vectors of groundtwin.v1 are made of. */
import { GroundtwinError } from '../src/errors.ts';
import type { Op } from '../src/wire/index.ts';
import { boxJson, f4, f8, i4, u1 } from './vector-json.ts';

type Fields = Readonly<Record<string, unknown>>;
/** Requests without `op` and `seq`, replies as under `ok`. */
interface Examples {
  readonly requests: Readonly<Record<string, Fields>>;
  readonly replies: Readonly<Record<string, Fields>>;
}

const blob = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const modelId = `sha256:${blob}`;
const cart = {
  id: 'CartPole-v0',
  summary: 'keep the pole up',
  observationSpace: boxJson([-4.8, Number.NEGATIVE_INFINITY], [4.8, Number.POSITIVE_INFINITY]),
  actionSpace: { kind: 'discrete', n: 2 },
  horizon: 500,
  controlDt_s: 0.02,
};
const arm = {
  kind: 'dict',
  spaces: { arm: boxJson(-1, 1, [2]), mode: { kind: 'multiDiscrete', nvec: [3, 2] } },
};
const made = {
  env: 1,
  id: 'CartPole-v0',
  kind: 'truth',
  lanes: 2,
  agents: 1,
  autoreset: 'nextStep',
  controlDt_s: 0.02,
  observationSpace: cart.observationSpace,
  actionSpace: cart.actionSpace,
  maxEpisodeSteps: 500,
  renderModes: ['rgb_array', 'depth_array', 'segments', 'all'],
  canBranch: true,
};
const observation = f4([2, 2], 0.03125, -1.5, 300.5, 1e-30);
const rewardTerms = { alive: f8([2], 1, 1), effort: f8([2], -0.1, 0) };
const problem = new GroundtwinError('ENV_NOT_RESET', { env: 'CartPole-v0', lane: 1 });

export const examples: { readonly [O in Op]: Examples } = {
  hello: {
    requests: {
      new: { protocol: 'groundtwin.v1', maxFrameBytes: 67108864 },
      resume: { protocol: 'groundtwin.v1', session: 'EXAMPLE-session-id', resumeToken: 'EXAMPLE-resume-token' },
    },
    replies: {
      serverInfo: {
        protocol: 'groundtwin.v1',
        serverVersion: '0.1.0',
        capabilities: ['resume', 'snapshot', 'autoreset'],
        sessionId: 'EXAMPLE-session-id',
        resumeToken: 'EXAMPLE-resume-token',
        resumed: false,
        lastSeq: 0,
        resumeWindow_s: 60,
        limits: {
          maxFrameBytes: 1048576,
          maxReplyBytes: 67108864,
          maxPendingRequests: 32,
          maxEnvs: 64,
          maxLanes: 4096,
          keptReplies: 64,
          maxBlobBytes: 134217728,
          maxSessionBlobBytes: 268435456,
        },
      },
    },
  },
  list: { requests: { list: {} }, replies: { list: { envs: [cart] } } },
  describe: {
    requests: { describe: { id: 'CartPole-v0' } },
    replies: {
      describe: {
        ...cart,
        params: { poleMass_kg: 0.1, gravity_m_s2: 9.81 },
        state: [{ name: 'cartPosition_m', role: 'dynamic', kind: 'length', unit: 'm', size: 1 }],
        reward: { alive: 1, effort: -0.01 },
        commands: [{ name: 'push', unit: 'N', low: -10, high: 10 }],
      },
    },
  },
  make: {
    requests: {
      plain: { id: 'CartPole-v0', lanes: 2 },
      twin: {
        id: 'CartPole-v0',
        lanes: 2,
        autoreset: 'sameStep',
        options: { backend: 'twin', model: modelId, resync: { every: 16 }, maxEpisodeSteps: null },
      },
    },
    replies: {
      truth: made,
      'dict spaces without a time limit': {
        ...made,
        env: 2,
        observationSpace: arm,
        actionSpace: arm,
        maxEpisodeSteps: null,
        renderModes: [],
      },
    },
  },
  reset: {
    requests: {
      seed: { env: 1, seed: 4294967295 },
      'a seed a lane, some lanes': { env: 1, seeds: f8([2], 7, Number.NaN), mask: u1([2], 1, 0), params: { poleMass_kg: 0.25 } },
    },
    replies: { reset: { observation, info: { rewardTerms: { alive: f8([2], 0, 0) } } } },
  },
  step: {
    requests: {
      discrete: { env: 1, action: i4([2], 0, 1) },
      dict: { env: 2, action: { arm: f4([1, 2], 0.5, -1), mode: i4([1, 2], 2, 0) } },
    },
    replies: {
      step: { observation, reward: f8([2, 1], 0.9, 1), terminated: u1([2], 0, 1), truncated: u1([2], 0, 0), info: { rewardTerms } },
      'image observation and a problem in one lane': {
        observation: { camera: u1([2, 1, 1, 3], 0, 1, 2, 253, 254, 255), pose: f4([2, 1], -0, 1) },
        reward: f8([2, 1], 0, 1 / 3),
        terminated: u1([2], 0, 0),
        truncated: u1([2], 0, 1),
        info: { rewardTerms, problem: [null, problem] },
      },
      'numbers that are not': {
        observation: f4([2, 2], Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0),
        reward: f8([2, 1], Number.NaN, -0),
        terminated: u1([2], 1, 1),
        truncated: u1([2], 0, 0),
        info: {},
      },
    },
  },
  rollout: {
    requests: { 'three steps of two lanes': { env: 1, actions: i4([3, 2], 0, 1, 1, 0, 1, 1), info: true } },
    replies: {
      'two steps of two lanes': {
        steps: 2,
        observation: f4([2, 2, 2], 0, 1, 2, 3, 4, 5, 6, 7),
        reward: f8([2, 2, 1], 1, 1, 1, 0.5),
        terminated: u1([2, 2], 0, 0, 0, 1),
        truncated: u1([2, 2], 0, 0, 0, 0),
        info: { rewardTerms: { alive: f8([2, 2], 1, 1, 1, 0.5) }, problem: [null, [null, problem]] },
      },
    },
  },
  evaluate: {
    requests: {
      random: { env: 1, policy: { kind: 'random' }, seed: 3, policySeed: 5 },
      onnx: { env: 1, policy: { kind: 'onnx', policy: modelId }, seeds: f8([2], 7, 8), maxSteps: 1000 },
    },
    replies: { evaluate: { returns: f8([2], 21, 499.5), lengths: i4([2], 21, 500) } },
  },
  snapshot: {
    requests: { lane: { env: 1, lane: 1 }, all: { env: 1, all: true } },
    replies: { snapshot: { snapshot: u1([5], 71, 84, 0, 128, 255) } },
  },
  restore: {
    requests: {
      lane: { env: 1, lane: 1, snapshot: u1([5], 71, 84, 0, 128, 255) },
      'all, of an upload': { env: 1, all: true, snapshot: modelId },
    },
    replies: { lane: { observation: f4([1, 2], 0.03125, -1.5) } },
  },
  branch: {
    requests: { 'into another env': { env: 1, lane: 0, into: 2, lanes: i4([3], 0, 1, 5) } },
    replies: { branch: { observation: f4([3, 2], 1, 2, 1, 2, 1, 2) } },
  },
  state: {
    requests: { truth: { env: 1 }, 'model of a twin': { env: 1, side: 'model' } },
    replies: {
      state: {
        state: { cartPosition_m: f8([2, 1], 0.1, 0.2), wrench_N: f8([2, 3], 0, 1, 2, 3, 4, 5) },
        params: { poleMass_kg: f8([2], 0.1, 0.25) },
      },
    },
  },
  perturb: { requests: { perturb: { env: 1, lane: 1, params: { poleMass_kg: 0.5 } } }, replies: { perturb: {} } },
  recent: {
    requests: { recent: { env: 1 } },
    replies: {
      recent: {
        count: 2,
        state: f8([2, 1], 0, 1),
        action: f8([2, 1], 0, 1),
        command: f8([2, 1], -10, 10),
        next: f8([2, 1], 1, 2),
        episode: i4([2], 0, 0),
      },
    },
  },
  render: {
    requests: {
      plain: { env: 1 },
      'all options': {
        env: 1,
        lane: 1,
        mode: 'depth_array',
        width: 64,
        height: 48,
        camera: { position_m: [0, -3, 1], target_m: [0, 0, 0.5], fieldOfView_rad: 0.8 },
        side: 'model',
        shadows: false,
      },
    },
    replies: {
      rgb: { width: 2, height: 1, data: u1([1, 2, 3], 255, 0, 0, 0, 0, 255) },
      depth: { width: 2, height: 1, data: f4([1, 2, 1], 2.5, Number.POSITIVE_INFINITY) },
      segments: { width: 2, height: 1, data: i4([1, 2, 1], 0, -1) },
    },
  },
  upload: { requests: { upload: { sha256: blob, bytes: 4 } }, replies: { 'nothing yet': { have: 0 }, 'all of it': { have: 4 } } },
  chunk: { requests: { chunk: { sha256: blob, offset: 0, data: u1([4], 116, 101, 115, 116) } }, replies: { 'all of it': { have: 4 } } },
  publish: {
    requests: {
      model: { kind: 'model', files: { 'manifest.json': blob, 'predict.onnx': blob } },
      policy: { kind: 'policy', files: { 'policy.onnx': blob } },
    },
    replies: { id: { id: modelId } },
  },
  close: { requests: { close: { env: 1 } }, replies: { close: {} } },
  ping: { requests: { ping: {} }, replies: { ping: {} } },
  play: {
    requests: {
      'two lanes placed, one step of the first': {
        env: 1,
        lanes: i4([2], 0, 1),
        state: f8([2, 2], 0.1, -0.2, 0.3, 0.4),
        seeds: f8([2], 7, 9007199254740991),
        actions: i4([1, 2], 0, 1),
        active: u1([2], 1, 0),
      },
      'two steps from where they are': { env: 1, actions: i4([2, 2], 0, 1, 1, 1) },
    },
    replies: {
      'one step': {
        placed: f8([2, 2], 0.1, -0.2, 0.3, 0.4),
        state: f8([1, 2, 2], 0.125, -0.25, 0.3, 0.4),
        reward: f8([1, 2, 1], 0.5, 0),
        terminated: u1([1, 2], 0, 0),
        problem: u1([1, 2], 1, 0),
      },
      'no step': { placed: f8([0, 2]), state: f8([0, 2, 2]), reward: f8([0, 2, 1]), terminated: u1([0, 2]), problem: u1([0, 2]) },
    },
  },
  model: {
    requests: { model: { env: 2 } },
    replies: { model: { manifest: u1([2], 123, 125), fingerprint: blob, takesShares: true } },
  },
  predict: {
    requests: {
      'two members': { env: 2, rows: 2, state: f4([2, 1], 0.5, 0.5), action: f4([2, 1], 1, 1), noise: f4([2, 1], -0.25, 0.25) },
      'blocks of different lengths': {
        env: 2,
        rows: 1,
        shares: i4([2], 1, 0),
        state: f4([1, 1], 0.5),
        action: f4([1, 1], 1),
        context: f4([1, 1], 9.81),
        noise: f4([1, 1], 0),
        memory: f4([1, 1], 0),
        spread: false,
      },
    },
    replies: {
      'with its spread': { sample: f4([2, 1], 0.5, 0.75), mean: f4([2, 1], 0.5, 0.5), scale: f4([2, 1], 0.125, 0.125) },
      'with memory': { sample: f4([1, 1], 0.5), memory: f4([1, 1], 1) },
    },
  },
  gap: {
    requests: {
      'of a model': { id: 'CartPole-v0', model: modelId },
      'all options': {
        id: 'CartPole-v0',
        subject: 'truth:poleMass_kg*1.5',
        axes: ['prediction', 'causality'],
        condition: ['gravity_m_s2'],
        seed: 3,
        samples: 20,
        size: 'small',
        deep: false,
        deadline_s: 90.5,
      },
    },
    replies: { job: { job: 1 } },
  },
  gapProgress: {
    requests: { gapProgress: { job: 1 } },
    replies: {
      running: { state: 'running', stage: 'gap: rollouts', done: 64, of: 256 },
      done: { state: 'done', stage: 'gap: agent, doubts', done: 1, of: 1, report: u1([2], 123, 125) },
    },
  },
  gapCancel: { requests: { gapCancel: { job: 1 } }, replies: { gapCancel: {} } },
};

/** Replies that say no. */
export const errorReplies: Readonly<Record<string, Fields>> = {
  'of a request': {
    seq: 7,
    error: {
      code: 'ENV_HANDLE_UNKNOWN',
      message: 'This session has no env 9. Make one with make(); envs of another session cannot be used.',
      details: { env: 9 },
      retryable: false,
    },
  },
  'of a request whose seq could not be read': {
    seq: null,
    error: {
      code: 'BAD_MESSAGE',
      message: 'Bad message: seq must be an integer from 1, one more than the last.',
      details: { field: 'seq', expected: 'an integer from 1, one more than the last' },
      retryable: false,
    },
  },
  'that may be tried again': {
    seq: 8,
    error: {
      code: 'DRAINING',
      message: 'The server is shutting down and takes no new requests. Try again once it is back.',
      details: {},
      retryable: true,
    },
  },
};
