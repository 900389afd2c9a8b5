import { describe, expect, it } from 'vitest';
import { classifyAnswer } from '#uploads/analytics/receipt.ts';

const sent = { batch: 'b-1', sha256: 'ab'.repeat(32), documents: 2 };
const RECEIPT = { batch: 'b-1', sha256: sent.sha256, durable: true, rejected: [] };
const PROBLEM = { type: 'about:blank', title: 'Unprocessable Content', detail: 'field a is missing', batch: 'b-1' };

function classify(status: number, body: unknown, contentType: string | undefined = 'application/json') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return classifyAnswer({ status, contentType, body: Buffer.from(text) }, sent);
}

describe('a receipt', () => {
  it('lets go of the batch, and names the documents that are rejected', () => {
    expect(classify(200, RECEIPT)).toEqual({ means: 'receipt', rejected: [] });
    const rejected = [{ id: 'd-1', reason: 'x'.repeat(1_000) }];
    expect(classify(201, { ...RECEIPT, rejected, more: 1 }, 'application/json; charset=utf-8')).toEqual({
      means: 'receipt',
      rejected: [{ id: 'd-1', reason: `${'x'.repeat(500)}…` }],
    });
  });

  it.each([
    ['an empty 200', 200, '', undefined],
    ['an empty 204', 204, '', 'application/json'],
    ['a page', 200, '<html><body>ok</body></html>', 'text/html'],
    ['a page with the type of JSON', 200, '<html></html>', 'application/json'],
    ['a receipt with another type', 200, JSON.stringify(RECEIPT), 'text/plain'],
    ['a receipt for another batch', 200, { ...RECEIPT, batch: 'b-2' }, 'application/json'],
    ['a receipt for other bytes', 200, { ...RECEIPT, sha256: 'cd'.repeat(32) }, 'application/json'],
    ['a receipt that is not durable', 200, { ...RECEIPT, durable: false }, 'application/json'],
    ['a receipt without durable', 200, { batch: 'b-1', sha256: sent.sha256 }, 'application/json'],
    [
      'a receipt that rejects too many',
      200,
      { ...RECEIPT, rejected: Array(3).fill({ id: 'd', reason: '' }) },
      'application/json',
    ],
    ['a list', 200, [RECEIPT], 'application/json'],
    ['another success', 202, {}, 'application/json'],
  ])('is not %s', (_what, status, body, type) => {
    expect(classify(status, body, type)).toMatchObject({ means: 'none' });
  });
});

describe('a refusal of the content', () => {
  it.each([400, 413, 422])('is %i with a problem of the collector that names the batch', (status) => {
    expect(classify(status, PROBLEM, 'application/problem+json')).toEqual({
      means: 'refused',
      reason: 'field a is missing',
    });
  });

  it.each([400, 401, 403, 404, 407, 408, 409, 422, 429, 500, 502, 503, 507])(
    'needs a problem that names the batch: %i',
    (status) => {
      for (const body of ['', '<html></html>', {}, { ...PROBLEM, batch: 'b-2' }, { ...PROBLEM, batch: undefined }]) {
        expect(classify(status, body, 'application/problem+json')).toMatchObject({ means: 'none' });
      }
    },
  );

  it.each([401, 403, 404, 407, 429, 500, 503, 507])('is not %i, even with a problem that names the batch', (status) => {
    expect(classify(status, PROBLEM, 'application/problem+json')).toMatchObject({ means: 'none' });
  });

  it('409, 415 and a 413 of a proxy have other meanings', () => {
    expect(classify(409, PROBLEM)).toEqual({ means: 'conflict', reason: 'field a is missing' });
    expect(classify(415, '')).toEqual({ means: 'coding' });
    expect(classify(413, '<html></html>', 'text/html')).toEqual({ means: 'too-large' });
  });
});
