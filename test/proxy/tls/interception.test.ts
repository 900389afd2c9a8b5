import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { describeAuthorities, interceptionAuthorities, interceptorOf } from '#proxy/tls/interception.ts';
import { Interceptions } from '#proxy/tls/interceptions.ts';
import { createCa } from '#test/support/certificates.ts';

const corp = createCa('Corp TLS Inspection CA');
const other = createCa('Another CA', 'Elsewhere');
const file = (pem: string) => ({ key: 'updates.allow_interception_by', path: '/inspection.pem', pem });
const read = (pem: string) => new X509Certificate(pem);

describe('interception: the authorities', () => {
  it('interception: a file may have several CAs, each with its name and its end', () => {
    const authorities = interceptionAuthorities(file(corp.cert + other.cert));
    expect(describeAuthorities(authorities)).toEqual([
      { name: 'O=Test Inspect, CN=Corp TLS Inspection CA', expiresMs: Date.UTC(2099, 11, 31, 23, 59, 59) },
      { name: 'O=Elsewhere, CN=Another CA', expiresMs: Date.UTC(2099, 11, 31, 23, 59, 59) },
    ]);
  });

  it.each([
    ['', 'it contains no certificate'],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', expect.any(String)],
    [corp.issue().cert, expect.stringContaining('is not the certificate of a CA')],
  ])('interception: a file without a usable CA is refused (%#)', (pem, reason) => {
    expect(() => interceptionAuthorities(file(pem))).toThrow(
      expect.objectContaining({ code: 'TLS-FILE', facts: expect.objectContaining({ reason }) }),
    );
  });

  it('interception: a chain counts if one of the CAs is in it, or has signed its end', () => {
    const authorities = interceptionAuthorities(file(corp.cert));
    const leaf = read(corp.issue().cert);
    expect(interceptorOf([leaf, read(corp.cert)], authorities)?.subject).toContain('Corp TLS Inspection CA');
    expect(interceptorOf([leaf], authorities)).not.toBeNull();
    expect(interceptorOf([read(other.issue().cert), read(other.cert)], authorities)).toBeNull();
  });

  it('interception: another CA of the same name does not count', () => {
    const twin = createCa('Corp TLS Inspection CA');
    const authorities = interceptionAuthorities(file(corp.cert));
    expect(interceptorOf([read(twin.issue().cert), read(twin.cert)], authorities)).toBeNull();
  });

  it('interception: is news once, until another CA decrypts', () => {
    const seen = new Interceptions();
    const by = (name: string) => ({ by: name, proxy: 'corp', atMs: 1, withheld: [] });
    expect([by('a'), by('a'), by('b')].map((met) => seen.note('updates', met))).toEqual([true, false, true]);
    expect(seen.note('updates', null)).toBe(false);
    expect(seen.of('updates')).toBeNull();
    expect(seen.of('support_logs')).toBeUndefined();
    expect(seen.note('updates', by('b'))).toBe(true);
  });
});
