// The matrix for proxies that something else names, a PAC file over http or the environment, and for going direct: the real
// composition over a real configuration, every protocol, through a Squid that asks for a user and one that does not.

import '#test/support/built-threads.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askComposed, type ComposedRequest } from '#test/support/ask-composed.ts';
import { createCa } from '#test/support/certificates.ts';
import { type PacServer, startPacServer } from '#test/support/pac-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { PROTOCOLS, type Protocol, startTargets, type Targets } from '#test/support/targets.ts';

const USER = { user: 'svc_update', password: 'right' } as const;
const ca = createCa();
/** Nothing listens there. */
const [DEAD, DEAD_TOO] = ['127.0.0.1:1', '127.0.0.1:2'];

describeWith(['squid'], 'proxies that are named elsewhere', () => {
  let targets: Targets;
  let open: RunningSquid;
  let asking: RunningSquid;
  let pac: PacServer;
  let folder: string;
  beforeAll(async () => {
    [targets, pac] = await Promise.all([startTargets(200, ca), startPacServer()]);
    const hosts = targets.names;
    [open, asking] = await Promise.all([startSquid({ hosts }), startSquid({ auth: USER, hosts })]);
    folder = await mkdtemp(join(tmpdir(), 'sallyport-named-'));
    await writeFile(join(folder, 'ca.pem'), ca.cert);
  });
  afterAll(async () => {
    await Promise.all([targets.close(), pac.close(), open.stop(), asking.stop()]);
    await rm(folder, { recursive: true });
  });

  const at = ({ port }: RunningSquid) => `127.0.0.1:${port}`;
  const passed = (protocol: Protocol, who = '-') => [protocol === 'http' ? `200 GET ${who}` : `200 CONNECT ${who}`];
  const refused = (protocol: Protocol) => [protocol === 'http' ? '407 GET -' : '407 CONNECT -'];
  const each = <T extends readonly unknown[]>(rows: readonly T[]) =>
    rows.flatMap((row) => PROTOCOLS.map((protocol) => [protocol, ...row] as const));

  /** Asks once; what came of it, and what the log says of the target. */
  async function ask(asked: Omit<ComposedRequest, 'caFile'>, lines: number, squid: RunningSquid) {
    const { url } = asked;
    const result = await askComposed({ ...asked, caFile: join(folder, 'ca.pem') });
    const log = await squid.accessLog(lines, `${url.hostname}:`);
    expect(targets.seen(url).proxyHeaders).toEqual([]);
    return { result, log: log.map(shortened) };
  }

  const byPac = (answer: string, more: object = {}) => ({ scheme: 'pac', pac: { url: pac.answers(answer) }, ...more });

  it.concurrent.each(
    each([
      ['alive', () => `PROXY ${at(open)}`],
      ['dead, then alive', () => `PROXY ${DEAD}; PROXY ${at(open)}`],
      ['dead, then alive, then DIRECT', () => `PROXY ${DEAD}; PROXY ${at(open)}; DIRECT`],
    ] as const),
  )('%s, PAC: %s', async (protocol, _what, answer) => {
    const url = targets.url(protocol);
    const profile = byPac(answer());
    expect(await ask({ profile, url }, 1, open)).toEqual({ result: 'passed', log: passed(protocol) });
    expect(pac.fetched(profile.pac.url)).toBe(1);
  });

  it.concurrent.each(
    each([
      [`PROXY ${DEAD}; PROXY ${DEAD_TOO}`, 'free', 'POLICY'],
      [`PROXY ${DEAD}; DIRECT`, 'free', 'passed'],
      [`PROXY ${DEAD}; DIRECT`, 'required', 'TCP-REFUSED'],
      ['DIRECT', 'free', 'passed'],
      ['DIRECT', 'required', 'POLICY-DIRECT'],
    ] as const),
  )('%s, PAC: %s, a proxy is %s: %s', async (protocol, answer, rule, result) => {
    const url = targets.url(protocol, 'localhost');
    const settings = { proxy_required: rule === 'required' };
    expect((await ask({ profile: byPac(answer), url, settings }, 0, open)).result).toBe(result);
  });

  it.concurrent.each([
    ['no JavaScript', 'function FindProxyForURL(', 'PAC-SYNTAX'],
    ['no such function', 'var x = 1;', 'PAC-SYNTAX'],
    ['an answer that is none', 'function FindProxyForURL() { return 42; }', 'PAC-ANSWER'],
  ])('PAC: broken (%s) leads nowhere', async (_what, text, code) => {
    const url = targets.url('https');
    const profile = { scheme: 'pac', pac: { url: pac.file(text) } };
    expect(await ask({ profile, url }, 0, open)).toEqual({ result: code, log: [] });
    expect(targets.seen(url).requests).toBe(0);
  });

  // Right and wrong password not concurrently: for two requests of a user at once, Squid uses the helper's first answer for both.
  it.each(
    each([
      ['right', 'the proxy that is named', 'passed'],
      ['wrong', 'the proxy that is named', 'AUTH-REJECTED'],
      ['right', 'another proxy', 'AUTH-REQUIRED'],
    ] as const),
  )('%s, PAC: the %s password, for %s: %s', async (protocol, password, whose, result) => {
    const url = targets.url(protocol);
    const matches = whose !== 'another proxy';
    const trusted = matches ? at(asking) : 'proxy.example.com';
    const profile = {
      ...byPac(`PROXY ${at(asking)}`, { authentication: 'basic', user: USER.user, password }),
      pac: { url: pac.answers(`PROXY ${at(asking)}`), credentials_for: trusted },
    };
    const log = result === 'passed' ? passed(protocol, USER.user) : refused(protocol);
    expect(await ask({ profile, url }, 1, asking)).toEqual({
      result,
      log: matches && result !== 'passed' ? log.map(asUser) : log,
    });
  });

  it.each(
    each([
      ['without a user', () => `http://${at(open)}`, 'passed'],
      ['with the right user', () => `http://${USER.user}:${USER.password}@${at(asking)}`, 'passed'],
      ['with a wrong password', () => `http://${USER.user}:wrong@${at(asking)}`, 'AUTH-REJECTED'],
      ['without the user that is asked for', () => `http://${at(asking)}`, 'AUTH-REQUIRED'],
    ] as const),
  )('%s, environment: %s', async (protocol, what, value, result) => {
    const url = targets.url(protocol);
    const encrypted = protocol === 'https' || protocol === 'wss';
    const environment = { [encrypted ? 'https_proxy' : 'http_proxy']: value() };
    const profile = { scheme: 'environment' };
    const squid = what === 'without a user' ? open : asking;
    const who = what === 'with the right user' ? USER.user : '-';
    const log = result === 'passed' ? passed(protocol, who) : refused(protocol);
    const expected = { result, log: result === 'AUTH-REJECTED' ? log.map(asUser) : log };
    expect(await ask({ profile, url, environment }, 1, squid)).toEqual(expected);
  });

  it.concurrent.each(
    each([
      ['all_proxy', {}],
      ['ALL_PROXY, passed over by a no_proxy for others', { NO_PROXY: '.example.com,10.0.0.0/8' }],
    ]),
  )('%s, environment: %s', async (protocol, what, more) => {
    const url = targets.url(protocol);
    const name = what === 'all_proxy' ? 'all_proxy' : 'ALL_PROXY';
    const environment = { [name]: `http://${at(open)}`, ...more };
    const got = await ask({ profile: { scheme: 'environment' }, url, environment }, 1, open);
    expect(got).toEqual({ result: 'passed', log: passed(protocol) });
  });

  it.concurrent.each(
    each([
      ['no_proxy', false, 'passed'],
      ['no_proxy under proxy_required', true, 'POLICY-DIRECT'],
    ] as const),
  )('%s, environment: %s', async (protocol, _what, required, result) => {
    const url = targets.url(protocol, 'localhost');
    const environment = { all_proxy: DEAD, no_proxy: 'localhost' };
    const settings = { proxy_required: required };
    expect((await ask({ profile: { scheme: 'environment' }, url, environment, settings }, 0, open)).result).toBe(
      result,
    );
  });

  it.concurrent.each(PROTOCOLS)('direct, %s', async (protocol) => {
    const url = targets.url(protocol, 'localhost');
    expect((await ask({ profile: null, url }, 0, open)).result).toBe('passed');
  });
});

/** A refused Basic: Squid names the user who was claimed. */
function asUser(line: string): string {
  return line.replace(/-$/, USER.user);
}

/** Status, method and who. */
function shortened(line: string): string {
  const [status = '', method = '', , who = ''] = line.split(' ');
  return `${status} ${method} ${who}`;
}
