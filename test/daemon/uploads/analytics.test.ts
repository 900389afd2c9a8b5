import { existsSync } from 'node:fs';
import { createServer as createWebServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startForwardProxy } from '#demo/forward-proxy.ts';
import type { EventName } from '#logging/events.ts';
import { type AnalyticsRig, type AnalyticsRigOptions, openAnalytics } from '#test/support/analytics-rig.ts';
import { composeIn } from '#test/support/composed.ts';
import { FAULTS, startFaultProxy } from '#test/support/fault-proxy.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';

let rig: AnalyticsRig | null = null;
afterEach(async () => {
  await rig?.close();
  rig = null;
});

async function open(options: AnalyticsRigOptions = {}): Promise<AnalyticsRig> {
  rig = await openAnalytics(options);
  return rig;
}

const corp = ({ port }: { readonly port: number }) => [{ name: 'corp', address: '127.0.0.1', port, default: true }];
const named = (name: EventName) => (rig?.events ?? []).filter((event) => event.name === name);

describe('analytics', () => {
  it('analytics: documents arrive with the id of the agent, and the log names their number', async () => {
    const { submit, untilArrived, origin, url, parts } = await open();
    await submit(1, 2);
    await untilArrived(1, 2);
    await expect
      .poll(() => named('batches-sent'))
      .toMatchObject([{ thread: 'Analytics', documents: 2, batches: 1, url, via: 'no proxy' }]);
    expect(origin.record.requests.map(({ method }) => method)).toEqual(['POST']);
    expect(origin.record.batches).toMatchObject([{ agent: parts.ports.agent.id, documents: 2 }]);
    await expect.poll(() => parts.uploads.documents.store?.waiting.documents).toBe(0);
    expect(await parts.uploads.sent.read(2)).toMatchObject([
      { kind: 'analytics', url, batches: 1, documents: 2, rejected: 0, via: ['no proxy'] },
    ]);
    expect(parts.outcomes.of('exposure_analytics').succeeded_at).not.toBeNull();
  });

  it('analytics: switched off during a delivery keep the batch, and send it when switched on', async () => {
    const stuck = await startFaultProxy(FAULTS.silent);
    try {
      const proxies = corp(stuck);
      const { submit, reload, sections, parts, arrived, untilArrived } = await open({
        others: { proxies, response_timeout: { tunnel_timeout_ms: 60_000, base_ms: 600_000 } },
      });
      await submit(1);
      await expect.poll(() => stuck.connections, { timeout: 5_000 }).toBe(1);
      await reload(sections({ enabled: false }));
      await expect.poll(() => named('analytics-off')).toMatchObject([{ error: { code: 'UPLOADS-OFF' } }]);
      expect(named('documents-kept')).toMatchObject([{ documents: 1 }]);
      await expect.poll(() => stuck.open).toBe(0);
      expect([parts.uploads.documents.refusal?.code, arrived()]).toEqual(['UPLOADS-OFF', []]);
      const [kept] = parts.uploads.documents.store?.batches.list() ?? [];
      expect(kept?.head.attempts).toBe(0);
      await reload(sections({}, { proxy_enabled: false }));
      await untilArrived(1);
    } finally {
      await stuck.close();
    }
  });

  it('analytics: a changed route sends at once what failed over the old one', async () => {
    const broken = await startFaultProxy(FAULTS.closesBeforeAnswering);
    try {
      const proxies = corp(broken);
      const { submit, reload, sections, untilArrived } = await open({ others: { proxies } });
      await submit(1);
      await expect.poll(() => named('batch-failed'), { timeout: 5_000 }).toHaveLength(1);
      await reload(sections({}, { proxy_enabled: false }));
      await untilArrived(1);
      await expect.poll(() => named('batches-recovered')).toMatchObject([{ failures: 1 }]);
    } finally {
      await broken.close();
    }
  });

  it('analytics: what a scanner blocked is sent again if the route changed while no daemon ran', async () => {
    const page = createWebServer((_request, response) => {
      response.writeHead(403, { 'content-type': 'text/html' }).end('<html><title>Blocked by DLP</title></html>');
    });
    const { port, close } = await listenOnLoopback(page);
    try {
      const others = { proxies: corp({ port }) };
      const first = await open({ others });
      await first.submit(1);
      await expect.poll(() => named('batch-failed')).toMatchObject([{ error: { code: 'CONTENT-BLOCKED' } }]);
      rig = await first.restart();
      await rig.submit(2);
      await expect.poll(() => named('batch-failed')).toHaveLength(1);
      expect(rig.parts.uploads.documents.store?.batches.list()).toHaveLength(2);
      rig = await rig.restart({ ...others, proxy_enabled: false });
      await rig.untilArrived(1, 2);
    } finally {
      await close();
    }
  });

  it('analytics: with proxy_required, wait for a proxy and never connect directly', async () => {
    const exempt = { ...corp({ port: 9 })[0], no_proxy: '127.0.0.1' };
    const { submit, reload, sections, relay, origin, url, untilArrived } = await open({
      others: { proxy_required: true, proxies: [exempt] },
    });
    await submit(1);
    await expect.poll(() => named('batch-failed')).toMatchObject([{ error: { code: 'POLICY-DIRECT' } }]);
    expect([relay.sockets.size, origin.record.requests]).toEqual([0, []]);
    const proxy = await startForwardProxy({ originUrl: new URL(url).origin });
    try {
      await reload(sections({}, { proxy_required: true, proxies: corp(proxy) }));
      await untilArrived(1);
      await expect.poll(() => named('batches-sent')).toMatchObject([{ via: 'proxy corp' }]);
    } finally {
      await proxy.close();
    }
  });

  it('analytics: uploads_allowed false ends sending at once, and a restart keeps the documents', async () => {
    const { reload, sections, submit } = await open({ section: { batch_max_age_seconds: 3_600 } });
    await submit(1, 2, 3);
    await reload(sections({}, { uploads_allowed: false }));
    await expect.poll(() => named('analytics-off')).toMatchObject([{ error: { code: 'POLICY-UPLOADS' } }]);
    const again = await rig?.restart();
    if (again === undefined) throw new Error('no rig');
    rig = again;
    await again.untilArrived(1, 2, 3);
  });
});

describe('disabled analytics', () => {
  it.each([
    ['enabled: false', { exposure_analytics: { enabled: false, url: 'http://127.0.0.1:9/' } }],
    [
      'uploads_allowed: false',
      { uploads_allowed: false, exposure_analytics: { enabled: true, url: 'http://127.0.0.1:9/' } },
    ],
    ['no URL', { exposure_analytics: { enabled: true } }],
  ])('analytics: %s makes no folder and no socket', async (_name, sections) => {
    const composed = await composeIn(sections);
    try {
      await composed.parts.uploads.start();
      expect(composed.parts.uploads.documents.refusal).not.toBeNull();
      expect(composed.parts.uploads.kinds.map(({ name }) => name)).toEqual(['receipt']);
      for (const name of ['documents', 'batch', 'ballast']) {
        expect(existsSync(join(composed.dir, 'state', 'outbox', name))).toBe(false);
      }
      expect(existsSync(join(composed.dir, 'submit.sock'))).toBe(false);
    } finally {
      await composed.remove();
    }
  });

  it('analytics: endpoints of an old file make no connection, also in a round', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    const { port, close } = await listenOnLoopback(server);
    const url = `http://127.0.0.1:${port}/`;
    const composed = await composeIn({
      version: 1,
      endpoints: { exposure_analytics: url, support_logs: url },
      updates: { feed_url: 'http://127.0.0.1:9/feed.json' },
    });
    try {
      const { parts, agent } = composed;
      expect(parts.ports.settings().exposure_analytics).toMatchObject({ url, enabled: false });
      await parts.uploads.start();
      await agent.round();
      expect(parts.uploads.documents.refusal).toMatchObject({ code: 'UPLOADS-OFF' });
    } finally {
      await composed.remove();
      await close();
    }
    expect(connections).toBe(0);
  });
});
