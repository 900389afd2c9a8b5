import { describe, expect, it } from 'vitest';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type Hop, originAt, proxyAt } from '#errors/hop.ts';
import { exchangeFailure, otherAnswer, refusal } from '#platform/activation/activation-failure.ts';

const FEED = 'https://updates.example.com';
const SAME = { url: new URL(`${FEED}/activation`), feedOrigin: FEED };
const OTHER = { url: new URL('https://licenses.example.com/activation'), feedOrigin: FEED };
const PROXY = proxyAt('corp', 'proxy.example.com:3128');
const ORIGIN = originAt('updates.example.com:443');

/** Codes that a response of the server itself can have. */
const OF_THE_SERVER: readonly Code[] = [
  'ORIGIN-STATUS',
  'ORIGIN-REFUSED',
  'ORIGIN-407',
  'REDIRECT-INVALID',
  'CONTENT-ENCODED',
  'DOCUMENT-TOO-LARGE',
  'TOO-MANY-INTERIM',
];
/** Every code that a proxy, TLS or the server can cause. */
const NETWORK = (Object.keys(CATALOGUE) as Code[]).filter((code) => {
  const { class: group } = CATALOGUE[code];
  return ['dns', 'tcp', 'auth', 'policy', 'tls', 'ws', 'timeout', 'http', 'content'].includes(group);
});

/** An error as the code reports it; facts that a sentence names are missing, which the formatter allows. */
const failureOf = (code: Code, hop: Hop | null) => new CodedError(code, hop === null ? {} : { hop });

describe('activation failure', () => {
  it('has a table of every code of the network', () => {
    expect(NETWORK.length).toBeGreaterThan(90);
    expect(NETWORK).toEqual(
      expect.arrayContaining(['AUTH-REJECTED', 'TLS-INTERCEPTED', 'DNS-TARGET', ...OF_THE_SERVER]),
    );
  });

  it.each(NETWORK)('%s at a proxy, or at an unknown place, is LICENSE-PROXY', (code) => {
    for (const hop of [PROXY, null]) {
      const failure = exchangeFailure(failureOf(code, hop), SAME);
      expect(failure.code).toBe('LICENSE-PROXY');
      expect(failure.safeText).toContain(`[${code}]`);
      expect(failure.place).toEqual(failureOf(code, hop).place);
    }
  });

  it.each(NETWORK)('%s at the server is LICENSE only if the server has answered', (code) => {
    const failure = exchangeFailure(failureOf(code, ORIGIN), SAME);
    expect(failure.code).toBe(OF_THE_SERVER.includes(code) ? 'LICENSE' : 'LICENSE-PROXY');
    expect(failure.safeText).toContain(`[${code}]`);
  });

  it.each(NETWORK)('%s names a server that is not that of the feed', (code) => {
    const failure = exchangeFailure(failureOf(code, PROXY), OTHER);
    expect(failure.safeText).toContain(
      'the server https://licenses.example.com/activation (activation.url, not the origin of the feed)',
    );
    expect(exchangeFailure(failureOf(code, PROXY), SAME).safeText).not.toContain('activation.url');
    expect(failure.advice.startsWith('What to fix first: ')).toBe(true);
  });

  it.each([
    ['DISK-FULL', coded('DISK-FULL', { operation: 'write', path: '/x', reason: 'full' })],
    ['IDENTITY-ABSENT', coded('IDENTITY-ABSENT', { credential: 'sallyport-identity' })],
    ['CONFIG-INCOMPLETE', coded('CONFIG-INCOMPLETE', { key: 'updates.feed_url', what: 'nothing' })],
  ])('%s is a failure of this host and stays as it is', (_code, failure) => {
    expect(exchangeFailure(failure, SAME)).toBe(failure);
  });

  it('says that the request may have arrived when the answer is missing', () => {
    expect(exchangeFailure(failureOf('RESPONSE-TIMEOUT', null), SAME).safeText).toMatch(
      /^Activation got no usable answer/,
    );
    expect(exchangeFailure(failureOf('AUTH-REJECTED', PROXY), SAME).safeText).toMatch(
      /^Activation did not reach the server: \[AUTH-REJECTED\]/,
    );
  });

  it.each([
    ['key-used', 'key already used'],
    ['key-unknown', 'key unknown'],
    ['key-expired', 'key expired'],
    ['revoked', 'the activation of this host was revoked'],
    ['not-activated', 'this host is not activated'],
    ['signature', 'the signature of the request is not that of this host'],
  ])('the answer %s is LICENSE: "%s", and the proxy is not the problem', (answer, words) => {
    const failure = refusal(answer, SAME, 'corp');
    expect(failure.message).toBe(
      `[LICENSE] Activation reached the server through proxy corp. The server answered: ${words}. The proxy is not the problem.`,
    );
    expect(refusal(answer, SAME, null).safeText).toContain('without a proxy');
    expect(failure.advice).not.toContain('"');
  });

  it('quotes an answer that this version does not know', () => {
    expect(refusal('a\nb [INFO]', SAME, 'corp').safeText).not.toContain('\n');
    expect(otherAnswer(200, OTHER, 'corp').safeText).toContain('status 200');
  });
});
