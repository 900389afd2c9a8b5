// A proxy that decrypts TLS may have sent a response itself: what the source of signed metadata takes it for.

import { expect, it } from 'vitest';
import { originAt } from '#errors/hop.ts';
import { responseInfo } from '#http/headers.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { openRig } from '#test/support/round-rig.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { HttpTufSource } from '#updates/signed/tuf-source.ts';

const METADATA = new URL('https://updates.example.com/metadata/');
const COPY = { metadata: METADATA, targets: METADATA, credentials: false, isMirror: false };
const FACTS = { proxy: 'corp', proxyUrl: 'http://proxy.example.com:3128', how: 'tunnel', passed: [] } as const;
const PEER = { host: METADATA.hostname, port: 443, hop: originAt(METADATA.host) };

/** The answer of the source to a request for the next root, or the code of its failure. */
async function answerTo(status: number, rawHeaders: readonly string[], withheld?: readonly string[]): Promise<unknown> {
  const settings = testSettings('/data', { updates: { trust: 'tuf', tuf: { metadata_url: METADATA.href } } });
  const { ports } = await openRig({ files: new CrashingFiles(), dir: '/data', settings });
  const head = responseInfo({ status, reason: '', rawHeaders });
  const session = Object.assign(Object.create(ports.session) as typeof ports.session, {
    request: () => Promise.resolve({ head, body: Buffer.alloc(0), facts: { ...FACTS, ...PEER, withheld } }),
  });
  const source = new HttpTufSource({ ...ports, session }, { copy: COPY, revalidate: false });
  const { signal } = new AbortController();
  const request = { name: '2.root.json', limitBytes: 1_000, revalidate: true, signal };
  return await source.metadata(request).then(
    ({ kind }) => kind,
    ({ code }: { code: string }) => code,
  );
}

const SQUID = ['X-Squid-Error', 'ERR_ACCESS_DENIED 0'];

it.each([
  ['404 with the mark of a proxy', { status: 404, headers: SQUID, decrypted: 'TUF-ROOT-UNSURE' }],
  ['403 with the mark of a proxy', { status: 403, headers: SQUID, decrypted: 'TUF-ROOT-UNSURE' }],
  ['403 without a mark', { status: 403, headers: [], decrypted: 'TUF-ROOT-UNSURE' }],
  ['404 without a mark', { status: 404, headers: [], decrypted: 'missing' }],
])('source: %s, through a proxy that may have written it', async (_what, { status, headers, decrypted }) => {
  expect(await answerTo(status, headers, ['authorization'])).toBe(decrypted);
  // Permission to send the tokens changes nothing.
  expect(await answerTo(status, headers, [])).toBe(decrypted);
  expect(await answerTo(status, headers)).toBe('missing');
});
