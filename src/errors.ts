/**
 * Every error a user can meet: one row a code. A row turns typed details into a message that says who, what, the bounds and the way out.
 * `docs/errors.md` has one heading a row; `test/errors.test.ts` holds the two together.
 */
export const errorTable = {
  // environments and spaces
  ENV_UNKNOWN: (d: { id: string; suggestion: string; known: readonly string[] }) =>
    `There is no env '${d.id}'.${d.suggestion ? ` Did you mean '${d.suggestion}'?` : ''} Known: ${d.known.join(', ')}.`,
  ENV_CLOSED: (d: { env: string }) => `${d.env} is closed. Make a new one with make('${d.env}').`,
  ENV_BUSY: (d: { env: string; call: string }) =>
    `${d.env}: ${d.call} came while an earlier call was still going on. Await each call before you make the next; lanes of a vector env are stepped together.`,
  ENV_NOT_RESET: (d: { env: string; lane: number }) =>
    `${d.env}: lane ${d.lane} was stepped before reset, or after its episode ended. Call reset() first.`,
  OPTION_INVALID: (d: { who: string; option: string; value: string; allowed: string }) =>
    `${d.who}: option ${d.option} is ${d.value}; it must be ${d.allowed}.`,
  RENDER_UNAVAILABLE: (d: { env: string; why: string }) =>
    `${d.env} cannot be drawn: ${d.why}. Make it with make('${d.env}'), and restore a snapshot of the other there.`,
  CALL_UNSUPPORTED: (d: { env: string; call: string; why: string }) =>
    `${d.env}: ${d.call} is not possible here: ${d.why}. Make the env on another backend, in this process, or without workers.`,
  ACTION_SHAPE: (d: { env: string; expected: string; got: string }) => `${d.env}: the action must be ${d.expected}, got ${d.got}.`,
  ACTION_OUTSIDE_SPACE: (d: { env: string; lane?: number; index: number; value: number; low: number; high: number; isWhole: boolean }) =>
    `${d.env}: action[${d.index}]${inLane(d.lane)} is ${d.value}, ${d.isWhole ? 'no integer within' : 'outside'} [${d.low}, ${d.high}]. ${d.isWhole ? 'Give one of those integers' : 'Clip it, or make the env with wrappers: [clipAction()]'}.`,
  ACTION_NOT_FINITE: (d: { env: string; lane?: number; index: number; value: number }) =>
    `${d.env}: action[${d.index}]${inLane(d.lane)} is ${d.value}. Actions must be finite numbers; check the policy's output.`,
  SPACE_INVALID: (d: { space: string; problem: string }) => `${d.space}: ${d.problem}. Correct the arguments it is made from.`,
  // physics and snapshots
  PHYSICS_DIVERGED: (d: { env: string; lane: number; what: string }) =>
    `${d.env}: physics diverged in lane ${d.lane}: ${d.what}. The episode is truncated; reset the lane, or use a smaller physics step.`,
  ENV_CRASHED: (d: { env: string; lane: number; worker: number; what: string }) =>
    `${d.env}: lane ${d.lane} is cut off, because worker ${d.worker} ${d.what}. A new worker takes its place: reset the lane, or restore a snapshot into it.`,
  WORKER_FAILED: (d: { env: string; worker: number; what: string }) =>
    `${d.env}: worker ${d.worker} ${d.what}. It writes its own complaints to the standard error of this process; correct what they name, then make the env anew or try again later.`,
  SCENE_INVALID: (d: { scene: string; problem: string }) =>
    `Scene '${d.scene}': ${d.problem}. Correct the scene, or the parameters it is built from.`,
  ENGINE_MISSING: (d: { engine: string; problem: string; install: string }) =>
    `The physics engine '${d.engine}' could not be loaded: ${d.problem}. Install it with npm install ${d.install}, or use engine 'rapier'.`,
  SNAPSHOT_INVALID: (d: { problem: string }) => `This is not a usable groundtwin snapshot: ${d.problem}. Take a new one with snapshot().`,
  SNAPSHOT_FOREIGN: (d: { what: string; expected: string; got: string }) =>
    `The snapshot belongs to another ${d.what}: expected ${d.expected}, got ${d.got}. Restore it into the env that made it.`,
  ROBOT_FILE_INVALID: (d: { file: string; line: number; problem: string }) =>
    `${d.file}:${d.line}: ${d.problem}. Change the file; docs/robots.md says what of MJCF is read.`,
  // onnx: graphs, models, runtime
  GRAPH_INVALID: (d: { scope: string; problem: string }) =>
    `Graph at '${d.scope}': ${d.problem}. Check the shapes, element types and names given in that scope.`,
  MODEL_INVALID: (d: { model: string; problem: string }) =>
    `${d.model} is not a usable ONNX model: ${d.problem}. Export it again, or check that the file is complete.`,
  RUNTIME_MISSING: (d: { runtime: string; problem: string }) =>
    `${d.runtime} could not be loaded: ${d.problem}. Install it with npm install ${d.runtime}, on a platform it supports.`,
  RUNTIME_FAILED: (d: { model: string; problem: string }) =>
    `${d.model} failed while running: ${d.problem}. Check the names, shapes and types of what was fed.`,
  // learned models
  MODEL_MISSING: (d: { path: string; problem: string }) =>
    `There is no model at '${d.path}': ${d.problem}. Give the folder that holds manifest.json, or train one with 'groundtwin train-model'.`,
  MODEL_REFUSED: (d: { model: string; problem: string }) =>
    `The model '${d.model}' is refused: ${d.problem}. See docs/model-contract.md for what a model must provide.`,
  MODEL_STOPPED: (d: { model: string; what: string }) =>
    `The model '${d.model}' was stopped in its own process: it ${d.what}. Load it anew, with fewer lanes or higher modelLimits if it may be trusted.`,
  TRAINING_FAILED: (d: { problem: string }) =>
    `Training stopped: ${d.problem}. Check that the data are finite, varied and enough, or lower the learning rate.`,
  CHECKPOINT_INVALID: (d: { path: string; problem: string }) =>
    `The checkpoint '${d.path}' cannot be used: ${d.problem}. Delete it, or give --restart, to begin anew.`,
  CHECKPOINT_FOREIGN: (d: { path: string; what: string; expected: string; got: string }) =>
    `The checkpoint '${d.path}' is of another training: its ${d.what} is ${d.got}, here it is ${d.expected}. Give what was given then, choose another folder, or give --restart to begin anew.`,
  DATA_INVALID: (d: { path: string; problem: string }) =>
    `The data at '${d.path}' cannot be used: ${d.problem}. If the way out is not named here, record it anew with 'groundtwin record', or export it again from where it came.`,
  DATA_TOO_LARGE: (d: { what: string; bytes: number; maxBytes: number }) =>
    `${d.what} would take ${d.bytes} bytes, over its limit of ${d.maxBytes}. Give a larger maxBytes, or keep less.`,
  REPLAY_INVALID: (d: { replay: string; problem: string }) =>
    `${d.replay} is not a usable replay: ${d.problem}. Record it anew with 'groundtwin record --replay', or take an undamaged copy.`,
  REPLAY_FOREIGN: (d: { replay: string; what: string; expected: string; got: string }) =>
    `${d.replay} cannot be played here: its ${d.what} is ${d.expected}, the env's is ${d.got}. Make the env as it was made when recording.`,
  REPLAY_REFUSED: (d: { env: string; problem: string }) =>
    `${d.env}: this cannot be recorded: ${d.problem}. Begin a recording with reset({ seed }), and a new file before a limit is reached.`,
  // wire, server and client
  BAD_MESSAGE: (d: { field: string; expected: string }) => `Bad message: ${d.field} must be ${d.expected}.`,
  WIRE_VALUE: (d: { path: string; what: string }) =>
    `${d.path} is ${d.what}, which cannot travel over groundtwin.v1. Send numbers, strings, booleans, null, typed arrays, and lists and plain objects of them.`,
  FRAME_TOO_LARGE: (d: { what: string; bytes: number; limit: number }) =>
    `${d.what} takes ${d.bytes} bytes; the limit is ${d.limit}. Use fewer lanes a frame, or raise the limit on the side that receives it.`,
  VERSION: (d: { wanted: string; offered: string }) =>
    `The other side speaks ${d.offered}; this one speaks ${d.wanted}. Install the same groundtwin on both.`,
  UNAUTHORISED: (_: Record<never, never>) =>
    'A valid token is needed: send it as `Authorization: Bearer <token>`, or from a browser as subprotocol `groundtwin.token.<token>`.',
  ORIGIN_REFUSED: (_: Record<never, never>) =>
    'Pages of this origin may not connect. Name the origin in allowedOrigins when the server is started.',
  CAPACITY: (d: { what: string; limit: number }) => `The server has no room: at most ${d.limit} ${d.what}. Close some, or try again later.`,
  SERVER_BUSY: (d: { what: string; limit: number }) => `More than ${d.limit} ${d.what} are waiting. Wait for replies before sending more.`,
  DRAINING: (_: Record<never, never>) => 'The server is shutting down and takes no new requests. Try again once it is back.',
  SEQ_INVALID: (d: { expected: number; got: number }) =>
    `Request number ${d.got} came when ${d.expected} was due. Number the requests of a session 1, 2, 3, … and send them in order.`,
  REPLY_EXPIRED: (d: { seq: number; oldest: number }) =>
    `Request ${d.seq} was carried out, but its reply is no longer kept (the oldest is ${d.oldest}). It will not be carried out again; reset the env, or restore a snapshot.`,
  SESSION_UNKNOWN: (_: Record<never, never>) =>
    'There is no such session to resume: it expired, was closed, or the resume token is wrong. Connect anew.',
  ENV_HANDLE_UNKNOWN: (d: { env: number }) =>
    `This session has no env ${d.env}. Make one with make(); envs of another session cannot be used.`,
  ROLLOUT_TOO_LONG: (d: { env: string; steps: number; fit: number; limit: number }) =>
    `${d.env}: a rollout of ${d.steps} steps does not fit a reply of ${d.limit} bytes; ${d.fit} do. Ask for fewer steps at a time, use fewer lanes, or raise the limits on both sides.`,
  BLOB_UNKNOWN: (d: { what: string }) => `This session has no ${d.what}. Upload it first: upload, then its chunks, then publish.`,
  UPLOAD_INVALID: (d: { problem: string }) =>
    `This upload cannot be taken: ${d.problem}. Begin it again with upload, and send chunks from where its reply says.`,
  STEP_DEADLINE: (d: { op: string; limit_s: number }) =>
    `${d.op} took longer than ${d.limit_s} s, so its env was closed. Make a new one, with fewer lanes or a higher limit.`,
  INTERNAL: (d: { op: string }) => `The server failed in ${d.op}; its log says more. Other sessions are not affected.`,
  SERVE_REFUSED: (d: { host: string; missing: string }) =>
    `Refusing to listen on ${d.host}, which other machines can reach, without ${d.missing}. Listen on 127.0.0.1, or give it.`,
  SERVE_FAILED: (d: { host: string; port: number; reason: string }) =>
    `Cannot listen on ${d.host}:${d.port}: ${d.reason}. Choose another port, or 0 for a free one.`,
  CONNECTION_REFUSED: (d: { url: string; reason: string }) =>
    `Cannot connect to ${d.url} (${d.reason}). Start \`groundtwin serve\` there, or check host, port and certificate.`,
  CONNECTION_UNAUTHORISED: (d: { url: string; given: boolean }) =>
    `${d.url} refused the connection: ${d.given ? 'the token is not the one it expects' : 'it wants a token and none was given'}. Pass the token that the server printed.`,
  CONNECTION_ORIGIN: (d: { url: string; origin: string }) =>
    `${d.url} does not accept pages from ${d.origin}. Name that origin in allowedOrigins when the server is started.`,
  CONNECTION_VERSION: (d: { url: string; wanted: string; reason: string }) =>
    `${d.url} does not speak ${d.wanted}: ${d.reason}. Check the address, and that both sides have the same groundtwin.`,
  CONNECTION_TIMEOUT: (d: { url: string; stage: string; timeout_s: number }) =>
    `${d.url} took longer than ${d.timeout_s} s at the ${d.stage}. The machine may be unreachable or overloaded; raise connectTimeout_ms if it is only slow.`,
  CONNECTION_LOST: (d: { url: string; reason: string }) =>
    `The connection to ${d.url} was lost (${d.reason}) and its session could not be resumed. Connect anew; envs of the old session are gone.`,
  CONNECTION_CLOSED: (d: { url: string }) => `The connection to ${d.url} was closed by close(). Connect anew.`,
  REQUEST_TIMEOUT: (d: { op: string; timeout_s: number }) =>
    `No reply to ${d.op} within ${d.timeout_s} s. It may still be carried out: reset the env, or restore a snapshot, before going on.`,
  REMOTE_ERROR: (d: { code: string; message: string }) => `The server says ${d.code}: ${d.message}`,
  // gap
  GAP_SHAPE_MISMATCH: (d: { what: string; expected: number; got: number }) =>
    `Gap suite: ${d.what} has ${d.got} numbers where starts, horizon, samples and entries ask for ${d.expected}. Check the order of its axes.`,
  GAP_INPUT_INVALID: (d: { what: string; problem: string }) => `Gap suite: ${d.what}: ${d.problem}. Measure again with usable data.`,
  // reports
  REPORT_INPUT_INVALID: (d: { what: string; problem: string }) =>
    `Report: ${d.what}: ${d.problem}. Pass renderReport() arrays that fit each other.`,
} as const;

export type ErrorCode = keyof typeof errorTable;
export type ErrorDetails<C extends ErrorCode> = Parameters<(typeof errorTable)[C]>[0];

/** Codes for which sending the same request again may succeed. */
export const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ENV_CRASHED',
  'CAPACITY',
  'SERVER_BUSY',
  'DRAINING',
  'CONNECTION_REFUSED',
  'CONNECTION_TIMEOUT',
]);

/** The one error class; `code` names the row, `details` carries its typed values. */
export class GroundtwinError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly details: ErrorDetails<C>;
  readonly retryable: boolean;

  constructor(code: C, details: ErrorDetails<C>) {
    super((errorTable[code] as (d: ErrorDetails<C>) => string)(details));
    this.name = 'GroundtwinError';
    this.code = code;
    this.details = details;
    this.retryable = retryableCodes.has(code);
  }
}

/** Whether `error` is a groundtwin error, of this code if one is given. */
export function isGroundtwinError<C extends ErrorCode>(error: unknown, code?: C): error is GroundtwinError<C> {
  return error instanceof GroundtwinError && (code === undefined || error.code === code);
}

/** A `switch` that misses a case does not compile when its default calls this. */
export function unreachable(value: never): never {
  throw new TypeError(`unreachable case: ${String(value)}`);
}

function inLane(lane: number | undefined): string {
  return lane === undefined ? '' : ` of lane ${lane}`;
}
