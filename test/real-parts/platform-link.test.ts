// The link to the platform through real proxies: each authentication, both transports, and what breaks a link.

import '#test/support/built-threads.ts';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { LinkState } from '#platform/link/link.ts';
import { type Phase, TRANSITIONS } from '#platform/link/machine.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import type { Router } from '#proxy/route.ts';
import { systemClock } from '#system/clock.ts';
import { type LinkRig, linkRig } from '#test/platform/support/link-rig.ts';
import { PLATFORM_NAMES, startTestPlatform, type TestPlatform } from '#test/platform/support/test-platform.ts';
import { createCa } from '#test/support/certificates.ts';
import { composeIn } from '#test/support/composed.ts';
import { type RunningDante, startDante } from '#test/support/dante.ts';
import { startHaproxy } from '#test/support/haproxy.ts';
import { KDC_PROXY, type RunningKdc, takeKdc } from '#test/support/kdc.ts';
import { startNginx } from '#test/support/nginx.ts';
import { startPacServer } from '#test/support/pac-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { startRecordingRelay } from '#test/support/recording-relay.ts';
import { SAMBA_USER, takeSamba } from '#test/support/samba.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { startSwitchedRelay } from '#test/support/switched-relay.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const COMMAND = { v: 1, type: 'command', id: 'c-1', seq: 1, command: 'update-available' };
const ACK = { v: 1, type: 'ack', id: 'a-1', after: 1 } as const;
const NAMES = Array.from({ length: 40 }, (_none, at) => `p${at}.cells.test`);
const FILE_USER = { ...SAMBA_USER, domain: '' } as const;
const ca = createCa();

let next = 0;
let platform: TestPlatform;
let rig: LinkRig | null = null;
const variables = { ...process.env };
beforeAll(async () => {
  platform = await startTestPlatform(ca);
});
afterEach(async () => {
  await rig?.link.stop();
  await rig?.until(() => platform.sockets.size === 0);
  rig = null;
});
afterAll(() => platform.close());

const through = (proxy: ProxyProfile): Router => testRouter({ proxies: [proxy], trust: platform.trust });

/** A URL under a name that was not used yet. */
function newUrl(port?: number): URL {
  const name = NAMES[next++];
  if (name === undefined) throw new Error('more links than names');
  return platform.url(name, port);
}

interface Up {
  readonly rig: LinkRig;
  readonly state: LinkState;
}

/** Starts a link, waits until it is up, and lets a command and its acknowledgement pass. */
async function linkUp(url: URL, router: Router, mode: 'websocket' | 'poll' = 'websocket', at = platform): Promise<Up> {
  const up = linkRig(url, router, { mode });
  rig = up;
  up.receive = ({ type }) => Promise.resolve(type === 'command' ? [ACK] : []);
  at.received.length = 0;
  up.link.start();
  const state = await up.until('connected');
  if (at.sockets.size === 0) await up.until(() => at.held > 0);
  at.push(COMMAND);
  await up.until(() => at.received.some(({ type }) => type === 'ack'));
  return { rig: up, state };
}

describeWith(['squid', 'samba', 'kerberos'], 'the link through Squid', () => {
  let kdc: RunningKdc;
  let asking: RunningSquid;
  let open: RunningSquid;
  let bumping: RunningSquid;
  beforeAll(async () => {
    const samba = await takeSamba();
    kdc = await takeKdc();
    Object.assign(process.env, kdc.ticket);
    const schemes = [...kdc.squid, ...samba.squid.schemes];
    const bump = { ca: createCa('Corp TLS Inspection CA') };
    [asking, open, bumping] = await Promise.all([
      startSquid({ ...samba.squid, schemes, digest: FILE_USER, auth: FILE_USER, hosts: NAMES }),
      startSquid({ hosts: NAMES }),
      startSquid({ hosts: NAMES, bump }),
    ]);
  });
  afterAll(async () => {
    for (const name of Object.keys(kdc.ticket)) delete process.env[name];
    Object.assign(process.env, variables);
    await Promise.all([asking, open, bumping].map((squid) => squid.stop()));
  });

  /** Status and method of the requests about a name, once its tunnels are closed. */
  async function logOf(squid: RunningSquid, url: URL, lines: number): Promise<string[]> {
    const log = await squid.accessLog(lines, `${url.hostname}:`);
    return log.map((line) => line.split(' ').slice(0, 2).join(' '));
  }

  const BOTH = ['websocket', 'poll'] as const;
  it.each(BOTH)('%s: an open proxy, with the name of the proxy in the state', async (mode) => {
    const { state } = await linkUp(newUrl(), through(profile(open.port)), mode);
    expect(state).toMatchObject({ over: mode, proxy: 'corp', localAddress: '127.0.0.1' });
  });

  it.each(
    BOTH.flatMap((mode) => [
      [mode, 'basic', FILE_USER, ['200 CONNECT']] as const,
      [mode, 'digest', FILE_USER, ['407 CONNECT', '200 CONNECT']] as const,
      [mode, 'ntlm', SAMBA_USER, ['407 CONNECT', '200 CONNECT']] as const,
      [mode, 'negotiate', null, ['200 CONNECT']] as const,
    ]),
  )('%s: %s', async (mode, authentication, user, log) => {
    const account = user === null ? undefined : { ...user, authentication };
    const corp = { ...profile(asking.port, account), address: KDC_PROXY, authentication } as ProxyProfile;
    const url = newUrl();
    const { rig: up } = await linkUp(url, through(corp), mode);
    await up.link.stop();
    // In mode poll, each poll has a tunnel: one for hello, and one for the command.
    const logged = await logOf(asking, url, log.length);
    expect(logged.slice(0, log.length)).toEqual(log);
    expect(logged.filter((line) => line.startsWith('407')).length).toBeLessThanOrEqual(mode === 'poll' ? 3 : 1);
  });

  it('link: a refused password is sent once, however often the link tries', async () => {
    const url = newUrl();
    const corp = { ...profile(asking.port, { ...SAMBA_USER, password: 'wrong' }), address: KDC_PROXY };
    rig = linkRig(url, through(corp));
    rig.link.start();
    expect(await rig.until('waiting')).toMatchObject({ failure: { code: 'AUTH-REJECTED' } });
    for (let at = 2; at <= 4; at += 1) {
      rig.retry();
      await rig.until(() => rig?.states.filter((one) => one.startsWith('waiting')).length === at);
    }
    expect(await logOf(asking, url, 1)).toEqual(['407 CONNECT']);
    expect(rig.said()).toEqual(['platform-failed']);
  });

  it.each(BOTH)('%s: a proxy that decrypts TLS is refused and not bypassed', async (mode) => {
    const [polls, upgrades] = [platform.polls.length, platform.upgrades.length];
    rig = linkRig(newUrl(), through(profile(bumping.port)), { mode });
    rig.link.start();
    expect(await rig.until('waiting')).toMatchObject({ failure: { code: 'TLS-INTERCEPTED' } });
    expect([platform.polls.length, platform.upgrades.length]).toEqual([polls, upgrades]);
  });

  it('link: every transition is reached through the proxy', async () => {
    const relay = await startSwitchedRelay(open.port);
    const one = linkRig(newUrl(), through(profile(relay.port)));
    rig = one;
    const phase = (wanted: Phase) => one.until(() => 'phase' in one.link.state && one.link.state.phase === wanted);
    const answer = (socket: Duplex) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    const probe = async () => {
      await one.until(() => platform.held > 0);
      one.clock.advance(55_000);
      platform.release();
      await one.until(() => platform.held > 0 || one.transitions.has('polling probing'));
    };
    const untilProbing = async () => {
      one.transitions.delete('polling probing');
      for (let at = 0; at < 30 && !one.transitions.has('polling probing'); at += 1) await probe();
    };
    try {
      // off, connecting, waiting
      relay.mode = 'down';
      one.link.start();
      await one.link.stop();
      one.link.start();
      await one.until('waiting');
      await one.link.stop();
      one.link.start();
      await one.until('waiting');
      relay.mode = 'pass';
      // upgrading
      platform.onUpgrade = () => undefined;
      one.retry();
      await phase('upgrading');
      await one.link.stop();
      platform.onUpgrade = (socket) => socket.destroy();
      one.link.start();
      await one.until('waiting');
      platform.onUpgrade = null;
      one.retry();
      await one.until('connected');
      // connected
      for (const socket of platform.sockets) socket.close(1_012);
      await one.until('waiting');
      one.retry();
      await one.until('connected');
      await one.link.stop();
      // polling, probing
      platform.onUpgrade = answer;
      one.link.start();
      await one.until('connected');
      await untilProbing();
      await one.until(() => one.transitions.has('probing polling'));
      platform.onUpgrade = () => undefined;
      await untilProbing();
      await one.link.stop();
      platform.onUpgrade = answer;
      one.link.start();
      await one.until('connected');
      await one.until(() => platform.held > 0);
      platform.onPoll = (response) => {
        response.writeHead(503).end();
        return true;
      };
      platform.release();
      await one.until('waiting');
      platform.onPoll = null;
      one.retry();
      await one.until('connected');
      platform.onUpgrade = null;
      await untilProbing();
      await phase('connected');
      await one.link.stop();
      one.settings = { ...one.settings, mode: 'poll' };
      one.link.start();
      await one.until('connected');
      await one.link.stop();
      const listed = Object.entries(TRANSITIONS).flatMap(([from, to]) => to.map((next) => `${from} ${next}`));
      expect([...one.transitions].sort()).toEqual(listed.sort());
    } finally {
      platform.onUpgrade = null;
      platform.onPoll = null;
      await relay.close();
    }
  });

  it('link: a relay that goes silent is noticed by its pings, and left', async () => {
    let held = () => Promise.resolve();
    const relay = await startRecordingRelay(open.port, () => held());
    try {
      const { rig: up } = await linkUp(newUrl(), through(profile(relay.port)));
      held = () => new Promise(() => undefined);
      for (let at = 0; at < 3; at += 1) up.clock.advance(21_875);
      expect(up.link.state).toMatchObject({ kind: 'waiting', failure: { code: 'LINK-SILENT' } });
      held = () => Promise.resolve();
      up.retry();
      await up.until('connected');
    } finally {
      await relay.close();
    }
  });

  it('link: a proxy that ends the tunnel after an hour is normal, and the link returns', async () => {
    const relay = await startRecordingRelay(open.port);
    const { rig: up } = await linkUp(newUrl(), through(profile(relay.port)));
    await up.live(3_600_000, platform.push);
    await relay.close();
    expect(await up.until('waiting')).toMatchObject({ failure: null });
    expect(up.said()).toEqual(['platform-connected', 'platform-ended']);
  });

  describeWith(['nginx'], 'a server that strips Upgrade', () => {
    it('link: WebSocket is blocked, polls work, and this is said once', async () => {
      const plain = await startTestPlatform(ca, true);
      const nginx = await startNginx({ ...ca.issue({ names: PLATFORM_NAMES }), behind: plain.port, maxBody: '1m' });
      try {
        const { rig: up, state } = await linkUp(newUrl(nginx.port), through(profile(open.port)), 'websocket', plain);
        expect(state).toMatchObject({ over: 'poll', blocked: { code: 'WS-BLOCKED' } });
        expect(up.said()).toEqual(['platform-blocked', 'platform-connected']);
        await up.link.stop();
      } finally {
        await nginx.stop();
        await plain.close();
      }
    });
  });

  describeWith(['haproxy'], 'HAProxy with a limit for idle tunnels', () => {
    const TUNNEL_MS = 600;
    /** With the real clock, because HAProxy has one. */
    const clocks = { clock: systemClock, connectionClock: systemClock };

    it('link: pings keep it for ten times the limit; without them it is cut', { timeout: 120_000 }, async () => {
      const pair = ca.issue({ names: PLATFORM_NAMES });
      const haproxy = await startHaproxy({ ...pair, behind: platform.port, tunnelMs: TUNNEL_MS });
      const router = through(profile(open.port));
      const start = async (pingMs: number) => {
        const one = linkRig(newUrl(haproxy.port), router, { pingMs, ...clocks });
        one.link.start();
        await one.until('connected');
        return one;
      };
      const [alive, mute] = await Promise.all([start(TUNNEL_MS / 4), start(60_000)]);
      try {
        const startMs = systemClock.monotonic();
        expect(await mute.until('waiting')).toMatchObject({ failure: { code: 'LINK-LOST' } });
        await new Promise((resolve) =>
          systemClock.after(10 * TUNNEL_MS - (systemClock.monotonic() - startMs), () => resolve(null)),
        );
        expect(alive.states).toEqual([
          'connecting connecting',
          'connecting upgrading',
          'connecting connected',
          'connected websocket',
        ]);
      } finally {
        await Promise.all([alive.link.stop(), mute.link.stop()]);
        await haproxy.stop();
      }
    });
  });

  it.each(BOTH)('%s: the proxy that a PAC file names', async (mode) => {
    const pac = await startPacServer();
    const caFile = join(tmpdir(), `platform-ca-${process.pid}.pem`);
    await writeFile(caFile, ca.cert);
    const composed = await composeIn({
      proxies: [
        { name: 'corp', scheme: 'pac', pac: { url: pac.answers(`PROXY 127.0.0.1:${open.port}`) }, default: true },
      ],
      platform: { ca_file: caFile },
    });
    try {
      const { rig: up, state } = await linkUp(newUrl(), composed.parts.ports.router, mode);
      expect(state).toMatchObject({ over: mode, proxy: 'corp' });
      await up.link.stop();
    } finally {
      await composed.remove();
      await Promise.all([pac.close(), rm(caFile)]);
    }
  });
});

describeWith(['dante'], 'the link through a SOCKS server', () => {
  let dante: RunningDante;
  beforeAll(async () => {
    dante = await startDante({ hosts: NAMES, user: { user: 'nobody', password: 'right' } });
  });
  afterAll(() => dante.stop());

  it.each(['websocket', 'poll'] as const)('%s: SOCKS5 with a user', async (mode) => {
    const corp = { ...profile(dante.port, { user: 'nobody', password: 'right' }), scheme: 'socks5h' } as const;
    const { state } = await linkUp(newUrl(), through(corp), mode);
    expect(state).toMatchObject({ over: mode, proxy: 'corp' });
  });
});
