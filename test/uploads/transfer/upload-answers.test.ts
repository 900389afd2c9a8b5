// Uploads to a tus server that answers something else at one request: what follows, counted at the server.

import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createCa } from '#test/support/certificates.ts';
import { testRouter } from '#test/support/test-router.ts';
import { bundleOf, factsOf, uploadRig } from '#test/support/upload-rig.ts';
import { startUploadServer } from '#test/support/upload-server.ts';
import type { UploadOutcome } from '#uploads/transfer/upload-types.ts';

const ca = createCa();
const pair = ca.issue();
const trust = { ca: { key: 'support_logs.ca_file', path: '/ca.pem', pem: ca.cert } };
const TUS = { 'tus-resumable': '1.0.0' };
const HTML = { 'content-type': 'text/html' };
const MIB = 1_048_576;
const page = (title: string) => `<html><head><title>${title}</title></head></html>`;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Answers only this number of requests of the kind. */
  readonly times?: number;
}

function say(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  response.writeHead(status, { connection: 'close', ...headers }).end(body);
}

/** A server that answers requests of these kinds in its own words, and an upload to it. */
async function setUp(answers: Record<string, Answer>, over: Parameters<typeof factsOf>[0] = {}) {
  const target = await startUploadServer(pair);
  closing.push(() => target.close());
  const rig = await uploadRig({ router: testRouter({ trust }), factor: 200 });
  closing.push(() => rig.session.close());
  const seen: Record<string, number> = {};
  target.intercept = (request, response, kind) => {
    const count = (seen[kind] ?? 0) + 1;
    seen[kind] = count;
    const answer = answers[kind];
    if (answer === undefined || count > (answer.times ?? Infinity)) return false;
    request.resume();
    say(response, answer);
    return true;
  };
  const facts = factsOf(over);
  const bundle = bundleOf(200_000);
  return { target, rig, facts, bundle, upload: () => rig.upload(target.url, bundle, facts) };
}

const count = (requests: readonly string[], kind: string) => requests.filter((one) => one === kind).length;
const codeOf = (outcome: UploadOutcome) => ('failure' in outcome ? outcome.failure.code : 'none');

describe('a HEAD that is answered', () => {
  it.each([
    [401, {}],
    [403, HTML],
    [404, {}],
    [404, HTML],
    [429, { 'retry-after': '7200' }],
    [500, TUS],
    [503, { 'retry-after': '120' }],
    [200, HTML],
    [200, {}],
    [302, { location: 'https://portal.example.com/' }],
  ])('%i with %j never leads to a second upload', async (status, headers) => {
    const { target, facts, upload } = await setUp({ HEAD: { status, headers } });

    const outcome = await upload();

    expect(outcome.ended).toBe('postponed');
    expect([count(target.requests, 'POST'), count(target.requests, 'PATCH')]).toEqual([1, 0]);
    expect(facts.ops).toEqual(['save']);
    if ('retry-after' in headers && 'failure' in outcome) {
      expect(outcome.failure.facts['retryAfterMs']).toBe(Number(headers['retry-after']) * 1_000);
      expect(count(target.requests, 'HEAD')).toBe(1);
    }
  });

  it('404 by the tus server starts one new upload', async () => {
    const once = await setUp({ HEAD: { status: 404, headers: TUS, times: 1 } });
    expect(await once.upload()).toMatchObject({ ended: 'receipt' });
    expect(once.facts.ops).toEqual(['save', 'forget gone', 'save']);
    expect(once.rig.named('upload-restarted')).toHaveLength(1);

    const always = await setUp({ HEAD: { status: 410, headers: TUS } });
    expect(await always.upload()).toMatchObject({ ended: 'postponed', holds: false });
    expect(count(always.target.requests, 'POST')).toBe(2);
    expect(always.facts.location).toBeNull();
  });

  it('423 waits and continues, and never starts again', async () => {
    const { target, upload } = await setUp({ HEAD: { status: 423, headers: TUS, times: 2 } });
    expect(await upload()).toMatchObject({ ended: 'receipt' });
    expect([count(target.requests, 'POST'), count(target.requests, 'HEAD')]).toEqual([1, 3]);
  });

  it.each([
    ['with an offset beyond the end', { 'upload-offset': '300000', 'upload-length': '200000' }],
    ['with another length', { 'upload-offset': '0', 'upload-length': '1' }],
  ])('%s is that of another file: one new upload, then it ends', async (_name, fields) => {
    const head = { status: 200, headers: { ...TUS, ...fields } };
    const { target, facts, upload } = await setUp({ HEAD: head });
    const outcome = await upload();
    expect([outcome.ended, codeOf(outcome)]).toEqual(['failed', 'UPLOAD-OTHER-BYTES']);
    expect([count(target.requests, 'POST'), facts.otherBytes]).toEqual([2, 1]);

    const { 'tus-resumable': _tus, ...ofProxy } = head.headers;
    const other = await setUp({ HEAD: { status: 200, headers: ofProxy } });
    expect(await other.upload()).toMatchObject({ ended: 'postponed' });
    expect(count(other.target.requests, 'POST')).toBe(1);
  });

  it('with an offset that goes back sends the lost end again', async () => {
    const { target, facts, bundle, rig } = await setUp({ complete: { status: 503, times: 1 } });
    const lose = target.intercept;
    target.intercept = (request, response, kind) => {
      if (kind === 'complete' && count(target.requests, 'complete') === 1) {
        void target.cut(facts.location ?? '', 50_000).then(() => say(response, { status: 409, headers: TUS }));
        return true;
      }
      return kind === 'complete' ? false : lose(request, response, kind);
    };

    expect(await rig.upload(target.url, bundle, facts)).toMatchObject({ ended: 'receipt' });
    expect(facts.confirmed).toEqual([0, 200_000, 50_000, 200_000]);
    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
  });
});

describe('a PATCH that is refused', () => {
  it.each([
    [403, {}, ''],
    [405, HTML, page('405 Not Allowed')],
    [501, {}, ''],
    [200, HTML, page('Method blocked')],
  ])('with %i is replaced by POST with an override', async (status, headers, body) => {
    const { target, rig, bundle, upload, facts } = await setUp({ PATCH: { status, headers, body } });

    expect(await upload()).toMatchObject({ ended: 'receipt' });
    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
    expect(await rig.upload(target.url, bundle, factsOf())).toMatchObject({ ended: 'receipt' });

    expect(count(target.requests, 'PATCH')).toBe(1);
    expect(rig.named('upload-method')).toHaveLength(1);
  });

  it('as is the override, is replaced by PUT', async () => {
    const { target, rig, bundle, upload } = await setUp({ PATCH: { status: 405 }, override: { status: 405 } });

    expect(await upload()).toMatchObject({ ended: 'receipt' });
    expect(target.files.get(`/files/${bundle.fileName}`)?.equals(bundle.bytes)).toBe(true);
    const before = target.requests.length;
    expect(await rig.upload(target.url, bundle, factsOf())).toMatchObject({ ended: 'receipt' });

    expect(target.requests.slice(before)).toEqual(['PUT']);
  });

  it('by 409 asks for the offset and continues', async () => {
    const { target, upload } = await setUp({ PATCH: { status: 409, headers: TUS, times: 1 } });
    expect(await upload()).toMatchObject({ ended: 'receipt' });
    expect(target.requests).toEqual(['POST', 'HEAD', 'PATCH', 'HEAD', 'PATCH', 'complete']);
  });

  it('by 507 waits as long as the server asks', async () => {
    const { facts, upload } = await setUp({ PATCH: { status: 507, headers: { ...TUS, 'retry-after': '3600' } } });
    expect(await upload()).toMatchObject({ ended: 'postponed', failure: { facts: { retryAfterMs: 3_600_000 } } });
    expect(facts.location).not.toBeNull();
  });

  it('with an offset that does not advance ends', async () => {
    const { target, upload } = await setUp({ PATCH: { status: 204, headers: { ...TUS, 'upload-offset': '0' } } });
    expect(codeOf(await upload())).toBe('UPLOAD-OFFSET');
    expect(count(target.requests, 'PATCH')).toBe(5);
  });

  it('by 413 is repeated with smaller chunks', async () => {
    const { target, rig } = await setUp({});
    target.intercept = (request, response, kind) => {
      if (kind !== 'PATCH' || Number(request.headers['content-length']) <= MIB) return false;
      say(response, { status: 413, headers: HTML, body: page('413 Request Entity Too Large') });
      return true;
    };
    const [bundle, facts] = [bundleOf(3_000_000), factsOf()];

    expect(await rig.upload(target.url, bundle, facts)).toMatchObject({ ended: 'receipt' });

    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
    expect(count(target.requests, 'POST')).toBe(1);
    expect(rig.named('upload-chunk-size')[0]).toMatchObject({ code: '413 from a gateway in front of the server' });
    expect(rig.paths.latest(target.url.origin, rig.ports.clock.now()).chunk.bytes).toBe(MIB);
  });
});

describe('content that a scanner blocks', () => {
  it.each([
    [200, { ...HTML, 'x-virus-id': 'Test' }, page('Blocked')],
    [403, HTML, page('Malware detected')],
    [503, { 'x-infection-found': 'Type=0; Threat=Test;' }, ''],
  ])('with %i and a mark is sent once, by one method', async (status, headers, body) => {
    const { target, facts, upload } = await setUp({ PATCH: { status, headers, body } });
    const outcome = await upload();
    expect([outcome.ended, codeOf(outcome)]).toEqual(['blocked', 'CONTENT-BLOCKED']);
    expect([count(target.requests, 'PATCH'), count(target.requests, 'override')]).toEqual([1, 0]);
    expect(facts.location).not.toBeNull();
  });

  it('by a page is sent once if the method is known to work', async () => {
    const { target, rig, bundle, upload } = await setUp({});
    expect(await upload()).toMatchObject({ ended: 'receipt' });
    const before = target.requests.length;
    target.intercept = (_request, response, kind) => {
      if (kind === 'PATCH') say(response, { status: 200, headers: HTML, body: page('Upload stopped by policy 7') });
      return kind === 'PATCH';
    };

    const outcome = await rig.upload(target.url, bundle, factsOf());

    expect(outcome).toMatchObject({ ended: 'blocked', failure: { facts: { title: 'Upload stopped by policy 7' } } });
    expect(target.requests.slice(before)).toEqual(['POST', 'HEAD', 'PATCH']);
    if (outcome.ended === 'blocked') expect(outcome.failure.check).toContain(`bundle ${bundle.job}`);
  });

  it('by a page to both methods is sent no third time', async () => {
    const answer = { status: 403, headers: HTML, body: page('Upload stopped') };
    const { target, upload } = await setUp({ PATCH: answer, override: answer });
    expect((await upload()).ended).toBe('blocked');
    expect(target.requests).toEqual(['POST', 'HEAD', 'PATCH', 'HEAD', 'override']);
  });

  it('is not the error page of a gateway', async () => {
    const body = page('502 Bad Gateway');
    const { upload } = await setUp({ PATCH: { status: 502, headers: HTML, body, times: 2 } });
    expect(await upload()).toMatchObject({ ended: 'receipt' });
  });
});

describe('a creation that is answered', () => {
  it('with a Location of another server sends nothing there', async () => {
    const headers = { ...TUS, location: 'https://evil.example.com/files/1' };
    const { target, facts, upload } = await setUp({ POST: { status: 201, headers } });
    expect(codeOf(await upload())).toBe('URL-ELSEWHERE');
    expect([target.requests, facts.ops]).toEqual([['POST'], []]);
  });

  it('without a usable Location is repeated with the same key', async () => {
    const { target, upload, bundle } = await setUp({ POST: { status: 201, headers: TUS, times: 1 } });
    expect(await upload()).toMatchObject({ ended: 'receipt' });
    expect(target.headers.slice(0, 2).map((headers) => headers['idempotency-key'])).toEqual([bundle.job, bundle.job]);
  });

  it('with a page is blocked', async () => {
    const { target, upload } = await setUp({ POST: { status: 200, headers: HTML, body: page('Category blocked') } });
    expect((await upload()).ended).toBe('blocked');
    expect(target.requests).toEqual(['POST']);
  });
});

describe('a completion that is answered', () => {
  const problem = (job: string) => ({
    status: 422,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify({ title: 'digest differs', detail: 'sha256 is abc', job }),
  });

  it('422 about our job leads to one new upload, then it fails', async () => {
    const { target, facts, upload } = await setUp({ complete: problem('20261130-k3f9q2') });
    const outcome = await upload();
    expect([outcome.ended, codeOf(outcome)]).toEqual(['failed', 'UPLOAD-OTHER-BYTES']);
    expect([count(target.requests, 'POST'), facts.otherBytes]).toEqual([2, 1]);
  });

  it('422 about another job is kept and repeated', async () => {
    const { target, upload } = await setUp({ complete: problem('another') });
    expect((await upload()).ended).toBe('postponed');
    expect(count(target.requests, 'POST')).toBe(1);
  });

  it('409 asks for the offset and continues', async () => {
    const { target, upload } = await setUp({ complete: { status: 409, times: 1 } });
    expect(await upload()).toMatchObject({ ended: 'receipt' });
    expect(target.requests).toEqual(['POST', 'HEAD', 'PATCH', 'complete', 'HEAD', 'complete']);
  });

  const receipt = { job: '20261130-k3f9q2', sha256: '', length: 200_000, durable: true, receipt: 'r-1' };
  it.each([
    ['an empty success', ''],
    ['another job', JSON.stringify({ ...receipt, job: 'other' })],
    ['another digest', JSON.stringify({ ...receipt, sha256: 'ab' })],
    ['another length', JSON.stringify({ ...receipt, length: 1 })],
    ['a file that is not durable', JSON.stringify({ ...receipt, durable: false })],
    ['a receipt with a space', JSON.stringify({ ...receipt, receipt: 'r 1' })],
  ])('with %s is not a receipt', async (_name, body) => {
    const { facts, upload, target, bundle } = await setUp({
      complete: { status: 200, body: body.replace('"sha256":""', `"sha256":"${bundleOf(200_000).sha256}"`) },
    });
    expect(codeOf(await upload())).toBe('UPLOAD-NO-RECEIPT');
    expect(facts.location).not.toBeNull();
    expect(count(target.requests, 'POST')).toBe(1);
    expect(bundle.sha256).toHaveLength(64);
  });
});
