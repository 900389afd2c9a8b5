// When the certificates of the configuration end: the first end of each file, and that a bad file hides nothing else.

import { describe, expect, it } from 'vitest';
import type { Settings } from '#config/settings.ts';
import { CertificateEnds } from '#daemon/metrics/certificates.ts';
import type { Trusts } from '#daemon/reload/read-trust.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { createCa } from '#test/support/certificates.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const ca = createCa();
const soon = ca.issue({ notAfter: '20271120000000Z' }).cert;
const later = ca.issue({ notAfter: '20301120000000Z' }).cert;
const SOON = Date.UTC(2027, 10, 20);
const LATER = Date.UTC(2030, 10, 20);

const file = (pem: string) => ({ key: 'k', path: '/k', pem });
const settings = () => ({}) as Settings;

function trusts(updates: TlsTrust, corp: TlsTrust = {}): Trusts {
  return { purposes: { updates } as Trusts['purposes'], proxies: new Map([['corp', corp]]) };
}

/** Reads these trusts, one after the other. */
function ends(clock: FakeClock, ...read: (Trusts | Error)[]) {
  const reads = { count: 0 };
  const certificates = new CertificateEnds(clock, () => {
    const next = read[Math.min(reads.count, read.length - 1)];
    reads.count += 1;
    return next instanceof Error || next === undefined ? Promise.reject(next) : Promise.resolve(next);
  });
  return { certificates, reads };
}

describe('metrics: ends of certificates', () => {
  it('metrics: each file has the end of its certificate that ends first', async () => {
    const client = { certificate: file(soon), privateKey: {} as never, origins: [] };
    const updates = { ca: file(`${later}${soon}${later}`), interception: { ca: file(later), withheld: [] } };
    const { certificates } = ends(new FakeClock(), trusts(updates, { client }));

    expect(await certificates.of(settings())).toEqual([
      { of: { kind: 'purpose', name: 'updates' }, use: 'ca', endsMs: SOON },
      { of: { kind: 'purpose', name: 'updates' }, use: 'interception', endsMs: LATER },
      { of: { kind: 'proxy', name: 'corp' }, use: 'client', endsMs: SOON },
    ]);
  });

  it('metrics: a file that cannot be parsed, or read, gives no end and no failure', async () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const clock = new FakeClock();

    expect(await ends(clock, trusts({ ca: file(`${broken}${later}`) })).certificates.of(settings())).toHaveLength(1);
    expect(await ends(clock, trusts({ ca: file('no certificate') })).certificates.of(settings())).toEqual([]);
    expect(await ends(clock, new Error('EACCES')).certificates.of(settings())).toEqual([]);
  });

  it('metrics: files are read again after ten minutes, or for other settings', async () => {
    const clock = new FakeClock();
    const { certificates, reads } = ends(clock, trusts({ ca: file(soon) }), trusts({ ca: file(later) }));
    const current = settings();
    await certificates.of(current);
    await certificates.of(current);
    expect(reads.count).toBe(1);

    clock.advance(600_001);
    expect(await certificates.of(current)).toMatchObject([{ endsMs: LATER }]);
    await certificates.of(settings());
    expect(reads.count).toBe(3);
  });
});
