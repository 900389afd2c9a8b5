import { afterEach, describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { proxyAt } from '#errors/hop.ts';
import { exchange } from '#http/exchange.ts';
import { contentBlocked } from '#http/refusal-page.ts';
import { requestDocument } from '#http/session/document.ts';
import { statusError } from '#http/status-error.ts';
import type { Connection } from '#proxy/route.ts';
import { type FaultProxy, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const ASKED = new URL('http://updates.example.com/1602600.jar?token=x');
const AT = { url: ASKED, hop: proxyAt('corp', 'proxy.example.com:3128'), proxy: 'corp' };
const head = (status: number, headers: Record<string, string>) => ({
  status,
  reason: '',
  rawHeaders: Object.entries(headers).flat(),
});
const page = (text: string) => Buffer.from(text);

describe('refusal page: a scanner’s verdict', () => {
  it.each([
    [{ 'X-Infection-Found': 'Type=0; Resolution=2; Threat=Eicar-Test;' }, '', 'Eicar-Test'],
    [{ 'X-Virus-ID': 'Win.Test.EICAR_HDB-1' }, '', 'Win.Test.EICAR_HDB-1'],
    [{}, '<title>VIRUS FOUND</title><p>Virus name: EICAR-AV-Test</p>', 'EICAR-AV-Test'],
    [{ Via: 'ICAP/1.0 scanner' }, '<title>Malware detected</title>', 'Malware detected'],
  ])('is recognized by %j and its page: %s', (headers, text, finding) => {
    const blocked = contentBlocked(head(403, headers), page(text), AT);
    expect([blocked?.code, blocked?.facts['finding']]).toEqual(['CONTENT-BLOCKED', finding]);
    expect(blocked?.message).toContain('A scanner at proxy corp blocked http://updates.example.com/1602600.jar?***');
  });

  it.each([
    ['a page of the server', 403, 'http', {}, '<title>Forbidden</title>'],
    ['what only came through a scanner', 404, 'http', { Via: 'ICAP/1.0 scanner' }, '<title>Not found</title>'],
    ['what came through', 200, 'http', { 'X-Virus-ID': 'no' }, ''],
    ['sent inside TLS, where no scanner can read', 403, 'https', { 'X-Virus-ID': 'x' }, ''],
  ] as const)('is not %s', (...[, status, scheme, headers, text]) => {
    const url = new URL(`${scheme}://updates.example.com/`);
    expect(contentBlocked(head(status, headers), page(text), { ...AT, url })).toBeNull();
  });
});

it('refusal page: a refusal by the server is shown with its title', () => {
  const refused = head(403, { 'Content-Type': 'text/html' });
  const about = { nowMs: 0, page: page('<title>Access &amp; policy [x]</title>') };
  expect(statusError({ ...refused, reason: 'Forbidden' }, ASKED, about).safeText).toBe(
    'http://updates.example.com/1602600.jar?*** answered 403 Forbidden, "Access & policy \\u{5b}x\\u{5d}".',
  );
});

describe('refusal page of a proxy', () => {
  let proxy: FaultProxy;
  afterEach(() => proxy.close());

  const BODY = '<html><head><title>Blocked by policy 7</title></head></html>';
  const answer = (status: string, fields: string, body = BODY) =>
    `HTTP/1.1 ${status}\r\n${fields}Content-Type: text/html\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  async function connection(bulk: boolean): Promise<Connection> {
    const router = testRouter({ proxies: [profile(proxy.port)] });
    return await router.route('updates', ASKED).open({ bulk, signal: new AbortController().signal });
  }
  const common = {
    deadlines: { firstByteMs: 150_000, silenceMs: 150_000, totalMs: 150_000, key: 'a test' },
    request: { method: 'GET', url: ASKED, headers: {} } as const,
    // One test waits for the rest of a page.
    clock: scaledClock(10),
    signal: new AbortController().signal,
  };

  async function asDocument(): Promise<CodedError> {
    const asking = requestDocument({ ...common, connection: await connection(false), limitBytes: 1_000 });
    return await asking.then(
      () => Promise.reject(new Error('it was answered')),
      (error: CodedError) => error,
    );
  }
  async function asPackage(): Promise<CodedError> {
    const result = await exchange({
      ...common,
      connection: await connection(true),
      expectedBytes: 5,
      onHead: () => null,
    });
    if (result.ended !== 'failed') throw new Error('it was answered');
    return result.error;
  }

  it.each([
    [
      'a 403',
      answer('403 X', 'X-Squid-Error: ERR_ACCESS_DENIED 0\r\n'),
      'POLICY-DENIED',
      '(403, ERR_ACCESS_DENIED, "Blocked by policy 7")',
    ],
    [
      'a 503',
      answer('503 X', 'X-Squid-Error: ERR_DNS_FAIL 0\r\n'),
      'PROXY-UPSTREAM',
      '(503, ERR_DNS_FAIL, "Blocked by policy 7")',
    ],
    ['a 403 without a word', answer('403 X', 'Server: squid\r\n', '<p>'), 'POLICY-DENIED', '(403, -)'],
    [
      'a 403 for its size',
      answer('403 X', 'X-Squid-Error: ERR_TOO_BIG 0\r\n', '<p>'),
      'PROXY-TOO-BIG',
      '(403, ERR_TOO_BIG)',
    ],
    ['a virus', answer('403 X', 'Server: squid\r\nX-Virus-ID: Eicar\r\n'), 'CONTENT-BLOCKED', '(403): Eicar.'],
  ])('%s is reported with its title, for document and package', async (_what, text, code, words) => {
    proxy = await startFaultProxy(says(text));
    for (const error of [await asDocument(), await asPackage()]) {
      expect(error.code).toBe(code);
      expect(error.safeText).toContain(words);
      expect(error.trace?.phase).toBe('response');
    }
  });

  it('is also reported if its page never ends', async () => {
    proxy = await startFaultProxy((client) => {
      client.write(`HTTP/1.1 403 X\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 9999\r\n\r\n${BODY}`);
    });
    for (const error of await Promise.all([asDocument(), asPackage()])) {
      expect(error.safeText).toContain('(403, ERR_ACCESS_DENIED, "Blocked by policy 7")');
    }
  });
});
