import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type Origin, type OriginOptions, startOrigin } from '#origin/server.ts';

const opened: { readonly origin: Origin; readonly dir: string }[] = [];
afterEach(async () => {
  for (const { origin, dir } of opened.splice(0)) {
    await origin.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

async function start(options: Partial<OriginOptions> = {}): Promise<Origin> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'sallyport-batches-'));
  const origin = await startOrigin({ limits: { lingerMs: 200 }, ...options, dir });
  opened.push({ origin, dir });
  return origin;
}

const line = (id: string, document: unknown = { n: id }) =>
  `${JSON.stringify({ id, received_at: '2026-11-30T03:44:30.123Z', document })}\n`;
const lines = (...ids: string[]) => ids.map((id) => line(id)).join('');
const sha256 = (body: string | Buffer) => createHash('sha256').update(body).digest();

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

interface Sent {
  readonly batch?: string;
  readonly headers?: Record<string, string>;
  readonly coded?: Buffer;
}

async function post(
  origin: Origin,
  text: string | Buffer,
  { batch = 'b1', headers = {}, coded }: Sent = {},
): Promise<Answer> {
  const response = await fetch(origin.analyticsUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-ndjson',
      'idempotency-key': batch,
      'unencoded-digest': `sha-256=:${sha256(text).toString('base64')}:`,
      'sallyport-documents': String(text.toString().split('\n').length - 1),
      'sallyport-agent': 'agent-1',
      ...headers,
    },
    body: new Uint8Array(coded ?? Buffer.from(text)),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
}

const stored = (origin: Origin) => readFileSync(origin.documentsFile, 'utf8');

describe('batches', () => {
  it('batch: it is stored as it came, and answered with a receipt', async () => {
    const origin = await start();
    const text = lines('d1', 'd2');
    const { status, body } = await post(origin, text);
    expect([status, body]).toEqual([
      201,
      { batch: 'b1', sha256: sha256(text).toString('hex'), durable: true, rejected: [] },
    ]);
    expect(stored(origin)).toBe(text);
    expect(origin.record).toMatchObject({
      batches: [{ batch: 'b1', agent: 'agent-1', documents: 2, stored: 2, rejected: [] }],
      documents: 2,
    });
    // Other users of the machine cannot read them.
    expect(statSync(join(origin.documentsFile, '../..')).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['zstd', (text: string) => zstdCompressSync(text)],
    ['gzip', (text: string) => gzipSync(text)],
    ['x-gzip', (text: string) => gzipSync(text)],
  ])('batch: one coded as %s is stored without the coding', async (coding, code) => {
    const origin = await start();
    const text = lines('d1', 'd2');
    const answer = await post(origin, text, { coded: code(text), headers: { 'content-encoding': coding } });
    expect([answer.status, stored(origin)]).toEqual([201, text]);
  });

  it('batch: a repeated one gets the same receipt, also recoded and after a restart', async () => {
    const reject = (document: unknown) => ((document as { n: string }).n === 'd2' ? 'd2 is not wanted' : null);
    const first = await start({ uploads: { batches: { reject } } });
    const text = lines('d1', 'd2');
    const receipt = (await post(first, text)).body;
    expect(receipt['rejected']).toEqual([{ id: 'd2', reason: 'd2 is not wanted' }]);
    const coded = { coded: gzipSync(text), headers: { 'content-encoding': 'gzip' } };
    expect(await post(first, text, coded)).toMatchObject({ status: 200, body: receipt });
    await first.close();
    const again = await start({ dir: opened[0]?.dir ?? '' });
    expect(await post(again, text)).toMatchObject({ status: 200, body: receipt });
    expect([stored(again), again.record.documents]).toEqual([line('d1'), 1]);
  });

  it('batch: one that arrives several times at once is stored once', async () => {
    const origin = await start();
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(origin, lines('d1', 'd2'))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 201]);
    expect(stored(origin)).toBe(lines('d1', 'd2'));
  });

  it('batch: an id that was used for other bytes is refused with 409', async () => {
    const origin = await start();
    await post(origin, lines('d1'));
    const { status, headers, body } = await post(origin, lines('d2'));
    expect([status, headers.get('content-type'), body['batch']]).toEqual([409, 'application/problem+json', 'b1']);
    expect(stored(origin)).toBe(lines('d1'));
  });

  it('batch: no document is stored twice, from one batch or from several', async () => {
    const origin = await start();
    await post(origin, lines('d1', 'd2', 'd1'));
    expect((await post(origin, lines('d2', 'd3'), { batch: 'b2' })).body['rejected']).toEqual([]);
    expect(stored(origin)).toBe(lines('d1', 'd2', 'd3'));
    expect(origin.record.batches.map((batch) => [batch.documents, batch.stored])).toEqual([
      [3, 2],
      [2, 1],
    ]);
  });

  it.each([
    ['no JSON', 400, `${line('d1')}{"id":\n`, 'Line 2 is not JSON.'],
    ['no object', 400, '[]\n', 'Line 1 is not a JSON object.'],
    ['a cut last line', 400, '{"id":"d1"', 'The last line does not end with a newline.'],
    ['no UTF-8', 400, Buffer.from('{"id":"\xe9"}\n', 'latin1'), 'The body is not UTF-8.'],
    ['no id', 422, '{"received_at":"2026-11-30T00:00:00Z","document":1}\n', 'Line 1 has no valid ID.'],
    ['no time', 422, '{"id":"d1","received_at":"yesterday","document":1}\n', 'Line 1 has no valid received_at.'],
    ['no document', 422, '{"id":"d1","received_at":"2026-11-30T00:00:00Z"}\n', 'Line 1 has no document.'],
  ])('batch: content with %s is refused with the id of the batch', async (_what, status, text, detail) => {
    const origin = await start();
    expect(await post(origin, text)).toMatchObject({ status, body: { batch: 'b1', detail, status } });
    expect(stored(origin)).toBe('');
  });

  it('batch: one over a limit is refused with 413 and its id, however it is coded', async () => {
    const limits = { batchBytes: 2_000, batchDocuments: 3 };
    const origin = await start({ uploads: { limits } });
    const large = line('d1', 'x'.repeat(2_000));
    const bomb = { coded: zstdCompressSync(Buffer.alloc(64 * 1024 * 1024)), headers: { 'content-encoding': 'zstd' } };
    expect(await post(origin, large)).toMatchObject({ status: 413, body: { batch: 'b1' } });
    expect(await post(origin, large, bomb)).toMatchObject({ status: 413, body: { batch: 'b1' } });
    const gzip = { coded: gzipSync(Buffer.alloc(1024 * 1024)), headers: { 'content-encoding': 'gzip' } };
    expect(await post(origin, large, gzip)).toMatchObject({ status: 413, body: { batch: 'b1' } });
    expect(await post(origin, lines('1', '2', '3', '4'))).toMatchObject({ status: 413, body: { batch: 'b1' } });
    expect(origin.record.documents).toBe(0);
  });

  it('batch: one damaged on the network is refused without its id, so that it is not split', async () => {
    const origin = await start();
    const text = lines('d1', 'd2');
    const cut = { coded: zstdCompressSync(text).subarray(0, -4), headers: { 'content-encoding': 'zstd' } };
    const wrong: [Sent, string][] = [
      [cut, 'The body is not zstd.'],
      [{ coded: Buffer.from(line('d1')) }, 'The body does not have the digest of Unencoded-Digest.'],
      [{ headers: { 'unencoded-digest': 'sha-512=:AAAA:' } }, 'The header Unencoded-Digest with sha-256 is missing.'],
      [{ headers: { 'idempotency-key': 'a b' } }, 'The header Idempotency-Key with the ID of the batch is missing.'],
      [{ headers: { 'sallyport-documents': 'two' } }, 'The header Sallyport-Documents with a number is missing.'],
      [{ headers: { 'sallyport-documents': '3' } }, 'The body has 2 documents, Sallyport-Documents has 3.'],
    ];
    for (const [sent, detail] of wrong) {
      const { status, body } = await post(origin, text, sent);
      expect([status, body]).toEqual([400, { type: 'about:blank', title: 'Bad Request', status: 400, detail }]);
    }
    expect(stored(origin)).toBe('');
  });

  it('batch: a coding that the server lacks gets 415 and the codings that it has', async () => {
    const origin = await start({ uploads: { batches: { codings: ['gzip', 'none'] } } });
    const { status, headers, body } = await post(origin, lines('d1'), { headers: { 'content-encoding': 'zstd' } });
    expect([status, headers.get('accept-encoding'), body['batch']]).toEqual([415, 'gzip, identity', undefined]);
    expect((await post(origin, lines('d1'), { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await fetch(origin.analyticsUrl)).status).toBe(405);
  });

  it('batch: one that a rule refuses as a whole is refused with its id', async () => {
    const refuse = (documents: readonly unknown[]) =>
      documents.length > 1 ? ({ status: 422, detail: 'one at a time' } as const) : null;
    const origin = await start({ uploads: { batches: { refuse } } });
    expect(await post(origin, lines('d1', 'd2'))).toMatchObject({ status: 422, body: { detail: 'one at a time' } });
    expect((await post(origin, lines('d1'))).status).toBe(201);
  });

  it.each([
    ['documents', { storedDocuments: 2 }],
    ['batches', { storedBatches: 1 }],
    ['bytes', { storedBytes: 300 }],
  ])('batch: one beyond the quota of %s gets 507 and Retry-After, without its id', async (_what, limits) => {
    const origin = await start({ uploads: { limits } });
    expect((await post(origin, lines('d1', 'd2'))).status).toBe(201);
    const { status, headers, body } = await post(origin, lines('d3'), { batch: 'b2' });
    expect([status, headers.get('retry-after'), body['batch']]).toEqual([507, '3600', undefined]);
    // What is already there is still acknowledged.
    expect((await post(origin, lines('d1', 'd2'))).status).toBe(200);
  });

  it('batch: one for which there is no memory gets 503 and Retry-After', async () => {
    const origin = await start({ uploads: { limits: { bufferedBytes: 100 } } });
    const { status, headers, body } = await post(origin, lines('d1', 'd2'));
    expect([status, headers.get('retry-after'), body['batch']]).toEqual([503, '1', undefined]);
    expect((await post(origin, line('d', 1))).status).toBe(201);
  });

  it('batch: a test object is read and discarded', async () => {
    const origin = await start({ uploads: { limits: { testBytes: 5_000 } } });
    const headers = { 'sallyport-test': '?1', 'content-encoding': 'zstd' };
    expect(await post(origin, 'x'.repeat(4_000), { headers })).toMatchObject({
      status: 200,
      body: { test: true, length: 4_000 },
    });
    expect((await post(origin, 'x'.repeat(5_001), { headers })).status).toBe(413);
    expect([origin.record.batches, stored(origin)]).toEqual([[], '']);
  });

  it('batch: nothing that was received is served', async () => {
    const origin = await start();
    await post(origin, lines('d1'));
    for (const path of ['received/analytics/documents.ndjson', 'received/analytics/batches.jsonl', 'received']) {
      expect((await fetch(`${origin.url}/${path}`)).status).toBe(404);
    }
    const record = (await (await fetch(`${origin.acknowledgeUrl}/record`)).json()) as Record<string, unknown[]>;
    expect(record['batches']).toMatchObject([{ batch: 'b1' }]);
  });
});

describe('bodies', () => {
  const head = (length: number, more = '') =>
    `POST /analytics HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nIdempotency-Key: b1\r\n` +
    `Unencoded-Digest: sha-256=:${sha256('').toString('base64')}:\r\nSallyport-Documents: 1\r\n` +
    `Content-Length: ${length}\r\n${more}\r\n`;

  /** Sends bytes at intervals and returns everything that comes back until the connection ends. */
  function drip(
    origin: Origin,
    first: string,
    { piece, everyMs }: { piece: string; everyMs: number },
  ): Promise<string> {
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect(Number(new URL(origin.url).port), '127.0.0.1', () => socket.write(first));
      const timer = setInterval(() => socket.write(piece), everyMs);
      socket.setEncoding('latin1').on('data', (chunk) => {
        answer += String(chunk);
      });
      socket
        .on('error', () => undefined)
        .on('close', () => {
          clearInterval(timer);
          resolve(answer);
        });
    });
  }

  it('body: an upload may take longer than other requests while it makes progress', async () => {
    const origin = await start({ limits: { requestMs: 100, progressMs: 100, progressBytes: 10, lingerMs: 50 } });
    const answer = await drip(origin, head(400), { piece: 'x'.repeat(20), everyMs: 20 });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('body: an upload that drips is cut off with 408', async () => {
    const origin = await start({ limits: { progressMs: 150, progressBytes: 100, lingerMs: 50 } });
    expect(await drip(origin, head(400), { piece: 'x', everyMs: 20 })).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('body: that of another request is cut off with 408 after its total time', async () => {
    const origin = await start({ limits: { requestMs: 100 } });
    const slow =
      'POST /acknowledge HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n';
    expect(await drip(origin, slow, { piece: 'x'.repeat(10), everyMs: 20 })).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('body: a client that waits for 100 Continue does not send one that is refused', async () => {
    const origin = await start({ uploads: { limits: { batchBytes: 1_000 } }, limits: { lingerMs: 50 } });
    const none = { piece: '', everyMs: 1_000 };
    expect(await drip(origin, head(1_001, 'Expect: 100-continue\r\n'), none)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('body: a refused one is read for a while, so that its sender gets the refusal', async () => {
    const origin = await start({ uploads: { limits: { batchBytes: 1_000 } }, limits: { lingerMs: 2_000 } });
    const { status } = await post(origin, 'x'.repeat(8 * 1024 * 1024));
    expect(status).toBe(413);
  });
});
