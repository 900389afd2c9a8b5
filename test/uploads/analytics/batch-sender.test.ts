// The policy of batches with a collector that answers as a test says. The real far side is in `batches.test.ts`.

import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { responseInfo } from '#http/headers.ts';
import type { Session, SessionRequest, SessionResponse } from '#http/session/session.ts';
import type { Verdict } from '#spool/delivery.ts';
import type { BatchRange } from '#spool/segments/range.ts';
import type { SpoolEntry } from '#spool/spool.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { BatchSender, type SentFacts } from '#uploads/analytics/batch-sender.ts';

const LINES = ['a', 'b', 'c'].map((id) => `{"id":"${id}","received_at":"2026-11-30T00:00:00Z","document":{}}\n`);
const CONTENT = Buffer.from(LINES.join(''));
const RANGE: BatchRange = {
  segment: '01936f3e-0000-7000-8000-000000000000',
  offset: 0,
  length: CONTENT.length,
  sha256: 'ab'.repeat(32),
  documents: 3,
};
const KEY = RANGE.segment;

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body?: unknown;
  readonly headers?: readonly string[];
}

const RECEIPT = { batch: KEY, sha256: RANGE.sha256, durable: true, rejected: [] };
const JSON_TYPE = 'application/json';

let requests: SessionRequest[];
let records: SentFacts[];
let answers: (Answer | Error)[];
let route: string;
let sender: BatchSender;

beforeEach(() => {
  requests = [];
  records = [];
  answers = [];
  route = 'corp';
  sender = makeSender();
});

function makeSender(section: object = {}): BatchSender {
  const session = {
    request: (request: SessionRequest) => {
      requests.push(request);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('one request more than expected');
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(respond(answer));
    },
  } as unknown as Session;
  const part = (documents: number) => ({ key: `${KEY}.${documents}`, body: { ...RANGE, documents } });
  return new BatchSender({
    documents: {
      body: () => ({ length: CONTENT.length, sha256: RANGE.sha256, open: () => chunks(CONTENT) }),
      lines: () => lines(),
      evidence: (_range, reasons) => ({ open: () => chunks(Buffer.from(JSON.stringify([...reasons]))) }),
      cut: () => Promise.resolve([part(2), part(1)]),
      halve: () => Promise.resolve([part(2), part(1)]),
    },
    session,
    clock: new FakeClock(),
    scope: { purpose: 'exposure_analytics', thread: 'Analytics' },
    settings: () =>
      ({
        exposure_analytics: {
          url: 'https://analytics.example.com/batches',
          batch_max_documents: 10,
          batch_max_bytes: 1_000_000,
          ...section,
        },
        response_timeout: { base_ms: 30_000 },
      }) as never,
    routeKey: () => route,
    headers: () => ({ 'user-agent': 'Sallyport/test' }),
    record: (facts) => {
      records.push(facts);
      return Promise.resolve();
    },
  });
}

function respond({ status, type, body = '', headers = [] }: Answer): SessionResponse {
  const rawHeaders = [...(type === undefined ? [] : ['Content-Type', type]), ...headers];
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    head: responseInfo({ status, reason: '', rawHeaders }),
    body: Buffer.from(text),
    measured: {} as never,
    facts: { proxy: 'corp', how: 'connect', proxyUrl: null } as never,
  };
}

async function* chunks(bytes: Uint8Array) {
  yield await Promise.resolve(bytes);
}
async function* lines() {
  for (const id of ['a', 'b', 'c']) yield await Promise.resolve({ id } as never);
}

function entry(body: Partial<BatchRange> = {}, postponed: object | null = null): SpoolEntry<BatchRange> {
  const head = { key: KEY, kind: 'batch', acceptedAtMs: 0, attempts: 0, held: false, attachment: null };
  return { ...head, postponed, body: { ...RANGE, ...body } } as SpoolEntry<BatchRange>;
}

async function send(to: Partial<BatchRange> = {}, postponed: object | null = null): Promise<Verdict<BatchRange>> {
  const signal = new AbortController().signal;
  return await sender.send({ entry: entry(to, postponed), attachment: null, signal });
}

const bodyOf = (at: number) => requests[at]?.request.body as Uint8Array;
const headersOf = (at: number) => requests[at]?.request.headers ?? {};

describe('a batch', () => {
  it('is one POST in zstd with its id, its digest and its number of documents', async () => {
    answers = [{ status: 201, type: JSON_TYPE, body: RECEIPT }];
    expect(await send()).toMatchObject({ does: 'settle', says: [{ name: 'batch-sent', thread: 'Analytics' }] });
    expect(headersOf(0)).toMatchObject({
      'user-agent': 'Sallyport/test',
      'content-encoding': 'zstd',
      'idempotency-key': KEY,
      'unencoded-digest': `sha-256=:${Buffer.from(RANGE.sha256, 'hex').toString('base64')}:`,
      'sallyport-documents': '3',
    });
    expect(zstdDecompressSync(bodyOf(0))).toEqual(CONTENT);
    expect(records).toMatchObject([{ batch: KEY, documents: 3, bytes: CONTENT.length, rejected: 0 }]);
  });

  it('tries the next coding after 415, and remembers it', async () => {
    answers = [{ status: 415 }, { status: 200, type: JSON_TYPE, body: RECEIPT }];
    await send();
    answers = [{ status: 415 }, { status: 200, type: JSON_TYPE, body: RECEIPT }];
    await send();
    expect(requests.map((_one, at) => headersOf(at)['content-encoding'])).toEqual(['zstd', 'gzip', 'gzip', undefined]);
    expect(gunzipSync(bodyOf(1))).toEqual(CONTENT);
    expect(Buffer.from(bodyOf(3))).toEqual(CONTENT);
    answers = [{ status: 415 }];
    expect(await send()).toMatchObject({ does: 'postpone', holds: true, failure: { code: 'ORIGIN-REFUSED' } });
  });

  it('over a limit of the configuration is cut before it is sent', async () => {
    sender = makeSender({ batch_max_documents: 2 });
    expect(await send()).toMatchObject({ does: 'split', parts: [{}, {}], says: [] });
    expect(requests).toEqual([]);
  });

  it('is kept, and holds the others, for every response without a receipt', async () => {
    const kept: Answer[] = [401, 403, 404, 407, 429, 500, 503, 507].map((status) => ({ status }));
    const none = [{ status: 200 }, { status: 204 }, { status: 200, type: JSON_TYPE, body: { ...RECEIPT, batch: 'x' } }];
    for (const answer of [...kept, ...none]) {
      answers = [answer];
      expect(await send()).toMatchObject({ does: 'postpone', holds: true });
    }
    expect(records).toEqual([]);
  });

  it('is kept if the network fails, and a row of equal failures is one warning', async () => {
    const failure = () => coded('TCP-REFUSED', { host: 'a', port: 1 } as never);
    const said: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      answers = [failure()];
      const verdict = await send();
      if (verdict.does === 'postpone') said.push(...verdict.says(0).map(({ name }) => name));
    }
    answers = [{ status: 200, type: JSON_TYPE, body: RECEIPT }];
    const { says } = await send();
    expect(said).toEqual(['batch-failed', 'batch-failed-again', 'batch-failed-again']);
    expect(says).toMatchObject([{ name: 'batch-sent' }, { name: 'batches-recovered', failures: 3 }]);
  });
});

describe('a refusal of the content', () => {
  const PROBLEM = { title: 'Unprocessable Content', detail: 'a is missing', batch: KEY };
  const refusal = { status: 422, type: 'application/problem+json', body: PROBLEM };

  it('halves the batch, and rejects a document that is alone', async () => {
    answers = [refusal];
    expect(await send()).toMatchObject({ does: 'split' });
    answers = [refusal];
    const verdict = await send({ documents: 1 });
    expect(verdict).toMatchObject({ does: 'reject', reason: 'a is missing', failure: { code: 'DOCUMENTS-REJECTED' } });
  });

  it('of a proxy halves the batch and is remembered as a limit', async () => {
    answers = [{ status: 413, type: 'text/html', body: '<h1>413 Request Entity Too Large</h1>' }];
    expect(await send({ length: 400_000 })).toMatchObject({ does: 'split' });
    expect(await send({ length: 300_000 })).toMatchObject({ does: 'split' });
    answers = [{ status: 413 }];
    expect(await send({ documents: 1 })).toMatchObject({ does: 'postpone' });
    expect(requests).toHaveLength(2);
  });

  it('of single documents in a receipt keeps them with their reasons', async () => {
    const rejected = [{ id: 'b', reason: 'too old' }];
    answers = [{ status: 200, type: JSON_TYPE, body: { ...RECEIPT, rejected } }];
    const verdict = await send();
    expect(verdict).toMatchObject({ does: 'reject', reason: '1 of 3 documents' });
    const evidence = verdict.does === 'reject' ? verdict.evidence : undefined;
    for await (const chunk of evidence?.open() ?? []) expect(Buffer.from(chunk).toString()).toContain('too old');
    expect(records).toMatchObject([{ rejected: 1 }]);
  });

  it('of a document that is not in the batch keeps the batch', async () => {
    answers = [{ status: 200, type: JSON_TYPE, body: { ...RECEIPT, rejected: [{ id: 'z', reason: '' }] } }];
    expect(await send()).toMatchObject({ does: 'postpone', failure: { code: 'BATCH-NO-RECEIPT' } });
    expect(records).toEqual([]);
  });

  it('because of other bytes under the same id holds the batch', async () => {
    answers = [{ ...refusal, status: 409 }];
    expect(await send()).toMatchObject({ does: 'hold', failure: { code: 'BATCH-CONFLICT' } });
  });
});

describe('blocked content', () => {
  const PAGE = { status: 200, type: 'text/html', body: '<title>Data loss prevention</title>Your upload was blocked.' };

  it('is sent once more after an hour, then held; also over a restart', async () => {
    answers = [PAGE, PAGE];
    expect(await send()).toMatchObject({ does: 'postpone', waitMs: 3_600_000, holds: false });
    expect(await send()).toMatchObject({ does: 'hold', failure: { code: 'CONTENT-BLOCKED' } });
    sender = makeSender();
    answers = [PAGE];
    expect(await send({}, { atMs: 0, untilMs: 0, error: 'CONTENT-BLOCKED' })).toMatchObject({ does: 'hold' });
  });

  it('gets both attempts again over another route', async () => {
    answers = [PAGE, PAGE];
    await send();
    route = 'other';
    expect(await send()).toMatchObject({ does: 'postpone', waitMs: 3_600_000 });
  });
});
