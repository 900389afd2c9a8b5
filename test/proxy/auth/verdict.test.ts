import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import { readChallenges } from '#proxy/auth/schemes/challenge.ts';
import {
  type AuthPeer,
  checkConnect,
  checkForward,
  classifyAuthentication,
  rejection,
  requiresAuthentication,
} from '#proxy/auth/verdict.ts';
import type { ErrorPage } from '#proxy/error-page.ts';
import type { ResponseHead } from '#proxy/route.ts';

const TARGET = 'updates.example.com:443';
const hop = proxyAt('corp', '10.1.1.5:3128');
const own = { isAccountWithheld: false, variable: null };
const corp = { name: 'corp', hop, scheme: 'http', address: '10.1.1.5', port: 3128, ...own } as const;
const transparent: AuthPeer = { ...corp, authentication: 'transparent', user: null, hasDomain: false };
const basic: AuthPeer = { ...corp, authentication: 'basic', user: 'CORP\\svc', hasDomain: true };

function head(status: number, headers: Record<string, string> = {}, reason = 'Reason'): ResponseHead {
  return { status, reason, rawHeaders: Object.entries(headers).flat() };
}

interface Beside {
  readonly page?: Partial<ErrorPage>;
  readonly target?: string;
  readonly passes443?: boolean;
  readonly proved?: 'Basic';
}

function connect(answer: ResponseHead, asked = transparent, beside: Beside = {}) {
  const { target = TARGET, passes443 = false, proved = null, page } = beside;
  return checkConnect(answer, asked, { target, passes443, proved, page: { title: null, words: null, ...page } });
}

const squid = (error: string) => ({ Server: 'squid/5.7', 'X-Squid-Error': `${error} 0` });

describe('the answer to CONNECT', () => {
  it.each([200, 201, 204, 299])('CONNECT: status %i opens the tunnel', (status) => {
    expect(connect(head(status))).toBeNull();
  });

  it.each([
    [403, squid('ERR_ACCESS_DENIED'), 'POLICY-DENIED', 'ERR_ACCESS_DENIED'],
    [503, squid('ERR_CONNECT_FAIL'), 'PROXY-UPSTREAM', 'ERR_CONNECT_FAIL'],
    [502, { 'Proxy-Status': 'p.example; error=dns_error' }, 'PROXY-UPSTREAM', 'dns_error'],
    [500, {}, 'PROXY-UPSTREAM', 'Reason'],
    [504, {}, 'PROXY-UPSTREAM', 'Reason'],
    [302, {}, 'PROXY-REFUSED', 'Reason'],
    [404, {}, 'PROXY-REFUSED', 'Reason'],
    [429, {}, 'PROXY-REFUSED', 'Reason'],
    [101, {}, 'PROXY-REFUSED', 'Reason'],
    [400, squid('ERR_INVALID_URL'), 'PROXY-REFUSED', 'ERR_INVALID_URL'],
  ])('CONNECT: %i with %j is %s and says %s', (status, headers, code, said) => {
    const error = connect(head(status, headers));
    expect([error?.code, error?.facts['said'], error?.facts['status'], error?.place]).toEqual([
      code,
      said,
      status,
      hop,
    ]);
  });

  it('CONNECT: names the title of the page without a better header, and keeps its text', () => {
    const page = { title: 'Category: Software Downloads', words: 'Category: Software Downloads. Ask your IT.' };
    expect(connect(head(403), transparent, { page })?.facts).toMatchObject({ said: page.title, page: page.words });
    const named = connect(head(403, squid('ERR_ACCESS_DENIED')), transparent, { page });
    expect(named?.facts).toMatchObject({
      said: ['ERR_ACCESS_DENIED', 'Category: Software Downloads'],
      title: page.title,
      page: page.words,
    });
  });

  it('CONNECT: a proxy that cannot reach the target says what is known of the credentials', () => {
    expect(connect(head(503), basic, { proved: 'Basic' })?.safeText).toContain(
      'accepted the request (the credentials are correct)',
    );
    expect(connect(head(503))?.safeText).toContain('accepted the request (no credentials were sent)');
  });

  it('CONNECT: 403 for another port is POLICY-PORT only where 443 has passed', () => {
    const denied = head(403, squid('ERR_ACCESS_DENIED'));
    const code = (beside: Beside) => connect(denied, transparent, beside)?.code;
    expect(code({ target: 'updates.example.com:8443', passes443: true })).toBe('POLICY-PORT');
    expect(code({ target: 'updates.example.com:8443', passes443: false })).toBe('POLICY-DENIED');
    expect(code({ target: 'updates.example.com:443', passes443: true })).toBe('POLICY-DENIED');
  });

  it.each([
    [400, 'The plain HTTP request was sent to HTTPS port', 'nginx'],
    [497, 'The plain HTTP request was sent to HTTPS port', 'nginx'],
    [400, "Bad Request Reason: You're speaking plain HTTP to an SSL-enabled server port.", 'Apache'],
    [400, 'Client sent an HTTP request to an HTTPS server.', 'Go'],
  ])('CONNECT: %i with "%s" comes from a TLS port (%s)', (status, words) => {
    const error = connect(head(status), transparent, { page: { words } });
    expect(error).toMatchObject({ code: 'PROXY-SCHEME', facts: { port: 3128, speaks: 'TLS', wanted: 'https' } });
    // Where TLS is spoken already, it is not what is wanting.
    const inside = { ...transparent, scheme: 'https' };
    expect(connect(head(status), inside, { page: { words } })?.code).toBe('NOT-A-PROXY');
  });

  it.each([400, 405, 501])('CONNECT: %i without the mark of a proxy comes from a web server', (status) => {
    const error = connect(head(status, { Server: 'nginx' }, 'Not Allowed'));
    expect([error?.code, error?.facts['answer']]).toEqual(['NOT-A-PROXY', `${status} Not Allowed`]);
  });
});

function challenges(...fields: string[]) {
  return readChallenges(fields.flatMap((field) => ['Proxy-Authenticate', field]));
}

describe('asking for a user, or refusing one', () => {
  it.each([
    ['CONNECT', 407, {}, true],
    ['GET', 407, {}, true],
    // tinyproxy answers 401 to a wrong password; only the proxy can answer a CONNECT.
    ['CONNECT', 401, {}, true],
    ['GET', 401, { Server: 'tinyproxy/1.11.1' }, true],
    // It adds Via to what it passes on from a server that calls itself so, and so does Squid.
    ['GET', 401, { Server: 'tinyproxy/1.11.1', Via: '1.1 proxy (squid/5.7)' }, false],
    ['GET', 401, { Server: 'nginx' }, false],
    // Squid sends 407: a 401 that calls itself Squid's, or any other proxy's, is the server's.
    ['GET', 401, { Server: 'squid' }, false],
    ['GET', 401, { Server: 'squid/5.7', 'X-Squid-Error': 'ERR_ACCESS_DENIED 0' }, false],
    ['GET', 401, { 'Proxy-Status': 'cdn; error=http_request_denied' }, false],
    ['CONNECT', 403, { Server: 'tinyproxy/1.11.1' }, false],
    // Squid removes the challenges of forwarded answers; whether other proxies do is unknown.
    ['GET', 407, { Via: '1.1 proxy (squid/5.7)' }, false],
    ['HEAD', 407, { Via: '1.0 upstream, 1.1 proxy (squid)' }, false],
    ['GET', 407, { Via: '1.1 proxy (squid/5.7)', 'X-Squid-Error': 'ERR_CACHE_ACCESS_DENIED 0' }, true],
    ['GET', 407, { Via: '1.1 proxy (squid/5.7)', 'Proxy-Authenticate': 'Basic realm="x"' }, true],
    ['CONNECT', 407, { Via: '1.1 proxy (squid/5.7)' }, true],
    ['GET', 407, { Via: '1.1 gateway' }, true],
  ])('authentication request: %s answered by %i %j: %s', (method, status, headers, asks) => {
    expect(requiresAuthentication(head(status, headers), method)).toBe(asks);
  });
});

describe('a 407 of a proxy', () => {
  it('407: without a configured user it is AUTH-REQUIRED with schemes and realm', () => {
    const verdict = classifyAuthentication(challenges('NTLM', 'Basic realm="CORP"'), transparent, null);
    expect(verdict).toMatchObject({
      error: { code: 'AUTH-REQUIRED', facts: { offered: ['NTLM', 'Basic'], realm: 'CORP', proxy: 'corp' } },
    });
  });

  it.each([
    [['Negotiate'], {}, 'authentication: negotiate for proxy corp; it uses a ticket (kinit), not a password'],
    [['Negotiate', 'NTLM'], {}, 'authentication, user and password for proxy corp'],
    [
      ['Basic'],
      { isAccountWithheld: true },
      'pac.credentials_for of proxy corp so that it includes 10.1.1.5:3128; user and password are already set',
    ],
    [['Basic'], { variable: 'https_proxy' }, 'user and password in the environment variable https_proxy'],
  ])('407: offers %j to %j: the advice is %s', (offered, own, remedy) => {
    const verdict = classifyAuthentication(challenges(...offered), { ...transparent, ...own }, null);
    expect(verdict).toMatchObject({ error: { check: `Set ${remedy}.` } });
  });

  it.each([[['basic realm=x']], [[]]])('407: it refuses the credential that was sent: %j', (fields) => {
    expect(classifyAuthentication(challenges(...fields), basic, 'Basic')).toEqual({ kind: 'refused' });
  });

  it.each(['Basic', null] as const)('407: without an offer of Basic, the scheme is the problem (sent: %s)', (shown) => {
    expect(classifyAuthentication(challenges('Negotiate'), basic, shown)).toMatchObject({
      error: { code: 'AUTH-SCHEME', facts: { offered: ['Negotiate'], configured: 'basic' } },
    });
  });

  it('407: with stale=true it refuses no Digest credential', () => {
    const stale = challenges('Digest realm="x", nonce="y", stale=TRUE');
    expect(classifyAuthentication(stale, basic, 'Digest')).toMatchObject({
      error: {
        code: 'AUTH-STALE',
        safeText: 'Proxy corp rejected the nonce of this request as stale (Digest). User and password are correct.',
        facts: { pauseMs: 30_000 },
      },
    });
    expect(classifyAuthentication(challenges('Digest nonce="y"'), basic, 'Digest')).toEqual({ kind: 'refused' });
  });
});

describe('a refused credential', () => {
  const day = 86_400_000;
  const refusal = { why: 'rejected', sinceMs: 100 * day, workedFromMs: 8 * day, workedUntilMs: 100 * day - 1 } as const;
  const seen = { scheme: 'Basic', advertised: ['Basic'] } as const;

  it('refused credential: says since when, how long it had worked, and when it is retried', () => {
    const error = rejection(basic, { ...refusal, retryAtMs: 101 * day }, seen);
    expect(error.code).toBe('AUTH-REJECTED');
    expect(error.safeText).toMatch(
      /refused user CORP\\svc \(Basic\) since 1970-04-.*; it worked until 1970-04-.*, for 91 days\./,
    );
    expect(error.check).toMatch(/when you run sallyport check --retry-credential, or at 1970-04-/);
    expect(error.facts).toMatchObject({ since: 100 * day, workedUntil: 100 * day - 1, retryAt: 101 * day });
  });

  it('refused credential: one that never worked says so, and waits for a change', () => {
    const error = rejection(basic, { ...refusal, workedFromMs: null, workedUntilMs: null, retryAtMs: null }, seen);
    expect(error.safeText).toContain('; it never worked here before.');
    expect(error.check).toMatch(/or when you run sallyport check --retry-credential\.$/);
  });

  it('refused credential: an interrupted attempt is not called refused', () => {
    const error = rejection(basic, { ...refusal, why: 'interrupted', retryAtMs: null }, seen);
    expect(error.code).toBe('AUTH-INTERRUPTED');
  });

  it('refused credential: without a domain, the advice says where to set it', () => {
    const plain: AuthPeer = { ...basic, user: 'svc', hasDomain: false };
    const error = rejection(plain, { ...refusal, retryAtMs: null }, { scheme: 'NTLM', advertised: ['CORP'] });
    expect(error.code).toBe('AUTH-DOMAIN');
    expect(error.safeText).toContain('(it advertises CORP)');
    expect(error.check).toContain('DOMAIN\\svc');
    const upn = rejection({ ...plain, user: 'svc@corp.example' }, null, { scheme: 'NTLM', advertised: ['CORP'] });
    expect(upn.code).toBe('AUTH-REJECTED');
    expect(rejection(plain, null, { scheme: 'Basic', advertised: ['Digest', 'Basic'] }).code).toBe('AUTH-REJECTED');
  });
});

describe('an answer to an absolute-form request', () => {
  it.each([
    [200, squid('ERR_NONE')],
    [304, {}],
    [403, { Server: 'nginx', Via: '1.1 proxy.example.com (squid/5.7)' }],
    [503, {}],
    [502, { 'Proxy-Status': 'p.example; received-status=502; error=http_response_incomplete' }],
    [404, { 'Proxy-Status': 'p.example' }],
    [401, { Server: 'squid' }],
    [401, squid('ERR_ACCESS_DENIED')],
  ])('absolute form: %i with %j comes from the origin', (status, headers) => {
    expect(checkForward(head(status, headers), basic, { target: TARGET, proved: null })).toBeNull();
  });

  it.each([
    [403, squid('ERR_ACCESS_DENIED'), 'POLICY-DENIED'],
    [403, { Server: 'squid/5.7' }, 'POLICY-DENIED'],
    [503, squid('ERR_DNS_FAIL'), 'PROXY-UPSTREAM'],
    [502, { 'proxy-status': 'p.example;error=connection_refused' }, 'PROXY-UPSTREAM'],
    [400, squid('ERR_INVALID_REQ'), 'PROXY-REFUSED'],
  ])('absolute form: %i with %j comes from the proxy: %s', (status, headers, code) => {
    expect(checkForward(head(status, headers), basic, { target: TARGET, proved: null })?.code).toBe(code);
  });
});
