// The matrix for proxies that a PAC file over http or the environment names, other than plain HTTP proxies with Basic: SOCKS or
// TLS to the proxy, through Dante and Squid, and a ticket for a proxy of a PAC file.

import '#test/support/built-threads.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askComposed, type ComposedRequest } from '#test/support/ask-composed.ts';
import { createCa } from '#test/support/certificates.ts';
import { type RunningDante, startDante } from '#test/support/dante.ts';
import { KDC_PROXY, type RunningKdc, takeKdc } from '#test/support/kdc.ts';
import { type PacServer, startPacServer } from '#test/support/pac-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { PROTOCOLS, type Protocol, startTargets, type Targets } from '#test/support/targets.ts';

const USER = { user: 'svc_update', password: 'right' } as const;
const ca = createCa();

let targets: Targets;
let pac: PacServer;
let folder: string;
beforeAll(async () => {
  [targets, pac] = await Promise.all([startTargets(100, ca), startPacServer()]);
  folder = await mkdtemp(join(tmpdir(), 'sallyport-named-'));
  await writeFile(join(folder, 'ca.pem'), ca.cert);
});
afterAll(async () => {
  await Promise.all([targets.close(), pac.close(), rm(folder, { recursive: true })]);
});

const ask = (asked: Omit<ComposedRequest, 'caFile'>) => askComposed({ ...asked, caFile: join(folder, 'ca.pem') });
const byEnvironment = { scheme: 'environment' } as const;

/** The variable that names a proxy for a protocol. */
function variable(protocol: Protocol): string {
  return protocol === 'https' || protocol === 'wss' ? 'https_proxy' : 'http_proxy';
}

// One after the other: Dante's log knows targets by their address.
describeWith(['dante'], 'a SOCKS server that is named elsewhere', () => {
  let open: RunningDante;
  let asking: RunningDante;
  beforeAll(async () => {
    const hosts = targets.names;
    [open, asking] = await Promise.all([startDante({ hosts }), startDante({ hosts, user: USER })]);
  });
  afterAll(() => Promise.all([open.stop(), asking.stop()]));

  /** What came of it, and the lines that it adds to the log. */
  async function run(dante: RunningDante, asked: Omit<ComposedRequest, 'caFile'>) {
    const before = (await dante.log()).length;
    const result = await ask(asked);
    return { result, log: (await dante.log(before + 1)).slice(before) };
  }

  it.each(PROTOCOLS)('%s, PAC: SOCKS5', async (protocol) => {
    const url = targets.url(protocol);
    const profile = { scheme: 'pac', pac: { url: pac.answers(`SOCKS5 127.0.0.1:${open.port}`) } };
    const expected = { result: 'passed', log: [`pass - 127.0.0.1.${url.port}`] };
    expect(await run(open, { profile, url })).toEqual(expected);
    expect(targets.seen(url)).toEqual({ requests: 1, proxyHeaders: [] });
  });

  it.each([
    ['right', 'this one', 'passed', `pass ${USER.user}`],
    ['wrong', 'this one', 'AUTH-REJECTED', 'block system password authentication failed'],
    ['right', 'another one', 'AUTH-REQUIRED', 'no acceptable authentication method'],
  ] as const)('PAC: SOCKS5, the %s password, which is for %s: %s', async (password, whose, result, line) => {
    const place = `127.0.0.1:${asking.port}`;
    const credentials_for = whose === 'this one' ? place : 'proxy.example.com';
    const account = { authentication: 'basic', user: USER.user, password };
    const profile = { scheme: 'pac', pac: { url: pac.answers(`SOCKS5 ${place}`), credentials_for }, ...account };
    const got = await run(asking, { profile, url: targets.url('https') });
    expect(got).toEqual({ result, log: [expect.stringContaining(line)] });
  });

  it.each(
    PROTOCOLS.flatMap((protocol) => [
      [protocol, 'right', `${USER.user}:${USER.password}@`, 'passed', `pass ${USER.user}`] as const,
      [protocol, 'wrong', `${USER.user}:wrong@`, 'AUTH-REJECTED', 'password authentication failed'] as const,
      [protocol, 'missing', '', 'AUTH-REQUIRED', 'no acceptable authentication method'] as const,
    ]),
  )('%s, environment: SOCKS5, a password that is %s', async (...row) => {
    const [protocol, , account, result, line] = row;
    const environment = { [variable(protocol)]: `socks5h://${account}127.0.0.1:${asking.port}` };
    const got = await run(asking, { profile: byEnvironment, url: targets.url(protocol), environment });
    expect(got).toEqual({ result, log: [expect.stringContaining(line)] });
  });
});

describeWith(['squid'], 'a proxy that is named elsewhere and spoken to over TLS', () => {
  let squid: RunningSquid;
  beforeAll(async () => {
    squid = await startSquid({ auth: USER, hosts: targets.names, tls: ca.issue() });
  });
  afterAll(() => squid.stop());

  async function logOf(url: URL): Promise<string[]> {
    const lines = await squid.accessLog(1, `${url.hostname}:`);
    return lines.map((line) => line.split(' ').toSpliced(2, 1).join(' '));
  }

  const place = () => `localhost:${squid.tlsPort}`;
  const passed = (protocol: Protocol) => [`200 ${protocol === 'http' ? 'GET' : 'CONNECT'} ${USER.user}`];

  it.concurrent.each(PROTOCOLS)('%s, PAC: HTTPS', async (protocol) => {
    const url = targets.url(protocol);
    const account = { authentication: 'basic', ...USER, ca_file: join(folder, 'ca.pem') };
    const profile = {
      scheme: 'pac',
      pac: { url: pac.answers(`HTTPS ${place()}`), credentials_for: place() },
      ...account,
    };
    expect(await ask({ profile, url })).toBe('passed');
    expect(await logOf(url)).toEqual(passed(protocol));
  });

  it.concurrent.each(PROTOCOLS)('%s, environment: https://', async (protocol) => {
    const url = targets.url(protocol);
    const environment = { [variable(protocol)]: `https://${USER.user}:${USER.password}@${place()}` };
    const profile = { ...byEnvironment, ca_file: join(folder, 'ca.pem') };
    expect(await ask({ profile, url, environment })).toBe('passed');
    expect(await logOf(url)).toEqual(passed(protocol));
  });

  it.concurrent.each(['PAC', 'environment'])('%s: an untrusted authority', async (how) => {
    const url = targets.url('https');
    const profile = how === 'PAC' ? { scheme: 'pac', pac: { url: pac.answers(`HTTPS ${place()}`) } } : byEnvironment;
    const result = await ask({ profile, url, environment: { https_proxy: `https://${place()}` } });
    expect(result).toMatch(/^PROXY-TLS-/);
    expect(await squid.accessLog(0, `${url.hostname}:`)).toEqual([]);
  });
});

describeWith(['squid', 'kerberos'], 'a ticket, and a proxy that a PAC file names', () => {
  let kdc: RunningKdc;
  let squid: RunningSquid;
  const before = { ...process.env };
  beforeAll(async () => {
    kdc = await takeKdc();
    squid = await startSquid({ schemes: kdc.squid, hosts: targets.names });
    Object.assign(process.env, kdc.ticket);
  });
  afterAll(async () => {
    for (const name of Object.keys(kdc.ticket)) delete process.env[name];
    Object.assign(process.env, before);
    await squid.stop();
  });

  it.each(
    PROTOCOLS.flatMap((protocol) => [
      [protocol, 'another proxy', 'AUTH-REQUIRED'] as const,
      [protocol, 'this proxy', 'passed'] as const,
    ]),
  )('%s: what it may be shown to is %s: %s', async (protocol, whose, result) => {
    const url = targets.url(protocol);
    const place = `${KDC_PROXY}:${squid.port}`;
    const credentials_for = whose === 'this proxy' ? place : 'proxy.example.com';
    const granted = kdc.granted().length;
    const profile = {
      scheme: 'pac',
      authentication: 'negotiate',
      pac: { url: pac.answers(`PROXY ${place}`), credentials_for },
    };
    expect(await ask({ profile, url })).toBe(result);
    const [last = ''] = (await squid.accessLog(1, `${url.hostname}:`)).slice(-1);
    expect(last.startsWith('200')).toBe(result === 'passed');
    if (result !== 'passed')
      expect({ who: last.split(' ').at(-1), granted: kdc.granted().length }).toEqual({ who: '-', granted });
  });
});
