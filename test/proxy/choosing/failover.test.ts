import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { failsOver, MAX_COOLDOWN_MS, MIN_COOLDOWN_MS, ProxyCooldown } from '#proxy/choosing/failover.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const hop = 'proxy corp (127.0.0.1:1)';
const refused = () => coded('TCP-REFUSED', { host: 'p', port: 1, elapsed: 1, hop });
const URL_A = 'http://a:3128';

describe('failover: the next proxy is tried', () => {
  it('if the previous one was not reached', () => {
    expect(failsOver(refused())).toBe(true);
    expect(failsOver(coded('DNS-PROXY', { host: 'p', reason: 'ENOTFOUND', servers: [], proxy: 'corp', hop }))).toBe(
      true,
    );
    expect(failsOver(coded('TUNNEL-CLOSED', { proxy: 'corp', asked: 'CONNECT', target: 't', reason: 'x', hop }))).toBe(
      true,
    );
  });

  it('failover: the next proxy follows a TLS failure of the proxy, not of the target', () => {
    const failed = () => coded('TLS-FAILED', { host: 'p', reason: 'x', hop });
    expect(failsOver(failed().during({ phase: 'proxy_tls', elapsedMs: 1, proven: [] }))).toBe(true);
    expect(failsOver(failed().during({ phase: 'tls', elapsedMs: 1, proven: [] }))).toBe(false);
  });

  it.each([
    coded('POLICY-DENIED', { proxy: 'corp', target: 't', status: 403, said: null, hop }),
    coded('AUTH-REQUIRED', { proxy: 'corp', offered: [], realm: null, hop }),
    coded('PROXY-UPSTREAM', { proxy: 'corp', target: 't', status: 503, said: null, credentials: 'x', hop }),
    coded('DNS-TARGET', { host: 't', reason: 'ENOTFOUND', hop }),
  ])('not after $code: the proxy was reached, or another cause is likely', (error) => {
    expect(failsOver(error)).toBe(false);
  });
});

describe('a proxy that failed', () => {
  it('rests 60 s, twice as long each time, at most 10 minutes', () => {
    const clock = new FakeClock();
    const rests = new ProxyCooldown(clock);
    const told = Array.from({ length: 6 }, () => {
      const rest = rests.failed(URL_A);
      clock.advance(rest);
      return rest;
    });
    expect(told).toEqual([60_000, 120_000, 240_000, 480_000, MAX_COOLDOWN_MS, MAX_COOLDOWN_MS]);
    expect(rests.remainingMs(URL_A)).toBe(0);
  });

  it('does not rest longer after an attempt during its rest', () => {
    const clock = new FakeClock();
    const rests = new ProxyCooldown(clock);
    rests.failed(URL_A);
    clock.advance(MIN_COOLDOWN_MS - 1);
    expect(rests.failed(URL_A)).toBe(1);
  });

  it('a resting proxy: after a success the rest starts over, and other proxies are unaffected', () => {
    const clock = new FakeClock();
    const rests = new ProxyCooldown(clock);
    rests.failed(URL_A);
    expect(rests.remainingMs('http://b:3128')).toBe(0);
    rests.worked(URL_A);
    expect(rests.remainingMs(URL_A)).toBe(0);
    expect(rests.failed(URL_A)).toBe(MIN_COOLDOWN_MS);
  });
});
