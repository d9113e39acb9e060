/** What docs/protocol.md says of each message and each of its fields. A field without a note does not compile. */
import type { ErrorCode } from '../src/errors.ts';
import { CAPABILITIES } from '../src/server/hub.ts';
import type { Op, Reply, Request, SessionLimits } from '../src/wire/index.ts';

interface Notes<O extends Op> {
  readonly what: string;
  readonly request: { readonly [K in keyof Required<Request<O>>]: string };
  readonly reply: { readonly [K in keyof Required<Reply<O>>]: string };
}

const env = 'handle, from `make`';
const lane = 'default 0';
const observation = '`[lanes, …]` in the observation space';
const side = 'of a twin, default `truth`';

export const notes: { readonly [O in Op]: Notes<O> } = {
  hello: {
    what: 'Opens a connection: begins a session, or goes on with one whose socket dropped. Always the first message of a socket, always with `seq` 0.',
    request: {
      protocol: '`groundtwin.v1`',
      session: 'to go on with a session: its `sessionId`',
      resumeToken: 'and its token',
      maxFrameBytes: 'largest reply the client takes; default the server’s `maxReplyBytes`',
    },
    reply: {
      protocol: '`groundtwin.v1`',
      serverVersion: 'of the package',
      capabilities: `list of words: ${CAPABILITIES.map((word) => `\`${word}\``).join(', ')}`,
      sessionId: 'to be shown at a resume, with the token; both are secrets',
      resumeToken: 'see there',
      resumed: 'whether this is an old session',
      lastSeq: 'the last request number that the session has received',
      resumeWindow_s: 'how long the session outlives its socket',
      limits: 'see Limits',
    },
  },
  list: {
    what: 'What can be made here.',
    request: {},
    reply: { envs: 'list of maps: `id`, `summary`, `observationSpace`, `actionSpace`, `horizon` (steps), `controlDt_s`' },
  },
  describe: {
    what: 'All about one env.',
    request: { id: 'with version, as `CartPole-v0`' },
    reply: {
      id: 'the same',
      summary: 'a sentence',
      observationSpace: 'see Spaces',
      actionSpace: 'see Spaces',
      horizon: 'steps until truncation, unless `make` says otherwise',
      controlDt_s: 'simulated seconds of a step',
      params: 'physical parameters with their defaults',
      state: 'list of `{ name, role, kind, unit, size }`, in order',
      reward: 'terms with their weights',
      commands: 'list of `{ name, unit, low, high }`: what the actuators get',
    },
  },
  make: {
    what: 'Makes `lanes` copies of an env that are stepped together.',
    request: {
      id: 'with version',
      lanes: 'copies',
      autoreset: 'default `nextStep`; as Gymnasium’s AutoresetMode',
      options:
        '`backend` (`truth`, `model`, `twin`), `model` (a name the server knows, or the id that `publish` gave), `observe`, `resync`, `drift`, `trust`, `engine`, `randomize`, `condition`, `observeCondition`, `maxEpisodeSteps` (null = no limit), `workers`; see api.md',
    },
    reply: {
      env: 'its handle in this session',
      id: 'the same',
      kind: 'what it stands on',
      lanes: 'the same',
      agents: 'length of the agent axis of rewards',
      autoreset: 'in force',
      controlDt_s: 'simulated seconds of a step',
      observationSpace: 'of one lane, see Spaces',
      actionSpace: 'of one lane',
      maxEpisodeSteps: 'steps until truncation; null = no limit',
      renderModes: 'list of modes that `render` knows here; may be empty',
      canBranch: 'whether snapshots bring everything back',
    },
  },
  reset: {
    what: 'Begins episodes. Without a seed a lane goes on to the next episode of the seed it had; a lane that never had one gets one from the server, so a client that must be able to repeat a run gives seeds.',
    request: {
      env,
      seed: 'lane i gets `seed + i`',
      seeds: '`[lanes]`, integers below 2^53; NaN = no seed for this lane; wins over `seed`',
      mask: '`[lanes]`, 1 = reset this lane; default all',
      params: 'physical parameters of the episodes begun here',
    },
    reply: { observation, info: 'columns, see Info' },
  },
  step: {
    what: 'Steps every lane once. A refused action (shape, not finite, outside the space) changes nothing.',
    request: { env, action: '`[lanes, …]` in the action space, dtype and shape exactly' },
    reply: {
      observation,
      reward: '`[lanes, agents]`',
      terminated: '`[lanes]`, 0 or 1',
      truncated: '`[lanes]`, 0 or 1',
      info: 'columns, see Info',
    },
  },
  rollout: {
    what: 'Many steps in one round trip, to the bit what as many `step`s give. The reply says how many were made; fewer than asked for where (a) autoreset is `disabled` and a lane ended, (b) infos would no longer fit the reply, (c) the next action is refused: ask for the rest to be told why. Nothing is done if the arrays of all steps would not fit the reply (ROLLOUT_TOO_LONG, with the number of steps that do).',
    request: { env, actions: '`[steps, lanes, …]`', info: 'whether to send infos; default false' },
    reply: {
      steps: 'made, at least 1',
      observation: '`[steps, lanes, …]`',
      reward: '`[steps, lanes, agents]`',
      terminated: '`[steps, lanes]`',
      truncated: '`[steps, lanes]`',
      info: 'columns: what every step has as an array of one length is one array `[steps, lanes, …]`; anything else is a list with one entry a step, null where absent',
    },
  },
  evaluate: {
    what: 'Plays one episode in every lane on the server. Takes as long as it takes: the time limit of requests counts anew at each step. A `close` of the env, or the end of the session, ends it with ENV_CLOSED. Lanes are left where they are: reset before stepping on.',
    request: {
      env,
      policy: '`{ kind: "random" }`, or `{ kind: "onnx", policy: id }` with the id that `publish` gave, see Policies',
      seed: 'as in `reset`',
      seeds: 'as in `reset`',
      policySeed: 'of a random policy; default 0',
      maxSteps: 'default the time limit of the env; needed where it has none',
    },
    reply: { returns: '`[lanes]`, sums of rewards over all agents', lengths: '`[lanes]`, steps' },
  },
  snapshot: {
    what: 'One lane, whole: physics, generators, time limit, wrappers. Or every lane, packed; lanes that were never reset stay so.',
    request: { env, lane, all: 'true: every lane; then no `lane`' },
    reply: { snapshot: 'opaque; good for the same build, env and options' },
  },
  restore: {
    what: 'Puts a lane, or every lane, where a snapshot was taken. One damaged or of another env is refused.',
    request: { env, lane, all: 'true: of every lane', snapshot: 'the bytes, or `sha256:…` of an upload where they do not fit a request' },
    reply: { observation: '`[1, …]`, or with `all` `[lanes, …]`, zeros in lanes that were never reset' },
  },
  branch: {
    what: 'Copies one lane, whole, into other lanes; no bytes travel.',
    request: {
      env,
      lane,
      into: 'handle of the env to copy into, of the same task and backend; default the same',
      lanes: '`[k]`, lanes of `into`',
    },
    reply: { observation: '`[k, …]`' },
  },
  state: {
    what: 'The state behind the observations.',
    request: { env, side },
    reply: {
      state: 'map: of each entry `[lanes, size]`, float64, in its unit',
      params: 'map: of each physical parameter `[lanes]`, float64',
    },
  },
  perturb: {
    what: 'Changes the physics of a lane in the midst of its episode, until that ends. Of a twin truth is changed, and the model is told nothing.',
    request: { env, lane, params: 'those that change' },
    reply: {},
  },
  recent: {
    what: 'The last steps of truth, of a twin made with `drift`.',
    request: { env },
    reply: {
      count: 'rows',
      state: '`[count, state size]`',
      action: '`[count, action size]`',
      command: '`[count, commands]`',
      next: '`[count, state size]`',
      episode: '`[count]`',
    },
  },
  render: {
    what: 'A picture of a lane as it stands. At most 2048 pixels a side and 2^21 in all.',
    request: {
      env,
      lane,
      mode: '`rgb_array` (default), `depth_array`, `segments` or `all`',
      width: 'pixels, default 480',
      height: 'pixels, default 360',
      camera: 'name of one of the scene’s, or `{ position_m, target_m, up?, fieldOfView_rad, body?, mode? }`',
      side,
      shadows: 'default false',
    },
    reply: {
      width: 'pixels',
      height: 'pixels',
      data: '`[height, width, channels]`, the top row first: uint8 sRGB (3), float32 m along the line of sight, Infinity where nothing is (1), int32 index of the body, −1 where nothing is (1); absent for `all`',
      rgb: 'of `all`',
      depth_m: 'of `all`',
      segments: 'of `all`',
    },
  },
  upload: {
    what: 'Begins an upload, or asks how far it got. What the server has already need not be sent again.',
    request: { sha256: 'of all bytes', bytes: 'their number' },
    reply: { have: 'bytes that are here: send from there; all of them = done' },
  },
  chunk: {
    what: 'The next part of an upload. A part that is here already changes nothing. When the last one has come the hash is checked.',
    request: { sha256: 'as announced', offset: 'of its first byte', data: 'any number of bytes that fits a request' },
    reply: { have: 'bytes that are here' },
  },
  publish: {
    what: 'Names uploaded files together, as a model or a policy, for this session.',
    request: {
      kind: 'what it is to be',
      files: 'map of names to hashes: of a model `manifest.json` and the graphs that it names; of a policy one ONNX graph',
    },
    reply: { id: '`sha256:…`, the same for the same kind, names and contents' },
  },
  close: { what: 'Closes an env and frees what it holds.', request: { env }, reply: {} },
  ping: { what: 'Nothing: a sign of life at the level of messages.', request: {}, reply: {} },
  play: {
    what: 'Beneath the env: puts lanes into states of the task, then steps those that are active, without time limit, ends, resets, wrappers or drawn parameters. A lane goes on where the last `play` left it. For what measures gaps; whoever steps the env as an env afterwards resets it first. Not of twins, workers and models of observations (CALL_UNSUPPORTED).',
    request: {
      env,
      lanes: '`[k]`, those to be placed; default the first k',
      state: '`[k, state size]`, entries in the order of `describe`, finite; absent: none is placed',
      seeds: '`[k]`, integers below 2^53: of a model’s noise and member, and of what is not physics; default 0',
      actions: '`[steps, lanes, …]` in the action space; absent: no step is made. Those of lanes that are not active are not looked at',
      active: '`[lanes]`, 0 or 1; default every lane that was ever placed',
    },
    reply: {
      placed: '`[k, state size]`: what those lanes hold now; an engine rounds',
      state: '`[steps, lanes, state size]`, after each step',
      reward: '`[steps, lanes, agents]`',
      terminated: '`[steps, lanes]`, 0 or 1',
      problem: '`[steps, lanes]`, 1 where a lane broke down: it stays where it last was well, until it is placed anew',
    },
  },
  model: {
    what: 'What the model behind an env of backend `model` says of itself.',
    request: { env },
    reply: {
      manifest: '`manifest.json` in UTF-8, see model-contract.md',
      fingerprint: 'of everything that predictions depend on',
      takesShares: 'whether blocks may be of different lengths, see `predict`',
    },
  },
  predict: {
    what: 'One call of that model, as the model contract has it: rows in a block for each member. Rows that are a multiple of 4 in each block do not depend on each other, so a large call may be asked in parts.',
    request: {
      env,
      rows: 'of all blocks together',
      shares: '`[members]`, rows of each block; absent: of equal length',
      state: '`[rows, S]`, predicted entries in their units',
      action: '`[rows, A]`, commands in their units',
      context: '`[rows, C]`; absent where C is 0, as are the following',
      noise: '`[rows, N]`, from the manifest’s distribution',
      memory: '`[rows, K]`',
      spread: 'false: mean and scale are not needed; default true',
    },
    reply: {
      sample: '`[rows, S]`',
      mean: '`[rows, S]`, of a model that gives it',
      scale: '`[rows, S]`, standard deviation, likewise',
      memory: '`[rows, K]`, likewise',
    },
  },
  gap: {
    what: 'Begins to measure how far a model, or whatever else stands for truth, may be trusted: `groundtwin gap` in a process of the server. See Gaps.',
    request: {
      id: 'of the env, with version',
      model: 'a name the server knows, or the id that `publish` gave; its held-out data are used where they lie beside it',
      subject:
        '`model`, `truth`, `engine:<name>`, `truth:<parameter>*<factor>`, `truth:<parameter>=<value>`, `broken:<control>@<severity>`; default `model`',
      axes: 'of `plausibility`, `causality`, `prediction`, `agent`; or `none` alone; default all',
      condition: 'physical parameters that the model is told',
      seed: 'of everything random; default 1',
      samples: 'imagined draws a start; default 30',
      size: '`small`: 64 starts instead of 256; default `large`',
      deep: 'with the rows that train and plan, for minutes; default false',
      deadline_s: 'when it is given up; at most, and by default, what the server allows: 1800',
    },
    reply: { job: 'its number in this session' },
  },
  gapProgress: {
    what: 'How far it got. What ended it otherwise than by a report is this request’s error: STEP_DEADLINE, MODEL_REFUSED and so on.',
    request: { job: 'from `gap`' },
    reply: {
      state: '`done`: the report is here',
      stage: 'what is being measured',
      done: 'of it',
      of: 'in all, at this stage',
      report: 'what `gap.json` holds, JSON in UTF-8; absent while it runs',
    },
  },
  gapCancel: {
    what: 'Ends the measurement, if it still runs, and forgets it with its report.',
    request: { job: 'from `gap`' },
    reply: {},
  },
};

export const limitNotes: { readonly [K in keyof SessionLimits]: string } = {
  maxFrameBytes: 'bytes of a request',
  maxReplyBytes: 'bytes of a reply, unless `hello` asked for less',
  maxPendingRequests: 'requests that may wait for replies',
  maxEnvs: 'envs of the session',
  maxLanes: 'lanes of the session',
  keptReplies: 'replies kept for requests sent again',
  maxBlobBytes: 'bytes of one upload',
  maxSessionBlobBytes: 'bytes of uploads that the session holds; the longest unused make room for new ones',
};

/** What a client should do about errors of the protocol itself. */
export const errorNotes: Partial<Readonly<Record<ErrorCode, string>>> = {
  BAD_MESSAGE: 'a frame or field is wrong; `details` says which and what was expected. After 16 with a `seq` of null the socket is closed',
  VERSION: 'speak another version, or give up',
  UNAUTHORISED: 'the upgrade was refused with HTTP 401: give the token',
  ORIGIN_REFUSED: 'the upgrade was refused with HTTP 403: pages of this origin may not connect',
  CAPACITY: 'a limit of the server is reached: close something, or wait',
  SERVER_BUSY: 'wait for replies before sending more',
  DRAINING: 'the server is going down: connect again later, make the envs anew',
  SEQ_INVALID: 'requests came out of order; `details.expected` is the number due',
  REPLY_EXPIRED: 'the request was carried out, and its reply is no longer kept: it cannot be had again',
  SESSION_UNKNOWN: 'the session to resume is gone: begin a new one',
  ENV_HANDLE_UNKNOWN: 'the env was closed, or belongs to another session',
  ENV_CRASHED: 'a worker went down: reset the lane',
  STEP_DEADLINE: 'a request took too long; its env was closed, and `into` of `branch`. Of a gap: it took longer than its `deadline_s`',
  CALL_UNSUPPORTED: 'what the env stands on, or this server, cannot do that',
  FRAME_TOO_LARGE: 'the reply does not fit: ask for less at a time',
  ROLLOUT_TOO_LONG: 'ask for `details.fit` steps at a time',
  BLOB_UNKNOWN: 'upload it (again)',
  UPLOAD_INVALID: 'begin the upload again',
  INTERNAL: 'a mistake in the server; its log says more',
};
