// The matrix for SOCKS: every version, every protocol, with and without a user, through Dante and through OpenSSH. One cell
// after the other, because Dante's log knows targets by their address.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HopScheme } from '#proxy/profile.ts';
import { type RunningDante, startDante } from '#test/support/dante.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSshSocks, startSshSocks } from '#test/support/ssh-socks.ts';
import { PROTOCOLS, type Protocol, reach, startTargets, type Targets } from '#test/support/targets.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const USER = { user: 'svc_update', password: 'grün:@/%1' } as const;
const VERSIONS = ['socks4', 'socks4a', 'socks5', 'socks5h'] as const;
type Version = (typeof VERSIONS)[number] & HopScheme;

let targets: Targets;
beforeAll(async () => {
  targets = await startTargets(100);
});
afterAll(() => targets.close());

/** A name that only the proxy knows, where the proxy resolves names; else one that both know. */
function urlFor(version: Version, protocol: Protocol): URL {
  return targets.url(protocol, version === 'socks4' || version === 'socks5' ? 'localhost' : undefined);
}

function cells(versions: readonly Version[]) {
  return versions.flatMap((version) => PROTOCOLS.map((protocol) => [version, protocol] as const));
}

/** What comes of it, and the lines that it adds to the proxy's log. */
async function run(
  proxy: RunningDante | RunningSshSocks,
  cell: { version: Version; url: URL; password?: string },
  lines: number,
) {
  const { version, url, password } = cell;
  const before = (await proxy.log()).length;
  const account = password === undefined ? undefined : { ...USER, password };
  const proxies = [{ ...profile(proxy.port, account), scheme: version }];
  const result = await reach(testRouter({ proxies, trust: targets.trust }), url);
  const log = (await proxy.log(before + lines)).slice(before);
  return { result, log };
}

describeWith(['dante'], 'a SOCKS server without authentication', () => {
  let dante: RunningDante;
  beforeAll(async () => {
    dante = await startDante({ hosts: targets.names, denyPort: 1 });
  });
  afterAll(() => dante.stop());

  it.each(cells(['socks4', 'socks5', 'socks5h']))('%s, %s', async (version, protocol) => {
    const url = urlFor(version, protocol);
    expect(await run(dante, { version, url }, 1)).toEqual({ result: 'passed', log: [`pass - 127.0.0.1.${url.port}`] });
    if (url.hostname !== 'localhost') expect(targets.seen(url)).toEqual({ requests: 1, proxyHeaders: [] });
  });

  it.each(cells(['socks4a']))(
    'Dante: %s, %s: the name is taken for an unreachable address',
    async (version, protocol) => {
      const { result, log } = await run(dante, { version, url: urlFor(version, protocol) }, 1);
      expect(result).toBe('SOCKS-REFUSED');
      expect(log).toEqual([expect.stringMatching(/^block .*0\.0\.0\.1\..*failed/)]);
    },
  );

  it.each(VERSIONS.filter((version) => version !== 'socks4a'))('%s: a target that its rules deny', async (version) => {
    const name = version === 'socks5h' ? 'c0.cells.test' : 'localhost';
    const { result, log } = await run(dante, { version, url: new URL(`https://${name}:1/`) }, 1);
    // SOCKS4 has one word for every refusal.
    expect(result).toBe(version === 'socks4' ? 'SOCKS-REFUSED' : 'POLICY-DENIED');
    expect(log).toEqual([expect.stringContaining('blocked by higher-level socks-rule')]);
  });

  it.each(['socks4', 'socks5'] as const)('%s: a name that is known to the proxy alone', async (version) => {
    const { result, log } = await run(dante, { version, url: targets.url('https') }, 0);
    expect({ result, log }).toEqual({ result: 'DNS-SOCKS', log: [] });
  });
});

describeWith(['dante'], 'a SOCKS server that asks for a user', () => {
  let dante: RunningDante;
  beforeAll(async () => {
    dante = await startDante({ hosts: targets.names, user: USER });
  });
  afterAll(() => dante.stop());

  const versions = ['socks5', 'socks5h'] as const;
  it.each(cells(versions))('%s, the right password, %s', async (version, protocol) => {
    const url = urlFor(version, protocol);
    const expected = { result: 'passed', log: [`pass ${USER.user} 127.0.0.1.${url.port}`] };
    expect(await run(dante, { version, url, password: USER.password }, 1)).toEqual(expected);
  });

  it.each(cells(versions))('%s, a wrong password, %s', async (version, protocol) => {
    const { result, log } = await run(dante, { version, url: urlFor(version, protocol), password: 'wrong' }, 1);
    expect(result).toBe('AUTH-REJECTED');
    expect(log).toEqual([`block system password authentication failed for user "${USER.user}"`]);
  });

  it.each(cells(versions))('%s, without a user, %s', async (version, protocol) => {
    const { result, log } = await run(dante, { version, url: urlFor(version, protocol) }, 1);
    expect(result).toBe('AUTH-REQUIRED');
    expect(log).toEqual([expect.stringContaining('no acceptable authentication method')]);
  });

  it.each(cells(['socks4']))('%s, which has no password, %s', async (version, protocol) => {
    const { result, log } = await run(dante, { version, url: urlFor(version, protocol) }, 1);
    expect(result).toBe('SOCKS-REFUSED');
    expect(log).toEqual([expect.stringContaining('blocked')]);
  });
});

describeWith(['ssh'], 'the dynamic forwarding of OpenSSH', () => {
  let ssh: RunningSshSocks;
  beforeAll(async () => {
    ssh = await startSshSocks(targets.names);
  });
  afterAll(() => ssh.stop());

  it.each(cells(VERSIONS))('%s, %s', async (version, protocol) => {
    const url = urlFor(version, protocol);
    const byName = version === 'socks4a' || version === 'socks5h';
    const spoken = version.startsWith('socks4') ? 'socks4' : 'socks5';
    const log = [`${spoken} host ${byName ? url.hostname : '127.0.0.1'} port ${url.port}`];
    expect(await run(ssh, { version, url }, 1)).toEqual({ result: 'passed', log });
  });

  it.each(['socks4a', 'socks5h'] as const)(
    'ssh -D: %s: a closed port at the target is not reported',
    async (version) => {
      const { result } = await run(ssh, { version, url: new URL('https://localhost:1/') }, 1);
      expect(result).toBe('TUNNEL-CLOSED');
    },
  );
});
