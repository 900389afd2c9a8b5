import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

const FILE = 'allow_interception_by: /etc/ssl/inspection.pem';
const TUF = 'trust: tuf, tuf: {metadata_url: https://updates.example.com/metadata/}';
const CLIENT = 'client_certificate: {certificate_file: /c.pem, key_file: /k.pem}';

async function problemsOf(text: string) {
  return (await folder.refuse(`version: 2\n${text}\n`)).problems.map(({ key, message }) => ({ key, message }));
}

describe('interception rules', () => {
  it.each([
    ['updates', `updates: {feed_url: https://updates.example.com/feed.json, ${FILE}}`, 'requires updates.trust: tuf'],
    ['support_logs', `support_logs: {${FILE}}`, 'requires support_logs.encrypt_to'],
    ['exposure_analytics', `exposure_analytics: {${FILE}}`, 'requires exposure_analytics.accept_readable: true'],
  ])('interception: %s needs its other protection first', async (purpose, text, message) => {
    expect(await problemsOf(text)).toEqual([
      { key: `${purpose}.allow_interception_by`, message: expect.stringContaining(message) },
    ]);
  });

  it.each([
    ['updates', `updates: {${TUF}, ${FILE}}`],
    ['exposure_analytics', `exposure_analytics: {accept_readable: true, ${FILE}}`],
  ])('interception: %s accepts it with that protection', async (_purpose, text) => {
    expect((await folder.accept(`version: 2\n${text}\n`)).warnings).toEqual([]);
  });

  it('interception: the platform has no such key', async () => {
    expect(await problemsOf(`platform: {${FILE}}`)).toEqual([
      { key: 'platform.allow_interception_by', message: expect.anything() },
    ]);
  });

  it('interception: a client certificate cannot pass a proxy that decrypts TLS', async () => {
    expect(await problemsOf(`updates: {${TUF}, ${FILE}, ${CLIENT}}`)).toEqual([
      { key: 'updates.allow_interception_by', message: expect.stringContaining('client certificate') },
    ]);
  });

  it('interception: sending tokens without it has no effect, and that is a warning', async () => {
    const { warnings } = await folder.accept('version: 2\nsupport_logs: {send_tokens_when_intercepted: true}\n');
    expect(warnings).toMatchObject([{ key: 'support_logs.send_tokens_when_intercepted' }]);
  });
});
