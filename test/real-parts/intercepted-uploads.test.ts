// A Squid that opens TLS with a certificate that the configuration does not trust. No request may pass it.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createCa } from '#test/support/certificates.ts';
import { composeIn } from '#test/support/composed.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { startSquid } from '#test/support/squid.ts';
import { startTlsOrigin } from '#test/support/tls-origin.ts';

describeWith(['squid'], 'uploads behind an interception that is not trusted', () => {
  it('uploads: TLS-INTERCEPTED, no request, and everything is kept', { timeout: 120_000 }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-intercepted-'));
    const ca = createCa();
    const server = await startTlsOrigin(ca.issue());
    const squid = await startSquid({ bump: { ca: createCa('Corp TLS Inspection CA') } });
    await writeFile(join(dir, 'ca.pem'), ca.cert);
    await writeFile(join(dir, 'app.log'), `${randomBytes(1_000).toString('hex')}\n`);
    const purpose = { enabled: true, url: server.url.href, ca_file: join(dir, 'ca.pem') };
    const composed = await composeIn(
      {
        proxies: [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }],
        exposure_analytics: { ...purpose, batch_max_age_seconds: 1 },
        support_logs: { ...purpose, sources: [join(dir, 'app.log')] },
      },
      'daemon',
      { clock: scaledClock(10) },
    );
    onTestFinished(async () => {
      await composed.remove();
      await squid.stop();
      await server.close();
      await rm(dir, { recursive: true, force: true });
    });
    const { uploads } = composed.parts;
    await uploads.start();
    await uploads.documents.store?.append({ documents: [Buffer.from('{"n":1}')] });
    const { jobs } = await uploads.bundles.require();
    const requestedBy = { how: 'command', user: 'root', request: null } as const;
    await jobs.request({ requestedBy, case: null, note: null, sinceMs: null, prepare: false });

    const failures = () =>
      uploads.kinds.flatMap(({ name, spool }) => spool.list().map(({ head }) => [name, head.postponed?.error]));
    await expect.poll(failures, { timeout: 20_000 }).toEqual([
      ['batch', 'TLS-INTERCEPTED'],
      ['bundle', 'TLS-INTERCEPTED'],
    ]);
    expect(server.requests).toEqual([]);
    expect(uploads.documents.store?.waiting.documents).toBe(1);
  });
});
