// Telemetry of a daemon through a real Squid that requires Basic, to a collector that reads it with the official
// definitions of OpenTelemetry.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MetricsSource } from '#daemon/metrics/metrics-source.ts';
import { Telemetry } from '#daemon/uploads/telemetry.ts';
import { systemClock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import { type CollectedRequest, type Collector, partialSuccess, startCollector } from '#test/support/collector.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const USER = { user: 'svc_update', password: 'a-long-password' };
const AMPLE = { timeout: 20_000 };
/** Waits of a minute pass in 60 ms. Connections keep their real limits. */
const FACTOR = 1_000;

describeWith(['squid'], 'telemetry', () => {
  let squid: RunningSquid;
  let collector: Collector;
  let folder: string;
  let host: Composed;
  let telemetry: Telemetry;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-collector-'));
    [squid, collector] = await Promise.all([startSquid({ auth: USER }), startCollector()]);
  });
  afterEach(async () => {
    await telemetry.stop();
    await host.remove();
    await Promise.all([squid.stop(), collector.close(), rm(folder, { recursive: true })]);
  });

  const sections = (over: object = {}, root: object = {}) => ({
    updates: { feed_url: 'http://127.0.0.1:9/feed.json' },
    proxies: [
      { name: 'corp', address: '127.0.0.1', port: squid.port, default: true, authentication: 'basic', ...USER },
    ],
    support_logs: { redaction: [{ name: 'badge', pattern: 'badge-(\\d+)' }] },
    telemetry: {
      enabled: true,
      url: `${collector.url}otlp`,
      headers: { 'X-Api-Key': 'the-key-of-the-collector' },
      ...over,
    },
    ...root,
  });
  async function start(over: object = {}, root: object = {}): Promise<void> {
    host = await composeIn(sections(over, root), 'daemon', {
      clock: scaledClock(FACTOR),
      connectionClock: systemClock,
    });
    telemetry = new Telemetry(host.parts, new MetricsSource(host.parts, host.agent));
    await telemetry.start();
  }
  const to = (path: string) => collector.requests.filter((request) => request.path === path);
  const said = () => host.events.map(({ name }) => name).filter((name) => name.startsWith('telemetry-'));

  it('through Squid: metrics arrive compressed, with the secret header of the purpose', async () => {
    await start();
    await vi.waitFor(() => expect(to('/otlp/v1/metrics').length).toBeGreaterThan(1), AMPLE);

    const [first] = to('/otlp/v1/metrics');
    expect(first?.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
      'x-api-key': 'the-key-of-the-collector',
      'user-agent': 'Sallyport/9.8.7',
      via: expect.stringContaining('squid') as string,
    });
    expect(first?.headers).not.toHaveProperty('proxy-authorization');
    expect(namesIn(first)).toEqual(
      expect.arrayContaining(['sallyport_checks_total', 'sallyport_health', 'sallyport_spool_entries']),
    );
    expect(to('/otlp/v1/logs')).toEqual([]);
    expect((await squid.accessLog(1, `${collector.url}otlp/v1/metrics`)).length).toBeGreaterThan(0);
    await vi.waitFor(() => expect(host.parts.outcomes.of('telemetry')).toMatchObject({ open: false }), AMPLE);
    expect(said()).toEqual(['telemetry-on']);
  });

  it('through Squid: log events arrive without secrets, and those of telemetry itself do not', async () => {
    await start({ logs: true });
    const reason = `token=ghp_${'a1B2'.repeat(9)} badge-4711 ${USER.password} the-key-of-the-collector`;
    host.parts.report({ name: 'stopping', reason });
    await vi.waitFor(() => expect(to('/otlp/v1/logs').length).toBeGreaterThan(0), AMPLE);

    const text = JSON.stringify(to('/otlp/v1/logs'));
    expect(text).toMatch(/Stopping/);
    expect(text).toContain('badge-***');
    expect(text).not.toMatch(/ghp_|4711|a-long-password|Telemetry is on/);
    const { headers, message } = to('/otlp/v1/logs')[0] as CollectedRequest;
    expect(headers['x-api-key']).toBe('the-key-of-the-collector');
    expect(JSON.stringify(message)).not.toContain('the-key-of-the-collector');
  });

  it('through a tunnel of Squid: metrics and log events reach a collector over TLS', async () => {
    const ca = createCa();
    const secure = await startCollector(ca.issue());
    const ca_file = join(folder, 'ca.pem');
    await writeFile(ca_file, ca.cert);
    try {
      await start({ url: `${secure.url}otlp`, ca_file, logs: true });
      host.parts.report({ name: 'stopping', reason: 'badge-4711' });
      const of = (path: string) => secure.requests.filter((request) => request.path === path);
      await vi.waitFor(() => {
        expect(of('/otlp/v1/metrics').length).toBeGreaterThan(0);
        expect(JSON.stringify(of('/otlp/v1/logs'))).toContain('badge-***');
      }, AMPLE);

      expect(namesIn(of('/otlp/v1/metrics')[0])).toContain('sallyport_health');
      for (const { headers } of secure.requests) {
        expect(headers['x-api-key']).toBe('the-key-of-the-collector');
        expect(headers).not.toHaveProperty('via');
        expect(headers).not.toHaveProperty('proxy-authorization');
      }
      expect(JSON.stringify(secure.requests)).not.toContain('4711');
      await vi.waitFor(() => expect(host.parts.outcomes.of('telemetry')).toMatchObject({ open: false }), AMPLE);
      await telemetry.stop();
      const lines = await squid.accessLog(1, `CONNECT ${new URL(secure.url).host} ${USER.user}`);
      expect(lines[0]).toMatch(/^200 /);
      expect((await squid.accessLog()).filter((line) => line.includes('/otlp'))).toEqual([]);
    } finally {
      await secure.close();
    }
  });

  it('through a tunnel of Squid: a collector that is not trusted gets nothing', async () => {
    const secure = await startCollector(createCa().issue());
    const ca_file = join(folder, 'other-ca.pem');
    await writeFile(ca_file, createCa('Another CA').cert);
    try {
      await start({ url: `${secure.url}otlp`, ca_file, logs: true });
      const failed = () => host.events.find(({ name }) => name === 'telemetry-failed');
      await vi.waitFor(
        () => expect(failed()?.['error']).toMatchObject({ code: expect.stringMatching(/^TLS-/) }),
        AMPLE,
      );
      expect(secure.requests).toEqual([]);
    } finally {
      await secure.close();
    }
  });

  it('through Squid: an outage of the collector and its end are one line each', async () => {
    collector.answer = () => ({ status: 503, headers: { 'retry-after': '1' } });
    await start({ logs: true });
    await vi.waitFor(() => expect(to('/otlp/v1/metrics').length).toBeGreaterThan(3), AMPLE);
    expect(said().filter((name) => name === 'telemetry-failed')).toHaveLength(1);
    expect(host.parts.outcomes.of('telemetry').open).toBe(true);

    collector.answer = () => ({});
    await vi.waitFor(() => expect(said()).toContain('telemetry-recovered'), AMPLE);
    await vi.waitFor(() => expect(host.parts.outcomes.of('telemetry').open).toBe(false), AMPLE);
  });

  it('through Squid: a response of another server, and a partial success, are reported', async () => {
    collector.answer = () => ({ headers: { 'content-type': 'application/json' }, body: '{}' });
    await start();
    const failed = () => host.events.find(({ name }) => name === 'telemetry-failed');
    await vi.waitFor(() => expect(failed()?.['error']).toMatchObject({ code: 'TELEMETRY-ANSWER' }), AMPLE);

    const type = { 'content-type': 'application/x-protobuf; charset=x' };
    collector.answer = () => ({ headers: type, body: partialSuccess(3, 'too old') });
    const rejected = () => host.events.find(({ name }) => name === 'telemetry-rejected');
    await vi.waitFor(() => expect(rejected()).toMatchObject({ rejected: 3, message: 'too old' }), AMPLE);
  });

  it('through Squid: a reload starts, changes and ends it; uploads_allowed: false forbids it', async () => {
    await start({ enabled: false });
    expect(said()).toEqual([]);
    await host.reload(sections({ logs: true }));
    await vi.waitFor(() => expect(to('/otlp/v1/metrics').length).toBeGreaterThan(0), AMPLE);

    await host.reload(sections({ url: `${collector.url}other` }));
    await vi.waitFor(() => expect(to('/other/v1/metrics').length).toBeGreaterThan(0), AMPLE);

    await host.reload(sections({}, { uploads_allowed: false }));
    await vi.waitFor(() => expect(said()).toEqual(['telemetry-on', 'telemetry-on', 'telemetry-off']), AMPLE);
    const before = collector.requests.length;
    expect((await host.agent.status()).uploads.find(({ purpose }) => purpose === 'telemetry')).toMatchObject({
      off: { key: 'uploads_allowed', failure: { code: 'POLICY-UPLOADS' } },
    });
    await new Promise((resolve) => setTimeout(resolve, (3 * 60_000) / FACTOR));
    expect(collector.requests).toHaveLength(before);
  });

  it('through Squid: a diagnosis tests the route of telemetry', async () => {
    await start({ enabled: false });
    const request = { purposes: ['telemetry' as const], shell: {}, candidate: null, through: null };
    const { purposes } = await host.agent.diagnose({ ...request, authority: 'admin' }, new AbortController().signal);
    expect(purposes).toMatchObject([{ purpose: 'telemetry', outcome: 'ok', proxy: 'corp' }]);
  });
});

function namesIn(request: CollectedRequest | undefined): string[] {
  const { resourceMetrics = [] } = (request?.message ?? {}) as {
    resourceMetrics?: { scopeMetrics: { metrics: { name: string }[] }[] }[];
  };
  return resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name)),
  );
}
