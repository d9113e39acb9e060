import { expect } from 'chai';
import { connect } from '../../src/client/index.ts';
import { GroundtwinError } from '../../src/errors.ts';
import type { GapRequest, MeasureGap } from '../../src/server/index.ts';
import { clock, codeOf, eventually, start, stopAll, TOKEN } from './harness.ts';

const reportOf = (verdict: string) => new TextEncoder().encode(JSON.stringify({ verdict, summary: [], rows: [] }));

interface Run {
  readonly request: GapRequest;
  readonly progress: (stage: string, done: number, of: number) => void;
  readonly finish: (report: Uint8Array) => void;
  readonly fail: (error: unknown) => void;
  cancelled: boolean;
}

/** Measures nothing until it is told what was found. */
function stubMeasure(): { readonly measureGap: MeasureGap; readonly runs: Run[] } {
  const runs: Run[] = [];
  const measureGap: MeasureGap = (request, _model, progress) => {
    let [finish, fail]: [Run['finish'], Run['fail']] = [() => {}, () => {}];
    const report = new Promise<Uint8Array>((resolve, reject) => {
      [finish, fail] = [resolve, reject];
    });
    const run: Run = { request, progress, finish, fail, cancelled: false };
    runs.push(run);
    const cancel = () => {
      run.cancelled = true;
    };
    return { report, cancel };
  };
  return { measureGap, runs };
}

async function opened(limits = {}) {
  const { measureGap, runs } = stubMeasure();
  const server = await start({ measureGap, limits });
  return { runs, client: () => connect({ url: server.url, token: TOKEN, clock }) };
}

describe('gaps that a server measures', () => {
  afterEach(stopAll);

  it('tell how far they got, leave the session free meanwhile, and end with the report', async () => {
    const { runs, client } = await opened();
    const asking = await client();
    const stages: string[] = [];
    const request = { subject: 'truth', axes: ['none'], seed: 3, size: 'small' } as const;
    const pending = asking.gap('Counter-v0', request, { onProgress: ({ stage, done, of }) => stages.push(`${stage} ${done}/${of}`) });
    await eventually(() => runs.length === 1);
    expect(runs[0]!.request).to.deep.equal({ id: 'Counter-v0', ...request });
    await eventually(() => stages.length === 1);
    runs[0]!.progress('rollouts', 5, 64);
    await eventually(() => stages.includes('rollouts 5/64'));
    await asking.ping();
    runs[0]!.finish(reportOf('PASS'));
    expect((await pending).verdict).to.equal('PASS');
    expect(stages).to.deep.equal(['starting 0/1', 'rollouts 5/64']);
    await asking.close();
  });

  it('fail with the error that ended them', async () => {
    const { runs, client } = await opened();
    const asking = await client();
    const refused = asking.gap('Counter-v0');
    await eventually(() => runs.length === 1);
    runs[0]!.fail(new GroundtwinError('MODEL_REFUSED', { model: 'cart', problem: 'no' }));
    expect(await codeOf(refused)).to.equal('MODEL_REFUSED');
    const broken = asking.gap('Counter-v0');
    await eventually(() => runs.length === 2);
    runs[1]!.fail(new Error('secret payload'));
    expect(await codeOf(broken)).to.equal('INTERNAL');
    const odd = asking.gap('Counter-v0');
    await eventually(() => runs.length === 3);
    runs[2]!.finish(new TextEncoder().encode('[1]'));
    expect(await codeOf(odd)).to.equal('BAD_MESSAGE');
    await asking.close();
  });

  it('are ended by who asked, by their deadline, and with the session', async () => {
    const { runs, client } = await opened({ gap_ms: 60_000 });
    const asking = await client();
    const stop = new AbortController();
    const aborted = asking.gap('Counter-v0', {}, { signal: stop.signal });
    await eventually(() => runs.length === 1);
    stop.abort(new Error('enough'));
    expect(await aborted.catch((error: Error) => error.message)).to.equal('enough');
    expect(runs[0]!.cancelled).to.equal(true);
    expect(await codeOf(asking.gap('Counter-v0', { deadline_s: 0.02 }))).to.equal('STEP_DEADLINE');
    expect(runs[1]!.cancelled).to.equal(true);
    const left = asking.gap('Counter-v0').catch((error: GroundtwinError) => error.code);
    await eventually(() => runs.length === 3);
    await asking.close();
    expect(await left).to.equal('CONNECTION_CLOSED');
    await eventually(() => runs[2]!.cancelled);
  });

  it('are bounded: so many of a session, so many in all, so long at most', async () => {
    const { runs, client } = await opened({ maxGaps: 2, maxGapsPerSession: 1, gap_ms: 60 });
    const [one, two, three] = [await client(), await client(), await client()];
    const running = [one.gap('Counter-v0', { deadline_s: 1e9 }), two.gap('Counter-v0')].map((pending) => codeOf(pending));
    await eventually(() => runs.length === 2);
    expect(await codeOf(one.gap('Counter-v0'))).to.equal('CAPACITY');
    expect(await codeOf(three.gap('Counter-v0'))).to.equal('CAPACITY');
    expect(await Promise.all(running)).to.deep.equal(['STEP_DEADLINE', 'STEP_DEADLINE']);
    const after = three.gap('Counter-v0');
    await eventually(() => runs.length === 3);
    runs[2]!.finish(reportOf('FAIL'));
    expect((await after).verdict).to.equal('FAIL');
    for (const client of [one, two, three]) await client.close();
  });

  it('are refused where there is nobody to measure, and for a deadline that is none', async () => {
    const server = await start();
    const client = await connect({ url: server.url, token: TOKEN, clock });
    expect(await codeOf(client.gap('Counter-v0'))).to.equal('CALL_UNSUPPORTED');
    await client.close();
    const { runs, client: other } = await opened();
    const asking = await other();
    for (const deadline_s of [0, -1, Number.NaN]) expect(await codeOf(asking.gap('Counter-v0', { deadline_s }))).to.equal('OPTION_INVALID');
    expect(runs).to.deep.equal([]);
    await asking.close();
  });
});
