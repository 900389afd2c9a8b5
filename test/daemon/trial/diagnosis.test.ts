/**
 * `sallyport diagnose` on a healthy installation and on broken ones, each a whole composition behind a real proxy: the
 * first line names the cause with its code, and exit status and JSON match it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import type { Clock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import {
  ca,
  type DiagnosisOutput,
  feedSettings,
  printDiagnosis,
  printRefusedFile,
  startFeedOrigin,
} from '#test/support/diagnosis-rig.ts';
import { FAULTS, honest, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { startLoginProxy } from '#test/support/login-proxy.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { startScriptedOrigin } from '#test/support/scripted-origin.ts';
import type { TlsOrigin } from '#test/support/tls-origin.ts';

const HOST = 'updates.example.com';
const EXPIRED = ca.issue({ notAfter: '20210101000000Z' });
const closing: { close(): Promise<void> }[] = [];
let dir: string;
let healthy: TlsOrigin;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-diagnosis-'));
  healthy = await startFeedOrigin();
});
afterAll(async () => {
  await healthy.close();
  await rm(dir, { recursive: true });
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

function held<T extends { close(): Promise<void> }>(one: T): T {
  closing.push(one);
  return one;
}

interface Setup {
  readonly origin?: TlsOrigin;
  readonly script?: Script;
  readonly greeting?: string;
  /** A key of the profile. */
  readonly corp?: Readonly<Record<string, unknown>>;
  readonly sections?: Readonly<Record<string, unknown>>;
  readonly gateways?: readonly string[];
  readonly trustsEverywhere?: boolean;
  readonly clock?: Clock;
}

/** Diagnoses an agent whose one proxy, the default one, behaves like this. */
async function behind(setup: Setup): Promise<DiagnosisOutput> {
  const { origin = healthy, corp = {}, sections = {}, gateways = [], trustsEverywhere = false, clock } = setup;
  const proxy = held(await startFaultProxy(setup.script ?? honest(origin.port), setup.greeting));
  const profile = { name: 'corp', address: '127.0.0.1', port: proxy.port, default: true, ...corp };
  return await printDiagnosis({
    sections: { ...(await feedSettings(origin.port, HOST)), proxies: [profile], ...sections },
    gateways: () => Promise.resolve(gateways),
    trustsEverywhere,
    ...(clock === undefined ? {} : { clock }),
  });
}

async function closedPort(): Promise<number> {
  const proxy = await startFaultProxy(() => {});
  await proxy.close();
  return proxy.port;
}

/** Leads to its port for any target, and refuses what `isRefused` picks, as Squid does. */
function refusing(isRefused: (line: string) => boolean, port: number): Script {
  const denied = 'HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 0\r\n\r\n';
  return (client, head, earlier) => {
    if (isRefused(head.split('\r\n')[0] ?? '')) client.end(denied);
    else honest(port)(client, head, earlier);
  };
}

/** Leads to a port by CONNECT; sends the time with its answer, or only with its own answer to a plain request. */
function tellingTime(date: Date, port: number, how: 'with a tunnel' | 'by itself'): Script {
  const told = `Date: ${date.toUTCString()}\r\n`;
  const opened = `HTTP/1.1 200 Connection established\r\n${how === 'by itself' ? '' : told}\r\n`;
  return (client, head, earlier) => {
    if (head.startsWith('CONNECT')) honest(port, opened)(client, head, earlier);
    else client.end(`HTTP/1.1 403 Forbidden\r\n${told}Content-Length: 0\r\n\r\n`);
  };
}

interface Expected {
  readonly code: string;
  readonly status: number;
  /** Its class, as in the JSON. */
  readonly kind: string;
  /** Part of the first line. */
  readonly words: string;
  /** Null if it concerns no purpose. */
  readonly purpose?: 'updates' | 'platform' | null;
}

const BROKEN: Readonly<Record<string, { readonly tell: () => Promise<DiagnosisOutput>; readonly expected: Expected }>> =
  {
    'a wrong name of the proxy': {
      tell: () => behind({ corp: { address: 'prxoy.invalid' } }),
      expected: { code: 'DNS-PROXY', status: 10, kind: 'dns', words: 'Cannot resolve proxy host prxoy.invalid' },
    },
    'a wrong port': {
      tell: async () => behind({ corp: { port: await closedPort() } }),
      expected: { code: 'TCP-REFUSED', status: 11, kind: 'tcp', words: 'refused port' },
    },
    'a wrong scheme': {
      tell: async () => {
        const web = held(await startScriptedOrigin());
        return await behind({ corp: { scheme: 'https', port: Number(new URL(web.url).port) } });
      },
      expected: { code: 'PROXY-SCHEME', status: 14, kind: 'tls', words: 'speaks' },
    },
    'a wrong password': {
      tell: async () => {
        const user = { user: 'svc', password: 'right one', domain: '' };
        const { port } = held(await startLoginProxy('basic', user, healthy.port));
        return await behind({ corp: { port, authentication: 'basic', user: 'svc', password: 'wrong one' } });
      },
      expected: { code: 'AUTH-REJECTED', status: 12, kind: 'auth', words: 'refused user svc (Basic)' },
    },
    'a domain that is missing': {
      tell: async () => {
        const user = { user: 'svc', password: 'right one', domain: 'CORP' };
        const { port } = held(await startLoginProxy('ntlm', user, healthy.port));
        return await behind({ corp: { port, authentication: 'ntlm', user: 'svc', password: 'right one' } });
      },
      expected: { code: 'AUTH-DOMAIN', status: 12, kind: 'auth', words: 'The user has no domain' },
    },
    'a host that the proxy denies': {
      tell: () => behind({ script: refusing(() => true, healthy.port) }),
      expected: { code: 'POLICY-DENIED', status: 13, kind: 'policy', words: `refused ${HOST}` },
    },
    'a port that the proxy denies': {
      tell: () => behind({ script: refusing((line) => !line.includes(':443 '), healthy.port) }),
      expected: { code: 'POLICY-PORT', status: 13, kind: 'policy', words: 'port 443' },
    },
    'TLS that is opened on the way': {
      tell: async () => {
        const pair = createCa('Corp Inspection CA').issue();
        const origin = held(await startFeedOrigin({ pair }));
        return await behind({ origin });
      },
      expected: { code: 'TLS-INTERCEPTED', status: 14, kind: 'tls', words: 'Corp Inspection CA' },
    },
    'a clock that is wrong': {
      tell: async () => {
        const origin = held(await startFeedOrigin({ pair: ca.issue({ notBefore: '20900101000000Z' }) }));
        return await behind({ origin, script: tellingTime(new Date('2091-01-01'), origin.port, 'by itself') });
      },
      expected: { code: 'TLS-CLOCK', status: 14, kind: 'tls', words: 'not yet valid' },
    },
    'a certificate out of its time where nobody else tells the time': {
      tell: async () => behind({ origin: held(await startFeedOrigin({ pair: EXPIRED })) }),
      expected: { code: 'TLS-CLOCK', status: 14, kind: 'tls', words: 'no other clock is known' },
    },
    'an expired certificate': {
      tell: async () => {
        const origin = held(await startFeedOrigin({ pair: EXPIRED }));
        return await behind({ origin, script: tellingTime(new Date(), origin.port, 'by itself') });
      },
      expected: { code: 'TLS-EXPIRED', status: 14, kind: 'tls', words: 'is expired (valid ' },
    },
    'an expired certificate behind a proxy that tells the time with each tunnel': {
      tell: async () => {
        const origin = held(await startFeedOrigin({ pair: EXPIRED }));
        return await behind({ origin, script: tellingTime(new Date(), origin.port, 'with a tunnel') });
      },
      expected: { code: 'TLS-EXPIRED', status: 14, kind: 'tls', words: 'proxy corp says ' },
    },
    'a WebSocket that is blocked': {
      tell: async () => {
        const platform = { url: `wss://${HOST}:${healthy.port}/link` };
        return await behind({ sections: { platform }, trustsEverywhere: true });
      },
      expected: {
        code: 'WS-BLOCKED',
        status: 15,
        kind: 'ws',
        words: 'was answered with "404 Not Found" instead of 101',
        purpose: 'platform',
      },
    },
    'a default that is asked for and does not exist': {
      tell: () => printRefusedFile({ proxies: [{ name: 'corp', address: 'proxy.example.com' }] }),
      expected: { code: 'CONFIG', status: 78, kind: 'config', words: 'No profile is the default', purpose: null },
    },
    'proxies that all fail where direct is forbidden': {
      tell: async () => {
        const spare = { name: 'spare', address: '127.0.0.1', port: await closedPort() };
        const first = { name: 'first', address: '127.0.0.1', port: await closedPort(), default: true };
        const proxies = [{ ...first, fallback: ['spare'] }, spare];
        return await behind({ sections: { proxies, proxy_required: true } });
      },
      expected: { code: 'POLICY', status: 13, kind: 'policy', words: 'Every proxy failed' },
    },
    'the gateway in place of the proxy': {
      tell: async () => behind({ corp: { port: await closedPort() }, gateways: ['10.0.0.1', '127.0.0.1'] }),
      expected: {
        code: 'HOST-IS-GATEWAY',
        status: 78,
        kind: 'config',
        words: '127.0.0.1 is the default gateway of this host',
      },
    },
    'SSH behind the port': {
      tell: () => behind({ greeting: 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n', script: (client) => client.end() }),
      expected: { code: 'NOT-A-PROXY', status: 11, kind: 'tcp', words: 'SSH-2.0-OpenSSH_9.2p1' },
    },
    'a proxy that is silent': {
      tell: () => {
        const sections = { response_timeout: { tunnel_timeout_ms: 1_000 } };
        return behind({ script: FAULTS.silent, sections, clock: scaledClock(20) });
      },
      expected: { code: 'TUNNEL-TIMEOUT', status: 16, kind: 'timeout', words: 'did not answer CONNECT' },
    },
    'HTML in place of an answer': {
      tell: () => behind({ script: FAULTS.htmlInsteadOfAReply }),
      expected: { code: 'NOT-A-PROXY', status: 11, kind: 'tcp', words: 'not a forward proxy' },
    },
    'a web server in place of the proxy': {
      tell: () => behind({ script: FAULTS.webServer }),
      expected: { code: 'NOT-A-PROXY', status: 11, kind: 'tcp', words: '405' },
    },
    'a PAC file that is broken': {
      tell: async () => {
        const file = join(dir, 'proxy.pac');
        await writeFile(file, 'function FindProxyForURL(url, host) { return "PROXY ');
        const corp = { name: 'corp', scheme: 'pac', pac: { file }, default: true };
        return await printDiagnosis({ sections: { ...(await feedSettings(healthy.port, HOST)), proxies: [corp] } });
      },
      expected: { code: 'PAC-SYNTAX', status: 13, kind: 'policy', words: 'PAC file' },
    },
    'direct that is refused': {
      tell: () => behind({ corp: { no_proxy: HOST }, sections: { proxy_required: true } }),
      expected: { code: 'POLICY-DIRECT', status: 13, kind: 'policy', words: 'proxy_required' },
    },
    'a proxy that only the shell knows': {
      tell: async () => {
        const sections = await feedSettings(await closedPort());
        const shell = { HTTPS_PROXY: 'http://proxy.example.com:3128' };
        return await printDiagnosis({ sections, asked: { shell } });
      },
      expected: {
        code: 'SHELL-DIFFERS',
        status: 78,
        kind: 'config',
        words: 'Your shell sets HTTPS_PROXY',
      },
    },
    'a block page in place of the package': {
      tell: async () => behind({ origin: held(await startFeedOrigin({ page: true })) }),
      expected: { code: 'NOT-THE-PACKAGE', status: 17, kind: 'content', words: 'Blocked: downloads of software' },
    },
    'a server that is not there behind the proxy': {
      tell: () => behind({ script: says('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n') }),
      expected: { code: 'PROXY-UPSTREAM', status: 13, kind: 'policy', words: 'cannot reach' },
    },
  };

describe('diagnosis: a run', () => {
  it('on a healthy installation says that all is well, and shows each stage', async () => {
    const told = await behind({});
    expect(told).toMatchObject({ first: 'All is well: updates through corp.', status: 0 });
    const [updates] = told.diagnosis.purposes;
    expect(updates).toMatchObject({ outcome: 'ok', proxy: 'corp', how: 'tunnel', failure: null, warnings: [] });
    expect(updates?.stages.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      ['choice', 'dial', 'tunnel', 'tls', 'http', 'range', 'path', 'clock'].map((name) => `${name} ok`),
    );
    expect(updates?.stages.find(({ name }) => name === 'tls')?.says).toContain('Sallyport Test CA');
    expect(updates?.endpoints).toMatchObject([{ outcome: 'ok', endpoint: `${HOST}:${healthy.port}` }]);
  });

  it.each(Object.entries(BROKEN))('with %s names it in its first line', async (_name, { tell, expected }) => {
    const { first, status, diagnosis, lines } = await tell();
    const { code, kind, words, purpose = 'updates' } = expected;
    expect({ first, status }).toEqual({ first: expect.stringContaining(words), status: expected.status });
    expect(first).toContain(
      purpose === null ? `[${code}] ` : `[${code}] ${purpose}${purpose === 'updates' ? '' : ' (not enabled)'}: `,
    );
    // The fields for scripts agree.
    const finding = { code, class: kind, check: expect.stringMatching(/\w/) };
    expect(diagnosis.verdict).toMatchObject({ outcome: 'failed', purpose, sentence: first, finding });
    if (purpose === null) return;
    expect(lines.some((line) => line.includes('FAILED'))).toBe(true);
    const failed = diagnosis.purposes.filter(({ outcome }) => outcome === 'failed');
    expect(failed).toMatchObject([{ purpose, failure: finding }]);
    expect(failed[0]?.stages.filter(({ outcome }) => outcome === 'failed')).toHaveLength(1);
  });

  it.each([
    ['that strips Range', { ranges: false }, 'RANGE-STRIPPED', 'updates works, but: A part of'],
    [
      'to a far clock',
      { date: 'Tue, 01 Jan 2019 00:00:00 GMT' },
      'CLOCK-SKEW',
      'updates works, but: The clock of this host',
    ],
  ])('on a path %s warns and ends with 0', async (_name, options, code, words) => {
    const { first, status, diagnosis } = await behind({ origin: held(await startFeedOrigin(options)) });
    expect({ first, status }).toEqual({ first: expect.stringContaining(words), status: 0 });
    expect(diagnosis.verdict).toMatchObject({ outcome: 'warning', finding: { code } });
  });

  it('for all purposes on one account sends a wrong password once', async () => {
    const user = { user: 'svc', password: 'right one', domain: '' };
    const login = held(await startLoginProxy('basic', user, healthy.port));
    const url = `https://${HOST}:${healthy.port}/`;
    const { first, status, diagnosis } = await behind({
      corp: { port: login.port, authentication: 'basic', user: 'svc', password: 'wrong one' },
      sections: { support_logs: { url }, exposure_analytics: { url }, platform: { url }, telemetry: { url } },
      trustsEverywhere: true,
    });
    expect({ status, refused: login.counted.refused }).toEqual({ status: 12, refused: 1 });
    expect(first).toContain('(and support_logs, exposure_analytics, platform, telemetry also failed)');
    expect(diagnosis.purposes.map(({ failure }) => failure?.code)).toEqual(PURPOSES.map(() => 'AUTH-REJECTED'));
  });

  it('without a daemon first prints its user', async () => {
    const sections = await feedSettings(healthy.port);
    const { lines, diagnosis } = await printDiagnosis({ sections, mode: 'command' });
    expect(lines[0]).toBe(`Running as ${diagnosis.as.user}, not as the service.`);
    expect(lines[1]).toBe('All is well: updates direct.');
  });

  it('without any URL is a failure of the configuration', async () => {
    const { first, status } = await printDiagnosis({ sections: {} });
    expect({ first, status }).toMatchObject({ status: 78 });
    expect(first).toContain('[CONFIG-INCOMPLETE]');
  });
});
