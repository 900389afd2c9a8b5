// Who sent a refusal in absolute form. The fault proxy simulates any proxy, and any server behind it: its answer to
// a GET may be either's, and only its answer to CONNECT is the proxy's.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { asCoded } from '#errors/coded-error.ts';
import { requestDocument } from '#http/session/document.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { CredentialState } from '#proxy/auth/credential-state.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type FaultProxy, startFaultProxy } from '#test/support/fault-proxy.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';

const HOSTILE = new URL('http://updates.example.com/feed.json');
const OTHER = new URL('http://other.example.com/feed.json');

const END = 'Content-Length: 0\r\nConnection: close\r\n\r\n';
const OK = `HTTP/1.1 200 OK\r\n${END}`;
const CHALLENGE = `HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="r"\r\n${END}`;
const FORGED_407 = `HTTP/1.1 407 X\r\nServer: squid/5.7\r\nX-Squid-Error: ERR_CACHE_ACCESS_DENIED 0\r\n${END}`;
const TINYPROXY_401 = `HTTP/1.1 401 X\r\nServer: tinyproxy/1.11.1\r\n${END}`;
const SQUID_401 = `HTTP/1.1 401 Unauthorized\r\nServer: squid\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n${END}`;
const POLICY_403 = `HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n${END}`;
const UPSTREAM_503 = `HTTP/1.1 503 X\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n${END}`;

let proxy: FaultProxy;
afterEach(() => proxy.close());

/** A proxy whose server answers so at the hostile URL once `turned`, and `OK` elsewhere. */
async function start(answers: { readonly refused: string; readonly connect: string }) {
  const turned = { is: false };
  proxy = await startFaultProxy((client, head) => {
    if (head.startsWith('CONNECT')) client.end(answers.connect);
    else client.end(turned.is && head.includes(HOSTILE.host) ? answers.refused : OK);
  });
  return turned;
}

async function ask(
  credentialGuard: CredentialGuard,
  url: URL,
  authentication: 'basic' | 'digest' = 'basic',
): Promise<string> {
  const router = testRouter({ proxies: [profile(proxy.port, { password: 'right', authentication })], credentialGuard });
  try {
    const connection = await router.route('updates', url).open({ bulk: false, signal: new AbortController().signal });
    return String((await get(connection, url)).status);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** How often the password went out for the hostile URL, and how often by CONNECT, since the first `earlier` requests. */
function attempts(earlier = 0): readonly [number, number] {
  const shown = proxy.heads.slice(earlier).filter((head) => /^proxy-authorization:/im.test(head));
  const count = (pattern: RegExp) => shown.filter((head) => pattern.test(head)).length;
  return [count(/^GET \S+updates\.example/), count(/^CONNECT updates\.example\.com:443 /)];
}

describe('refusal in absolute form: a password that never worked', () => {
  it.each([
    ['a 407 with a challenge', CHALLENGE, 'AUTH-REJECTED', [[1, 0], 'AUTH-REJECTED']],
    ['a 407 with the marks of Squid', FORGED_407, 'AUTH-REJECTED', [[1, 0], 'AUTH-REJECTED']],
    ['a 401 of tinyproxy', TINYPROXY_401, 'AUTH-REJECTED', [[1, 0], 'AUTH-REJECTED']],
    ['a 401 with the marks of Squid', SQUID_401, '401', [[2, 0], '200']],
  ])('is refused at once, by the mark of the proxy: %s', async (_what, refused, code, outcome) => {
    const turned = await start({ refused, connect: OK });
    turned.is = true;
    const credentialGuard = new CredentialGuard();
    expect([await ask(credentialGuard, HOSTILE), await ask(credentialGuard, HOSTILE)]).toEqual([code, code]);
    expect([attempts(), await ask(credentialGuard, OTHER)]).toEqual(outcome);
  });
});

describe('refusal in absolute form: a password that has worked at this proxy', () => {
  it.each([
    ['407, CONNECT passes: the server', CHALLENGE, OK, ['ORIGIN-407', [2, 2], '200']],
    ['407 with marks, CONNECT passes: the server', FORGED_407, OK, ['ORIGIN-407', [2, 2], '200']],
    ['407, CONNECT fails behind the proxy: the server', CHALLENGE, UPSTREAM_503, ['ORIGIN-407', [2, 2], '200']],
    ['401 of tinyproxy, CONNECT passes: the server', TINYPROXY_401, OK, ['ORIGIN-REFUSED', [2, 2], '200']],
    ['401 with marks of Squid: the server', SQUID_401, OK, ['401', [2, 0], '200']],
    ['407, CONNECT asks as well: the proxy', CHALLENGE, CHALLENGE, ['AUTH-REJECTED', [1, 1], 'AUTH-REJECTED']],
    ['401 and 401: tinyproxy', TINYPROXY_401, TINYPROXY_401, ['AUTH-REJECTED', [1, 1], 'AUTH-REJECTED']],
    ['407, CONNECT refused by policy: open', CHALLENGE, POLICY_403, ['AUTH-UNCLEAR', [1, 1], '200']],
    ['407, CONNECT without an answer: open', CHALLENGE, '', ['AUTH-UNCLEAR', [1, 1], '200']],
  ] as const)('is decided by one CONNECT: %s', async (_what, refused, connect, [code, counted, elsewhere]) => {
    const turned = await start({ refused, connect });
    const credentialGuard = new CredentialGuard();
    expect(await ask(credentialGuard, HOSTILE)).toBe('200');
    turned.is = true;
    expect([await ask(credentialGuard, HOSTILE), await ask(credentialGuard, HOSTILE)]).toEqual([code, code]);
    expect([attempts(1), await ask(credentialGuard, OTHER)]).toEqual([counted, elsewhere]);
  });

  it('an unclear refusal: one CONNECT also decides with Digest, whose proof is in the request', async () => {
    const asks = `HTTP/1.1 407 X\r\nProxy-Authenticate: Digest realm="r", qop="auth", nonce="n"\r\n${END}`;
    let refuses = false;
    proxy = await startFaultProxy((client, head) => {
      client.end(refuses || !/^proxy-authorization:/im.test(head) ? asks : OK);
    });
    const credentialGuard = new CredentialGuard();
    expect(await ask(credentialGuard, HOSTILE, 'digest')).toBe('200');
    refuses = true;
    const earlier = proxy.heads.length;
    expect(await ask(credentialGuard, HOSTILE, 'digest')).toBe('AUTH-REJECTED');
    expect(await ask(credentialGuard, OTHER, 'digest')).toBe('AUTH-REJECTED');
    expect(attempts(earlier)).toEqual([1, 1]);
  });

  it.each([
    ['AUTH-REJECTED', CHALLENGE],
    ['ORIGIN-407', OK],
    ['AUTH-UNCLEAR', POLICY_403],
  ])('an unclear refusal: several at a time share one CONNECT, here %s', async (code, connect) => {
    const held: (() => void)[] = [];
    let refuses = false;
    proxy = await startFaultProxy((client, head) => {
      if (!refuses) client.end(OK);
      else if (!head.startsWith('CONNECT')) {
        held.push(() => client.end(CHALLENGE));
        if (held.length === 4) for (const answer of held) answer();
      } else setTimeout(() => client.end(connect), 50);
    });
    const credentialGuard = new CredentialGuard();
    expect(await ask(credentialGuard, HOSTILE)).toBe('200');
    refuses = true;
    const earlier = proxy.heads.length;
    const asked = Array.from({ length: 4 }, () => ask(credentialGuard, HOSTILE));
    expect(await Promise.all(asked)).toEqual(Array(4).fill(code));
    expect(attempts(earlier)).toEqual([4, 1]);
  });

  it('an unclear refusal: it stays undecided for an hour, even after a restart, then is retried', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-refusals-'));
    const [path, clock] = [join(folder, 'credentials.json'), new FakeClock()];
    const restart = async () => {
      const state = new CredentialState({ files: realFiles, path });
      expect(await state.load()).toBeNull();
      return new CredentialGuard({ state, clock });
    };
    try {
      const turned = await start({ refused: CHALLENGE, connect: POLICY_403 });
      const first = await restart();
      expect(await ask(first, HOSTILE)).toBe('200');
      turned.is = true;
      expect(await ask(first, HOSTILE)).toBe('AUTH-UNCLEAR');
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
        credentials: [{ rejected_at: null, trying_since: null }],
      });
      const earlier = proxy.heads.length;
      turned.is = false;
      const second = await restart();
      expect([await ask(second, HOSTILE), attempts(earlier)]).toEqual(['AUTH-UNCLEAR', [0, 0]]);
      clock.advance(3_600_000);
      expect([await ask(second, HOSTILE), attempts(earlier)]).toEqual(['200', [1, 0]]);
    } finally {
      await rm(folder, { recursive: true, maxRetries: 3 });
    }
  });

  it('an unclear refusal: an admin can allow another try at once', async () => {
    const turned = await start({ refused: CHALLENGE, connect: POLICY_403 });
    const credentialGuard = new CredentialGuard();
    expect(await ask(credentialGuard, HOSTILE)).toBe('200');
    turned.is = true;
    expect(await ask(credentialGuard, HOSTILE)).toBe('AUTH-UNCLEAR');
    turned.is = false;
    credentialGuard.retryCredentials();
    expect(await ask(credentialGuard, HOSTILE)).toBe('200');
  });
});

describe('refusal: what it reports as proven', () => {
  it.each(['basic', 'digest'] as const)('%s: never user and password, which it refuses', async (authentication) => {
    const field = authentication === 'basic' ? 'Basic realm="r"' : 'Digest realm="r", qop="auth", nonce="n"';
    proxy = await startFaultProxy((client) => client.end(`HTTP/1.1 407 X\r\nProxy-Authenticate: ${field}\r\n${END}`));
    const router = testRouter({ proxies: [profile(proxy.port, { password: 'wrong', authentication })] });
    const { signal } = new AbortController();
    const connection = await router.route('updates', HOSTILE).open({ bulk: false, signal });
    const deadlines = { firstByteMs: 15_000, silenceMs: 15_000, totalMs: 15_000, key: 'a test' };
    const request = { method: 'GET', url: HOSTILE, headers: {} } as const;
    const asking = requestDocument({ connection, request, deadlines, limitBytes: 1_000, clock: systemClock, signal });
    const error = asCoded(await asking.catch((thrown: unknown) => thrown));
    expect([error.code, new Set(error.trace?.proven)]).toEqual(['AUTH-REJECTED', new Set(['dial'])]);
    expect(error.check).toMatch(/ Already succeeded: connection\.$/);
  });
});
