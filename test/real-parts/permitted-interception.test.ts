// A real Squid that decrypts TLS with permission (ssl-bump, `allow_interception_by`). Squid logs the headers that it reads, so
// its log proves which secrets it received.

import { chmodSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { purposeHeaders } from '#http/purpose-headers.ts';
import { createCa } from '#test/support/certificates.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

import { HttpTufSource } from '#updates/signed/tuf-source.ts';

const TOKEN = 'token-of-the-purpose-123456';
const API_KEY = 'key-of-the-purpose-654321';
const WRONG_PIN = `sha256/${Buffer.alloc(32).toString('base64')}`;
const originCa = createCa('Origin CA');
const bumpCa = createCa('Corp TLS Inspection CA');
const SIGNED = { trust: 'tuf', tuf: { metadata_url: 'https://localhost:9/metadata/' } } as const;

let dir: string;
let origin: TlsOrigin;
let squid: RunningSquid;
let received: IncomingHttpHeaders[] = [];
const composed: Composed[] = [];

describeWith(['squid'], 'a Squid that may decrypt TLS', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-permitted-'));
    chmodSync(dir, 0o777);
    await writeFile(join(dir, 'origin.pem'), originCa.cert);
    // A second CA in the file, as while one replaces the other.
    await writeFile(join(dir, 'inspection.pem'), createCa('Next Inspection CA').cert + bumpCa.cert);
    origin = await startTlsOrigin(originCa.issue(), {
      answer: (request, response) => {
        received.push(request.headers);
        request.resume().on('end', () => response.end('{}'));
      },
    });
    squid = await startSquid({
      bump: { ca: bumpCa, splice: ['updates.example.com'] },
      hosts: ['updates.example.com'],
      // It blocks one file inside the TLS that it opens.
      extra: [
        ...['acl blocked urlpath_regex 2\\.root\\.json', 'http_access deny blocked'],
        'logformat heads %rm %ru %>h',
        `access_log stdio:${join(dir, 'heads.log')} heads`,
      ],
    });
  });
  afterAll(async () => {
    for (const one of composed) await one.remove();
    await squid.stop();
    await origin.close();
    await rm(dir, { recursive: true });
  });

  /** A Sallyport with every secret, for the repository on this host. */
  async function compose(updates: Record<string, unknown>, url: URL): Promise<Composed> {
    const made = await composeIn({
      proxies: [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }],
      updates: {
        ...SIGNED,
        tuf: { metadata_url: new URL('.', url).href },
        ca_file: join(dir, 'origin.pem'),
        bearer_token: TOKEN,
        headers: { 'X-Api-Key': API_KEY },
        ...updates,
      },
    });
    composed.push(made);
    return made;
  }

  /** Sends one request for updates, with every secret; returns what the origin received. */
  async function request(updates: Record<string, unknown>, host = 'localhost') {
    received = [];
    const url = new URL(`https://${host}:${origin.port}/timestamp.json`);
    const made = await compose(updates, url);
    const { ports } = made.parts;
    const { tokens, agent } = ports;
    const headers = purposeHeaders('updates', ports.settings(), { agent, tokens, credentials: true });
    const { facts } = await ports.session.request({
      request: { method: 'GET', url, headers },
      deadlines: { firstByteMs: 15_000, silenceMs: 15_000, totalMs: 15_000, key: 'response_timeout.base_ms' },
      limitBytes: 1_000,
      signal: new AbortController().signal,
    });
    ports.session.close();
    return { made, facts, headers: received[0] ?? {} };
  }

  const heads = () => readFileSync(join(dir, 'heads.log'), 'utf8');

  it('interception: a permitted proxy gets requests, but no token and no secret header', {
    timeout: 60_000,
  }, async () => {
    const { made, headers } = await request({ allow_interception_by: join(dir, 'inspection.pem') });

    expect(headers).toMatchObject({ 'user-agent': expect.stringContaining('Sallyport') });
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('x-api-key');
    await squid.accessLog(1, 'timestamp.json');
    await expect.poll(heads).toContain('timestamp.json');
    expect(heads()).not.toContain(TOKEN);
    expect(heads()).not.toContain(API_KEY);
    const events = made.events.filter(({ name }) => name === 'tls-intercepted');
    expect(events).toMatchObject([{ by: 'O=Test Inspect, CN=Corp TLS Inspection CA', secrets: 'withheld' }]);
    const { routes } = await made.agent.status();
    expect(routes[0]?.interception).toMatchObject({
      authorities: [{ name: expect.stringContaining('Next') }, { name: expect.stringContaining('Corp') }],
      sends_tokens: false,
      decrypted_by: 'O=Test Inspect, CN=Corp TLS Inspection CA',
    });
    expect(made.agent.endpoints !== undefined && (await made.agent.endpoints()).notes.join()).toContain(
      'may decrypt TLS',
    );
  });

  it('interception: a root that the proxy blocks is TUF-ROOT-UNSURE, not missing', { timeout: 120_000 }, async () => {
    const metadata = new URL(`https://localhost:${origin.port}/metadata/`);
    const { parts } = await compose({ allow_interception_by: join(dir, 'inspection.pem') }, metadata);
    const copy = { metadata, targets: metadata, credentials: true, isMirror: false };
    const source = new HttpTufSource(parts.ports, { copy, revalidate: false });
    const { signal } = new AbortController();
    received = [];
    const asked = source.metadata({ name: '2.root.json', limitBytes: 100_000, revalidate: true, signal });
    await expect(asked).rejects.toMatchObject({ code: 'TUF-ROOT-UNSURE', facts: { status: 403 } });
    expect(received).toEqual([]);
    parts.ports.session.close();
  });

  it('interception: tokens are sent only if the admin says so', { timeout: 120_000 }, async () => {
    const { headers } = await request({
      allow_interception_by: join(dir, 'inspection.pem'),
      send_tokens_when_intercepted: true,
    });
    expect(headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, 'x-api-key': API_KEY });
  });

  it('interception: without permission no request passes, and the code says so', { timeout: 120_000 }, async () => {
    await expect(request({})).rejects.toMatchObject({ code: 'TLS-INTERCEPTED' });
    expect(received).toEqual([]);
  });

  it('interception: pins hold on connections that the proxy does not decrypt', { timeout: 120_000 }, async () => {
    const permitted = {
      allow_interception_by: join(dir, 'inspection.pem'),
      pins: [WRONG_PIN, WRONG_PIN.replace('A', 'B')],
    };
    expect((await request(permitted)).headers).not.toHaveProperty('authorization');
    await expect(request(permitted, 'updates.example.com')).rejects.toMatchObject({ code: 'TLS-PIN' });
  });

  it('interception: a connection that the proxy does not decrypt carries the token', { timeout: 120_000 }, async () => {
    const permitted = { allow_interception_by: join(dir, 'inspection.pem') };
    const { headers, made } = await request(permitted, 'updates.example.com');
    expect(headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, 'x-api-key': API_KEY });
    expect((await made.agent.status()).routes[0]?.interception?.decrypted_by).toBeNull();
  });
});
