// Uploads of support logs through a real Squid that decrypts TLS with permission: it sees requests, but neither the token nor
// what the logs say.

import { chmodSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { expect, it, onTestFinished } from 'vitest';
import { createCa } from '#test/support/certificates.ts';
import { composeIn } from '#test/support/composed.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { startSquid } from '#test/support/squid.ts';
import { startUploadServer } from '#test/support/upload-server.ts';

const TOKEN = 'token-of-support-logs-123456';
const API_KEY = 'key-of-support-logs-654321';
const LINE = 'the line that only the vendor may read\n';

describeWith(['squid'], 'uploads through a Squid that may decrypt TLS', () => {
  it('uploads: a permitted proxy passes a bundle on, without token and unreadable', { timeout: 120_000 }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-permitted-uploads-'));
    chmodSync(dir, 0o777);
    const [originCa, bumpCa] = [createCa('Origin CA'), createCa('Corp TLS Inspection CA')];
    const identity = await generateX25519Identity();
    const server = await startUploadServer(originCa.issue());
    const squid = await startSquid({
      bump: { ca: bumpCa },
      extra: ['logformat heads %rm %ru %>h', `access_log stdio:${join(dir, 'heads.log')} heads`],
    });
    await writeFile(join(dir, 'origin.pem'), originCa.cert);
    await writeFile(join(dir, 'inspection.pem'), bumpCa.cert);
    await writeFile(join(dir, 'app.log'), LINE.repeat(1_000));
    const composed = await composeIn(
      {
        proxies: [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }],
        support_logs: {
          enabled: true,
          url: server.url.href,
          ca_file: join(dir, 'origin.pem'),
          allow_interception_by: join(dir, 'inspection.pem'),
          encrypt_to: [await identityToRecipient(identity)],
          bearer_token: TOKEN,
          headers: { 'X-Api-Key': API_KEY },
          sources: [join(dir, 'app.log')],
        },
      },
      'daemon',
    );
    onTestFinished(async () => {
      await composed.remove();
      await squid.stop();
      await server.close();
      await rm(dir, { recursive: true, force: true });
    });
    const { uploads } = composed.parts;
    await uploads.start();
    const { jobs } = await uploads.bundles.require();
    const requestedBy = { how: 'command', user: 'root', request: null } as const;
    await jobs.request({ requestedBy, case: null, note: null, sinceMs: null, prepare: false });

    await expect.poll(() => server.completions, { timeout: 30_000 }).toHaveLength(1);
    expect(server.requests).toEqual(expect.arrayContaining(['POST', 'PATCH', 'complete']));
    for (const headers of server.headers) {
      expect(headers).not.toHaveProperty('authorization');
      expect(headers).not.toHaveProperty('x-api-key');
    }
    const heads = () => readFileSync(join(dir, 'heads.log'), 'utf8');
    await expect.poll(heads).toContain('/complete');
    expect(heads()).toContain('PATCH https://localhost');
    expect(heads()).not.toContain(TOKEN);
    expect(heads()).not.toContain(API_KEY);

    const [, location = ''] = /PATCH \S*(\/files\/\w+)/.exec(heads()) ?? [];
    const received = await server.content(location);
    expect(received.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    expect(zstdDecompressSync(await decrypter.decrypt(received)).toString('latin1')).toContain(LINE);
    const { routes } = await composed.agent.status();
    expect(routes.find(({ purpose }) => purpose === 'support_logs')?.interception).toMatchObject({
      sends_tokens: false,
      decrypted_by: 'O=Test Inspect, CN=Corp TLS Inspection CA',
    });
  });
});
