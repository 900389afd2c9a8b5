// Content-Digest of uploads, which a signature covers, against the body that arrived.

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { complete, create, patch, put, send, uploadUrl } from '#test/support/upload-client.ts';

let dir: string;
let origin: Origin;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-content-digest-'));
  origin = await startOrigin({ dir });
});
afterAll(async () => {
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

const digestOf = (bytes: string | Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
const DOCUMENTS = '{"id":"d-1","received_at":"2026-11-30T00:00:00Z","document":{"n":1}}\n';
const OTHER = digestOf('other bytes');

/** A batch in gzip: Content-Digest is that of the coded bytes (RFC 9530, 2). */
function batch(id: string, contentDigest: (coded: Uint8Array) => string) {
  const coded = gzipSync(DOCUMENTS);
  const headers = {
    'content-type': 'application/x-ndjson',
    'content-encoding': 'gzip',
    'idempotency-key': id,
    'unencoded-digest': digestOf(DOCUMENTS),
    'sallyport-documents': '1',
    'content-digest': contentDigest(coded),
  };
  return send(origin.analyticsUrl, { method: 'POST', headers, body: new Uint8Array(coded) });
}

describe('Content-Digest of an upload', () => {
  it('content-digest: a batch needs the digest of its coded bytes', async () => {
    const refused = await batch('b-1', () => OTHER);
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('Content-Digest') } });
    expect(refused.body).not.toHaveProperty('batch');
    expect((await batch('b-1', () => 'sha-512=:AAAA:')).status).toBe(400);
    expect((await batch('b-1', digestOf)).status).toBe(201);
  });

  it('content-digest: a whole bundle with another digest is refused, and nothing of it stays', async () => {
    const bundle = { job: '20261130-put111', bytes: Buffer.from('PK a bundle') };
    expect((await put(origin, bundle, { 'content-digest': OTHER })).status).toBe(400);
    expect(origin.record.bundles).toEqual([]);
    expect((await put(origin, bundle, { 'content-digest': digestOf(bundle.bytes) })).status).toBe(201);
  });

  it('content-digest: a completion with another digest is refused, and can be repeated', async () => {
    const bundle = { job: '20261130-tus111', bytes: Buffer.from('zstd bytes') };
    const url = uploadUrl(origin, await create(origin, bundle));
    await patch(url, bundle.bytes, 0);
    const headers = { 'content-type': 'application/json', 'content-digest': OTHER };
    expect((await send(`${url}/complete`, { method: 'POST', headers, body: '{}' })).status).toBe(400);
    expect((await complete(url, bundle)).status).toBe(201);
  });
});
