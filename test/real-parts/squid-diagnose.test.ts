// `sallyport diagnose` through a real Squid: what it says of a healthy way, of a denial, of a certificate that has expired
// (which needs another clock to be distinguished from a wrong one), and of TLS that Squid opens.

import { afterEach, expect, it } from 'vitest';
import { startTestPlatform, type TestPlatform } from '#test/platform/support/test-platform.ts';
import { createCa } from '#test/support/certificates.ts';
import {
  ca,
  type DiagnosisOutput,
  feedSettings,
  printDiagnosis,
  startFeedOrigin,
} from '#test/support/diagnosis-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type SquidOptions, startSquid } from '#test/support/squid.ts';
import type { TlsOrigin } from '#test/support/tls-origin.ts';

const HOST = 'updates.example.com';
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function through(options: SquidOptions, origin?: TlsOrigin): Promise<DiagnosisOutput> {
  const server = origin ?? (await startFeedOrigin());
  const squid = await startSquid({ hosts: [HOST], ...options });
  closing.push(
    () => server.close(),
    () => squid.stop(),
  );
  const corp = { name: 'corp', address: '127.0.0.1', port: squid.port, default: true };
  return await printDiagnosis({ sections: { ...(await feedSettings(server.port, HOST)), proxies: [corp] } });
}

/** Diagnoses a host whose platform has this scheme, in the default mode. */
async function ofPlatform(scheme: string, prepare: (platform: TestPlatform) => void) {
  const platform = await startTestPlatform(ca);
  const squid = await startSquid({ hosts: ['link.cells.test'] });
  closing.push(
    () => platform.close(),
    () => squid.stop(),
  );
  prepare(platform);
  const url = `${scheme}://link.cells.test:${platform.port}/link`;
  const corp = { name: 'corp', address: '127.0.0.1', port: squid.port, default: true };
  const sections = { platform: { enabled: true, url }, proxies: [corp] };
  return { told: await printDiagnosis({ sections, trustsEverywhere: true }), platform };
}

describeWith(['squid'], 'diagnose through a real Squid', () => {
  it('says that all is well', async () => {
    expect(await through({})).toMatchObject({ first: 'All is well: updates through corp.', status: 0 });
  });

  it.each(['https', 'wss'])('diagnose through Squid: the upgrade of a platform with %s is tested', async (scheme) => {
    const { told, platform } = await ofPlatform(scheme, () => undefined);
    expect(told).toMatchObject({ first: 'All is well: platform through corp.', status: 0 });
    expect(told.lines.join('\n')).toMatch(/WebSocket +ok +.*upgraded to a WebSocket/);
    expect(platform.upgrades).toMatchObject([{ 'sec-websocket-protocol': 'sallyport.link.v1' }]);
  });

  it('diagnose through Squid: a platform whose upgrade is answered with 200 works by polls', async () => {
    const { told } = await ofPlatform('https', (made) => {
      made.onUpgrade = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    expect(told).toMatchObject({ first: expect.stringContaining('[WS-BLOCKED] platform works, but: '), status: 0 });
  });

  it('names a host that Squid denies', async () => {
    const { first, status } = await through({ denyHosts: [HOST] });
    expect({ first, status }).toMatchObject({
      first: expect.stringContaining('[POLICY-DENIED] updates: '),
      status: 13,
    });
    expect(first).toContain('ERR_ACCESS_DENIED');
  });

  it('diagnose through Squid: an expired certificate and a wrong clock are distinguished', async () => {
    const origin = await startFeedOrigin({ pair: ca.issue({ notAfter: '20210101000000Z' }) });
    const { first, status } = await through({}, origin);
    expect({ first, status }).toMatchObject({ first: expect.stringContaining('[TLS-EXPIRED] updates: '), status: 14 });
    expect(first).toContain('proxy corp says ');
  });

  it('names the issuer where Squid opens TLS', async () => {
    const { first, status } = await through({ bump: { ca: createCa('Corp Inspection CA') } });
    expect({ first, status }).toMatchObject({ first: expect.stringContaining('Corp Inspection CA'), status: 14 });
    expect(first).toContain('[TLS-INTERCEPTED] updates: ');
  });
});
