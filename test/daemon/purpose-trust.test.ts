// Each purpose has its own trust and credentials: they are used for the origin of its URL, and for no other purpose.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Purpose } from '#config/purposes.ts';
import { createCa } from '#test/support/certificates.ts';
import { composeIn } from '#test/support/composed.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const NEVER = new AbortController().signal;
const WRONG_PIN = `sha256/${Buffer.alloc(32, 7).toString('base64')}`;

/** A collector with a private authority, which asks for a certificate. */
interface Collector {
  readonly origin: TlsOrigin;
  /** `authorization x-api-key` of each request. */
  readonly shown: string[];
  readonly caFile: string;
}

let dir: string;
let logs: Collector;
let analytics: Collector;
const identity = () => ({ certificate_file: join(dir, 'own.pem'), key_file: join(dir, 'own.key') });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-purpose-trust-'));
  const own = createCa('Own').issue({ client: true });
  await writeFile(join(dir, 'own.pem'), own.cert);
  await writeFile(join(dir, 'own.key'), own.key, { mode: 0o600 });
  [logs, analytics] = await Promise.all([startCollector('logs'), startCollector('analytics')]);
});
afterAll(async () => {
  await Promise.all([logs.origin.close(), analytics.origin.close()]);
  await rm(dir, { recursive: true });
});

async function startCollector(name: string): Promise<Collector> {
  const ca = createCa(name);
  const caFile = join(dir, `${name}-ca.pem`);
  await writeFile(caFile, ca.cert);
  const shown: string[] = [];
  const origin = await startTlsOrigin(ca.issue(), {
    tls: { requestCert: true, rejectUnauthorized: false },
    answer: ({ headers }, response) => {
      shown.push(`${String(headers.authorization)} ${String(headers['x-api-key'])}`);
      response.end('taken');
    },
  });
  return { origin, shown, caFile };
}

/** What a diagnosis of these purposes reports. */
async function diagnosed(sections: Readonly<Record<string, unknown>>, purposes: Purpose[]) {
  for (const { shown, origin } of [logs, analytics]) [shown.length, origin.clients.length] = [0, 0];
  const composed = await composeIn(sections);
  try {
    const request = { purposes, shell: {}, candidate: null, through: null };
    return (await composed.agent.diagnose(request, NEVER)).purposes;
  } finally {
    await composed.remove();
  }
}

const codes = (found: Awaited<ReturnType<typeof diagnosed>>) => found.map(({ failure }) => failure?.code ?? 'ok');

describe('a purpose', () => {
  it('purpose trust: each purpose uses only its own CA, certificate, headers and token', async () => {
    const found = await diagnosed(
      {
        support_logs: {
          url: logs.origin.url.href,
          ca_file: logs.caFile,
          client_certificate: identity(),
          bearer_token: 'token-of-logs',
          headers: { 'X-Api-Key': 'key-of-logs' },
        },
        exposure_analytics: {
          url: analytics.origin.url.href,
          ca_file: analytics.caFile,
          bearer_token: 'token-of-analytics',
        },
      },
      ['support_logs', 'exposure_analytics'],
    );

    expect(codes(found)).toEqual(['ok', 'ok']);
    expect(new Set(logs.shown)).toEqual(new Set(['Bearer token-of-logs key-of-logs']));
    expect(new Set(analytics.shown)).toEqual(new Set(['Bearer token-of-analytics undefined']));
    expect(new Set(logs.origin.clients)).toEqual(new Set(['leaf']));
    expect(new Set(analytics.origin.clients)).toEqual(new Set([null]));
  });

  it('purpose trust: a missing CA or a failed pin names the key of its own purpose', async () => {
    const found = await diagnosed(
      {
        support_logs: { url: logs.origin.url.href },
        exposure_analytics: {
          url: analytics.origin.url.href,
          ca_file: logs.caFile,
          bearer_token: 'token-of-analytics',
        },
        platform: { url: analytics.origin.url.href, ca_file: analytics.caFile, pins: [WRONG_PIN] },
      },
      ['support_logs', 'exposure_analytics', 'platform'],
    );

    expect(codes(found)).toEqual(['TLS-UNTRUSTED', 'TLS-UNTRUSTED', 'TLS-PIN']);
    expect(found[0]?.failure?.check).toContain('set support_logs.ca_file');
    expect(found[1]?.failure?.message).toContain('exposure_analytics.ca_file');
    expect(found[2]?.failure?.message).toContain('platform.pins');
    // Nothing was sent to a server that could not prove its identity.
    expect([...logs.shown, ...analytics.shown]).toEqual([]);
  });

  it('with a WebSocket sends its certificate and token with the upgrade', async () => {
    const upgrades: string[] = [];
    const ca = createCa('cloud');
    const cloud = await startTlsOrigin(ca.issue(), {
      tls: { requestCert: true, rejectUnauthorized: false },
      upgrade: ({ headers }, socket) => {
        upgrades.push(String(headers.authorization));
        socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      },
    });
    await writeFile(join(dir, 'cloud-ca.pem'), ca.cert);
    const found = await diagnosed(
      {
        platform: {
          url: cloud.url.href.replace('https:', 'wss:'),
          ca_file: join(dir, 'cloud-ca.pem'),
          client_certificate: identity(),
          bearer_token: 'token-of-platform',
        },
      },
      ['platform'],
    );
    await cloud.close();

    // Only the upgrade is refused. The link can poll instead, so this is a warning and no failure.
    expect(codes(found)).toEqual(['ok']);
    expect(upgrades).toEqual(['Bearer token-of-platform']);
    expect(new Set(cloud.clients)).toEqual(new Set(['leaf']));
  });
});

describe('a PAC server', () => {
  it('with a private CA gets the advice pac.file, because no ca_file applies', async () => {
    const found = await diagnosed(
      {
        proxies: [
          { name: 'corp', default: true, scheme: 'pac', pac: { url: new URL('/proxy.pac', logs.origin.url).href } },
        ],
        support_logs: { url: 'https://logs.example.com/', ca_file: logs.caFile },
      },
      ['support_logs'],
    );

    const text = JSON.stringify(found);
    expect(codes(found)).toEqual(['PAC-UNAVAILABLE']);
    expect(text).toContain('set pac.file instead of pac.url');
    expect(text).not.toContain('support_logs.ca_file');
  });
});
