// The link to the platform in a daemon that is composed as the program does it, with the reference platform.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HostPlatform, linkedTo } from '#daemon/platform/platform.ts';
import { platformWarning } from '#daemon/platform/platform-status.ts';
import { handlersOf } from '#daemon/verbs.ts';
import { coded } from '#errors/coded-error.ts';
import type { KeptCommand } from '#origin/platform/link/fleet.ts';
import { Secret } from '#redaction/secret.ts';
import { realFiles } from '#system/real-files.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { withInterference } from '#test/support/interfering-files.ts';
import { feedOf } from '#test/support/jars.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const AMPLE = { timeout: 15_000 };
const NOT_ACTIVATED = { state: 'unactivated', renew: () => Promise.resolve(), signer: () => null } as const;

let platform: PlatformRig;
let origin: ScriptedOrigin;
let host: Composed;
let link: HostPlatform | null = null;

beforeEach(async () => {
  platform = await PlatformRig.start();
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([]), 'application/json');
});
afterEach(async () => {
  await link?.stop();
  link = null;
  await host.remove();
  await platform.close();
  await origin.close();
});

const sections = (own: object, others: object = {}) => ({
  updates: { feed_url: `${origin.url}/feed.json` },
  platform: { enabled: true, url: platform.url, ...own },
  ...others,
});

async function start(own: object = {}, others: object = {}, clock?: FakeClock): Promise<void> {
  host = await composeIn(sections(own, others), 'daemon', clock === undefined ? {} : { clock });
  link = await HostPlatform.start(host.parts, { check: () => host.agent.freshRound(), activation: NOT_ACTIVATED });
}

const agentId = () => host.parts.ports.agent.id;
const connected = () => vi.waitFor(() => expect(link?.running?.link.state.kind).toBe('connected'), AMPLE);
const named = (name: string) => host.events.filter((event) => event.name === name);
const preview = async () => await verbs().previewReport({} as never);
const verbs = () => handlersOf(host.agent, host.parts, {} as never);

/** The command once it has a final result at the platform. */
async function resultOf(id: string | undefined, outcome: string): Promise<KeptCommand['result']> {
  const find = () => platform.agent(agentId())?.commands.find((one) => one.id === id)?.result ?? null;
  await vi.waitFor(() => expect(find()?.outcome).toBe(outcome), AMPLE);
  return find();
}

describe('the platform in a daemon', () => {
  it('platform: a copy of a host on a full disk does not connect until its identity is stored', async () => {
    host = await composeIn(sections({}));
    const { dir } = host;
    const original = agentId();
    await host.agent.close();
    const path = join(dir, 'state', 'identity.json');
    const stored = JSON.parse(await readFile(path, 'utf8')) as object;
    const machine = { salt: '00'.repeat(16), digest: '0'.repeat(64) };
    await writeFile(path, JSON.stringify({ ...stored, machine }));
    let isFull = true;
    const files = withInterference(realFiles, (moment, operation, [name]) => {
      const isOfIdentity = /\/(?:identity|agent)\.json[^/]*$/.test(String(name));
      if (isFull && moment === 'before' && operation === 'create' && isOfIdentity)
        throw coded('DISK-FULL', { path: String(name), operation, reason: 'ENOSPC' });
    });
    host = await composeIn(sections({}), 'daemon', { dir, files });
    link = await HostPlatform.start(host.parts, { check: () => host.agent.freshRound(), activation: NOT_ACTIVATED });
    const temporary = agentId();
    expect(temporary).not.toBe(original);
    expect([link.running, link.failure?.code]).toEqual([null, 'IDENTITY-UNSTORED']);
    expect(named('platform-unusable')).toMatchObject([{ error: { code: 'IDENTITY-UNSTORED' } }]);
    expect(platform.agents).toEqual([]);

    isFull = false;
    // As after the minute until the next try.
    link.identityChanged();
    await connected();
    expect(named('identity-cloned')).toHaveLength(1);
    await vi.waitFor(() => expect(platform.agents.map(({ id }) => id)).toEqual([temporary]), AMPLE);
    expect(await readFile(join(dir, 'state', 'agent.json'), 'utf8')).toContain(temporary);
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  it.each(['websocket', 'poll'])('platform: over %s, update-available leads to a check of the feed', async (mode) => {
    await start({ mode });
    await connected();
    const [id] = await platform.push(agentId(), { command: 'update-available' });

    // Over polls, the result waits for the end of the poll that is held.
    await vi.waitFor(() => expect(named('platform-command-done')).toMatchObject([{ id }]), AMPLE);
    expect(named('checking')).toHaveLength(1);
    if (mode === 'websocket') expect(await resultOf(id, 'done')).toMatchObject({ code: null });
  });

  it('platform: the address of this host in the link is noted for the display', async () => {
    await start();
    await connected();
    await vi.waitFor(() => expect(host.parts.outcomes.of('platform').address).toBe('127.0.0.1'), AMPLE);
  });

  it('platform: monitoring is warned once there has been no link for an hour, and no earlier', async () => {
    const clock = new FakeClock(Date.now());
    await start({ url: 'ws://127.0.0.1:9/link' }, {}, clock);
    await vi.waitFor(() => expect(link?.running?.link.state.kind).toBe('waiting'), AMPLE);
    const warning = () => platformWarning(host.parts);
    clock.stepWall(3_599_000);
    expect(warning()).toBeNull();
    clock.stepWall(1_000);
    expect(warning()).toMatch(/^The link to the platform has not been connected for 60 min\./);
  });

  it('platform: a check that fails is answered with its code', async () => {
    await start();
    await connected();
    origin.serve('/feed.json', 'no feed', 'application/json');
    const [id] = await platform.push(agentId(), { command: 'update-available' });

    expect((await resultOf(id, 'failed'))?.code).toMatch(/^FEED-/);
  });

  it('platform: with enabled: false, nothing connects, and no file is made', async () => {
    await start({ enabled: false });
    expect(link?.running).toBeNull();
    expect(platform.agents).toEqual([]);
    expect((await host.agent.status()).platform).toMatchObject({ enabled: false, state: 'off' });
    const made = (await host.parts.files.list(`${host.dir}/state`)).filter((name) => /platform|inbox/.test(name));
    expect(made).toEqual([]);
  });

  it('platform: a reload starts the link, restarts it with other settings, and ends it', async () => {
    await start({ enabled: false });
    await host.reload(sections({}));
    await connected();
    expect(link?.running?.link.state).toMatchObject({ over: 'websocket' });
    await host.reload(sections({ mode: 'poll' }));
    await vi.waitFor(() => expect(link?.running?.link.state).toMatchObject({ over: 'poll' }), AMPLE);
    await host.reload(sections({ enabled: false }));
    await vi.waitFor(() => expect(named('platform-off')).toHaveLength(1), AMPLE);
    expect(link?.running).toBeNull();
  });

  it('platform: advice is shown with its sender, without control characters, and never run', async () => {
    await start();
    await connected();
    const text = 'sallyport check \u202e; rm -rf /';
    const [id] = await platform.push(agentId(), { command: 'advice', from: 'Ann', text });
    await resultOf(id, 'done');

    const { platform: shown } = await host.agent.status();
    expect(shown.advice).toMatchObject([{ from: 'Ann', text }]);
    expect(shown.commands).toMatchObject({ waiting: 0, last: { command: 'advice', outcome: 'done' } });
  });

  it('platform: send-logs is refused under deny, with the code and a line in the log', async () => {
    await start();
    await connected();
    const [id] = await platform.push(agentId(), { command: 'send-logs', case: 'C-1' });

    expect(await resultOf(id, 'refused')).toMatchObject({ code: 'PLATFORM-DENIED' });
    expect(named('logs-request-denied')).toHaveLength(1);
  });

  it('platform: under ask, the later decision of a person is the final result', async () => {
    await start({}, { support_logs: { on_platform_request: 'ask' } });
    await connected();
    const [id = ''] = await platform.push(agentId(), { command: 'send-logs', case: null });
    await resultOf(id, 'waiting');
    const { decideLogsRequest } = verbs();
    await decideLogsRequest({ request: { id, approve: false }, authority: 'admin', peer: null } as never);

    expect(await resultOf(id, 'refused')).toMatchObject({ code: 'PLATFORM-DENIED' });
  });

  it('platform: after a reset of the identity, the link is opened again with the new agent ID', async () => {
    await start();
    await connected();
    const before = agentId();
    await verbs().resetIdentity({ request: undefined, authority: 'admin', peer: null } as never);
    expect(agentId()).not.toBe(before);
    await vi.waitFor(() => expect(platform.agent(agentId())).toBeDefined(), AMPLE);
    await connected();
  });

  it('platform: a stop waits for the answers to decided commands, which write files', async () => {
    await start({}, { support_logs: { on_platform_request: 'ask' } });
    await connected();
    const [id] = await platform.push(agentId(), { command: 'send-logs', case: null });
    await resultOf(id, 'waiting');
    const { running } = link as HostPlatform;
    const listed = Promise.withResolvers<never>();
    vi.spyOn(host.parts.uploads.bundles, 'requests').mockReturnValue(listed.promise);
    void running?.reconcile();
    let isStopped = false;
    const stopping = link?.stop().then(() => (isStopped = true));
    await vi.waitFor(() => expect(running?.link.state.kind).toBe('off'), AMPLE);
    await running?.link.stop();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isStopped).toBe(false);
    listed.reject(new Error('no list'));
    await stopping;
  });

  it('platform: another client certificate, or another passphrase of it, restarts the link', async () => {
    await start({ enabled: false });
    const settings = host.parts.ports.settings();
    const from = (passphrase: string | null) => {
      const files = { certificate_file: '/c.pem', key_file: '/k.pem' };
      const certificate = passphrase === null ? files : { ...files, passphrase: new Secret(passphrase) };
      return linkedTo({ ...settings, platform: { ...settings.platform, client_certificate: certificate } }, 'a');
    };
    expect(from(null)).not.toEqual(linkedTo(settings, 'a'));
    expect(from('one')).not.toEqual(from('two'));
    expect(from('one')).toEqual(from('one'));
  });

  it('platform: preview prints the report that the platform gets, byte for byte', async () => {
    await start({ report: 'full' });
    await connected();
    const { report } = await preview();
    await host.reload(sections({ report: 'full', ping_seconds: 30 }));
    await vi.waitFor(() => expect(named('platform-report-sent')).toHaveLength(2), AMPLE);
    await connected();

    expect(report).toBe(JSON.stringify(platform.agent(agentId())?.report));
  });

  it('platform: no name, address, path or URL of the configuration is in a report', async () => {
    const secret = {
      proxies: [
        {
          name: 'corpname',
          address: '127.0.0.1',
          port: 9,
          authentication: 'basic',
          user: 'theuser',
          password: 'thepassword',
          default: true,
        },
      ],
      support_logs: { url: 'https://supporthost.example.com/path-of-logs' },
      exposure_analytics: { url: 'https://analyticshost.example.com/' },
      use_proxy_for: { platform: 'none', updates: 'corpname' },
    };
    await start({ report: 'full' }, secret);
    await connected();
    await host.agent.round();
    const { report } = await preview();
    const words = [
      'corpname',
      'theuser',
      'thepassword',
      'supporthost',
      'path-of-logs',
      'analyticshost',
      '127.0.0.1',
      '://',
      host.dir,
      'localhost',
    ];

    expect(words.filter((word) => report?.includes(word))).toEqual([]);
    expect(JSON.parse(report ?? '')).toMatchObject({ level: 'full', purposes: { updates: { result: 'failed' } } });
  });

  it('platform: root can forbid reports, and commands still work', async () => {
    await start({ report: 'basic' }, { uploads_allowed: false });
    await connected();
    const [id] = await platform.push(agentId(), { command: 'update-available' });
    await resultOf(id, 'done');

    expect(platform.agent(agentId())?.report).toBeNull();
    expect(await preview()).toEqual({ report: null, off: 'uploads_allowed' });
  });
});
