// The platform through a real Squid that requires Basic: from a pushed command to the published package, and to the
// bundle of support logs.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HostPlatform } from '#daemon/platform/platform.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const USER = { user: 'svc_update', password: 'a-long-password' };
const AMPLE = { timeout: 20_000 };
const ACTIVATION = { state: 'unactivated', renew: () => Promise.resolve(), signer: () => null } as const;
const JAR = makeJar('1602503', 50_000);

describeWith(['squid'], 'platform', () => {
  let squid: RunningSquid;
  let platform: PlatformRig;
  let origin: ScriptedOrigin;
  let dir: string;
  let host: Composed;
  let link: HostPlatform;

  beforeEach(async () => {
    [squid, platform, origin] = await Promise.all([
      startSquid({ auth: USER }),
      PlatformRig.start({ uploads: {} }),
      startScriptedOrigin(),
    ]);
    dir = await mkdtemp(join(tmpdir(), 'sallyport-squid-platform-'));
    origin.serve('/feed.json', feedOf([]), 'application/json');
    await start();
  });
  afterEach(async () => {
    await link.stop();
    await host.remove();
    await Promise.all([squid.stop(), platform.close(), origin.close()]);
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  async function start(over: object = {}): Promise<void> {
    const corp = { name: 'corp', address: '127.0.0.1', port: squid.port, default: true };
    host = await composeIn(
      {
        updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
        proxies: [{ ...corp, authentication: 'basic', ...USER }],
        platform: { enabled: true, url: platform.url, ...over },
        support_logs: {
          enabled: true,
          url: platform.origin.supportLogsUrl,
          sources: ['versions'],
          on_platform_request: 'allow',
        },
      },
      'daemon',
      { dir },
    );
    await host.parts.uploads.start();
    link = await HostPlatform.start(host.parts, { check: () => host.agent.freshRound(), activation: ACTIVATION });
    await vi.waitFor(() => expect(link.running?.link.state).toMatchObject({ kind: 'connected', proxy: 'corp' }), AMPLE);
  }

  const agent = () => host.parts.ports.agent.id;

  it('through Squid: a pushed update is published and acknowledged within seconds', async () => {
    origin.serve('/feed.json', feedOf([itemFor('1602503', JAR)]), 'application/json');
    origin.serve('/1602503.jar', JAR, 'application/java-archive');
    const startedAt = performance.now();
    await platform.push(agent(), { command: 'update-available' });
    await vi.waitFor(() => expect(origin.receipts).toMatchObject([{ id: '1602503' }]), AMPLE);

    expect((await host.agent.listUpdates()).map(({ id }) => id)).toEqual(['1602503']);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    for (const path of ['/feed.json', '/1602503.jar', '/acknowledge']) {
      expect(await squid.accessLog(1, `${origin.url}${path}`)).not.toEqual([]);
    }
  });

  it('through Squid: a diagnosis tests the upgrade and leaves the open link alone', async () => {
    const request = { purposes: ['platform' as const], shell: {}, candidate: null, through: null };
    const { purposes } = await host.agent.diagnose({ ...request, authority: 'admin' }, new AbortController().signal);
    expect(purposes).toMatchObject([{ purpose: 'platform', outcome: 'ok', proxy: 'corp' }]);
    expect(purposes[0]?.proven).toContain('websocket');
    const [id] = await platform.push(agent(), { command: 'advice', from: 'Ann', text: 'sallyport status' });
    await vi.waitFor(() => expect(link.running?.inbox.done).toMatchObject([{ id, outcome: 'done' }]), AMPLE);
    expect(host.events.filter(({ name }) => name === 'platform-failed' || name === 'platform-ended')).toEqual([]);
  });

  it('through Squid: with long polling, a result does not wait for the end of the held poll', async () => {
    await link.stop();
    await host.remove();
    await start({ mode: 'poll' });
    await vi.waitFor(() => expect(platform.agent(agent())?.over).toBe('poll'), AMPLE);
    const [id] = await platform.push(agent(), { command: 'advice', from: 'Ann', text: 'sallyport status' });
    // The platform holds a poll for a minute.
    const result = () => platform.agent(agent())?.commands.find((one) => one.id === id)?.result;
    await vi.waitFor(() => expect(result()).toMatchObject({ outcome: 'done' }), AMPLE);
    await vi.waitFor(() => expect(link.running?.inbox.done).toMatchObject([{ id, confirmed: true }]), AMPLE);
  });

  it('through Squid: send-logs ten times and a restart lead to one bundle', async () => {
    const [id] = await platform.push(agent(), { command: 'send-logs', case: 'C-1' });
    const inbox = () => link.running as unknown as { inbox: { receive(message: object): Promise<unknown> } };
    for (let count = 0; count < 9; count += 1) {
      await inbox().inbox.receive({ type: 'command', id, seq: 1, command: { command: 'send-logs', case: 'C-1' } });
      if (count !== 4) continue;
      await link.stop();
      await host.remove();
      await start();
    }
    await vi.waitFor(() => expect(platform.origin.record.bundles).toHaveLength(1), AMPLE);

    expect(platform.origin.record.bundles.map(({ job }) => job)).toEqual([id]);
    expect(link.running?.inbox.done).toMatchObject([{ id, outcome: 'done', job: id }]);
  });
});
