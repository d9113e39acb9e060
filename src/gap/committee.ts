import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import type { ModelManifest } from '../world-model/contract.ts';
import type { Prediction, PredictionInput, WorldModel } from '../world-model/world-model.ts';
import { joinedPredictions } from './controls/control.ts';

/** Models of one member, joined into an ensemble: block m of a call is answered by model m. Without memory; samples are what a model gives for the noise of its block. */
export class Committee implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  private readonly members: readonly WorldModel[];

  /** @param members - of the same manifest but for the name; closed with it. @throws GAP_INPUT_INVALID */
  constructor(members: readonly WorldModel[]) {
    const [first] = members;
    if (!first || members.some(({ manifest }) => manifest.members !== 1 || manifest.memorySize > 0))
      throw new GroundtwinError('GAP_INPUT_INVALID', { what: 'committee', problem: 'it joins models of one member each, without memory' });
    this.members = members;
    this.manifest = { ...first.manifest, name: `committee of ${first.manifest.name}`, members: members.length };
    this.fingerprint = sha256Hex(members.map(({ fingerprint }) => fingerprint).join(' '));
  }

  async predict(input: PredictionInput, spread?: boolean): Promise<Prediction> {
    const answers: Prediction[] = [];
    for (const [m, member] of this.members.entries()) answers.push(await member.predict(blockOf(input, m, this.members.length), spread));
    return joinedPredictions(answers);
  }

  async close(): Promise<void> {
    for (const member of this.members) await member.close();
  }
}

function blockOf(input: PredictionInput, member: number, members: number): PredictionInput {
  const cut = (values: Float32Array) => values.subarray((member * values.length) / members, ((member + 1) * values.length) / members);
  return {
    rows: input.rows / members,
    state: cut(input.state),
    action: cut(input.action),
    context: cut(input.context),
    noise: cut(input.noise),
    memory: cut(input.memory),
  };
}
