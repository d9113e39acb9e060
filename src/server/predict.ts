/** The model behind an env, asked as it is: what says how sure it is, and what its members make of a moment, can be measured from elsewhere. */
import { GroundtwinError } from '../errors.ts';
import { type Request, Tensor } from '../wire/index.ts';
import { widthOf } from '../world-model/contract.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import type { Prediction, PredictionInput, WorldModel } from '../world-model/world-model.ts';
import { type Answer, type HostedEnv, refuseOption } from './hosted-env.ts';
import { bareTask } from './play.ts';

/** What a model says of itself. @throws CALL_UNSUPPORTED. */
export function model(hosted: HostedEnv): Answer {
  const { manifest, fingerprint, takesShares } = modelOf(hosted, 'model');
  const text = new TextEncoder().encode(JSON.stringify(manifest));
  return { manifest: new Tensor(text, [text.length]), fingerprint, takesShares: takesShares ?? false };
}

/** One call of it. @throws CALL_UNSUPPORTED, OPTION_INVALID for arrays of other lengths, and what the model throws. */
export async function predict(hosted: HostedEnv, request: Request<'predict'>): Promise<Answer> {
  const asked = modelOf(hosted, 'predict');
  const prediction = await asked.predict(inputOf(hosted, asked, request), request.spread ?? true);
  const columns = Object.entries(prediction as unknown as Readonly<Record<keyof Prediction, Float32Array | undefined>>);
  return Object.fromEntries(
    columns.flatMap(([name, data]) => (data ? [[name, new Tensor(data, [request.rows, data.length / request.rows])]] : [])),
  );
}

function modelOf(hosted: HostedEnv, call: string): WorldModel {
  const { dynamics, id } = bareTask(hosted, call);
  if (dynamics instanceof ModelDynamics) return dynamics.model;
  throw new GroundtwinError('CALL_UNSUPPORTED', { env: id, call, why: 'it stands on physics, and there is no model to ask' });
}

function inputOf({ env }: HostedEnv, { manifest, takesShares }: WorldModel, request: Request<'predict'>): PredictionInput {
  const { rows, shares } = request;
  const { members, noise, memorySize } = manifest;
  const widths = {
    state: widthOf(manifest.state),
    action: manifest.action.length,
    context: widthOf(manifest.context),
    noise: noise.size,
    memory: memorySize,
  };
  const column = (name: keyof typeof widths): Float32Array => {
    const data = request[name] ?? new Float32Array(0);
    if (data.length !== rows * widths[name]) refuseOption(env, name, `${data.length} numbers`, `${rows} rows of ${widths[name]}`);
    return data;
  };
  if (shares && !takesShares) refuseOption(env, 'shares', 'given', 'absent: blocks of this model are of equal length');
  const sum = shares?.reduce((all, share) => all + share, 0);
  if (shares ? shares.length !== members || sum !== rows || shares.some((share) => share < 0) : rows % members !== 0)
    refuseOption(env, 'rows', String(rows), `a block of rows for each of ${members} members`);
  return {
    rows,
    ...(shares ? { shares: BigInt64Array.from(shares, BigInt) } : {}),
    state: column('state'),
    action: column('action'),
    context: column('context'),
    noise: column('noise'),
    memory: column('memory'),
  };
}
