// Activation with real processes: where the key of a host can be found afterwards, and what the server gets signed.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { signerWithKey } from '#origin/platform/licenses/license-signer.ts';
import { everythingIn } from '#test/support/activation-rig.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';
import { Site } from '#test/support/site.ts';

vi.setConfig({ testTimeout: 120_000 });
const AMPLE = { timeout: 30_000 };

let rig: PlatformRig;
let site: Site;
/** Outside of the site: what the admin has. */
let desk: string;
beforeAll(async () => {
  const licenseSigner = signerWithKey(generateKeyPairSync('ed25519').privateKey);
  rig = await PlatformRig.start({ uploads: {}, platform: { licenseSigner } });
  desk = await mkdtemp(join(tmpdir(), 'sallyport-desk-'));
  site = await Site.make();
  const { feedUrl, supportLogsUrl, analyticsUrl } = rig.origin;
  await site.configure({
    updates: { feed_url: feedUrl, jitter_seconds: 0 },
    activation: { license_keys: [licenseSigner.publicKey] },
    support_logs: { enabled: true, url: supportLogsUrl },
    exposure_analytics: { enabled: true, url: analyticsUrl, batch_max_age_seconds: 1 },
  });
});
afterAll(async () => {
  await site.remove();
  await rig.close();
  await rm(desk, { recursive: true, force: true });
});

async function newKey(): Promise<string> {
  const [key = ''] = await rig.origin.platform.addKeys({ count: 1, expires: '2099-01-01T00:00:00Z', features: [] });
  return key;
}

/** The key in each form in which it could be somewhere. */
function formsOf(key: string): readonly string[] {
  const texts = [key, key.replaceAll('-', ''), key.toLowerCase(), key.toLowerCase().replaceAll('-', '')];
  return texts.flatMap((text) => [
    text,
    text.replaceAll('-', '%2D'),
    Buffer.from(text).toString('hex'),
    Buffer.from(text).toString('base64'),
    Buffer.from(text).toString('base64url'),
    encodeURIComponent(Buffer.from(text).toString('base64')),
  ]);
}

describe('activation with processes', () => {
  it('activation: a key is in no output, log, state or bundle, and a key in argv is refused', async () => {
    const daemon = site.start(['run']);
    await daemon.line('Listening for commands');
    const [inArguments, used] = [await newKey(), await newKey()];
    const refused = await site.runProcess(['activate', inArguments]);
    expect(refused.code).toBe(64);
    const option = await site.runProcess(['activate', `--key=${inArguments}`]);
    expect(option.code).toBe(64);
    await writeFile(join(desk, 'key'), `${used}\n`);
    const activated = await site.runProcess(['activate', '--key-file', join(desk, 'key')]);
    expect(activated.code).toBe(0);
    const bundle = join(desk, 'bundle');
    const saved = await site.runProcess(['send-logs', '--output', bundle]);
    expect(saved.code).toBe(0);
    daemon.child.kill('SIGTERM');
    const ended = await daemon.ended;

    const contents = zstdDecompressSync(await readFile(bundle)).toString('latin1');
    // The log is in the bundle, with the line about the activation.
    expect(contents).toContain('The activation state of this host is now activated.');
    const outputs = JSON.stringify([refused, option, activated, saved, ended]);
    const received = await everythingIn(rig.dir);
    const everywhere = `${await everythingIn(site.dir)}${contents}${outputs}${received}`;
    for (const key of [inArguments, used]) {
      expect(formsOf(key).filter((form) => everywhere.includes(form))).toEqual([]);
    }
  });

  it('activation: the server gets batches and tus uploads signed, and verifies them', async () => {
    const daemon = site.start(['run']);
    await daemon.line('Listening for documents');
    const before = rig.origin.record.requests.length;
    await writeFile(join(desk, 'documents'), '{"n":1}\n');
    expect((await site.run(['submit', join(desk, 'documents')])).code).toBe(0);
    expect((await site.run(['send-logs'])).code).toBe(0);
    await vi.waitFor(() => expect(rig.origin.record.bundles).toHaveLength(1), AMPLE);
    const uploads = () =>
      rig.origin.record.requests
        .slice(before)
        .filter(({ method, target }) => /^(POST|PATCH)$/.test(method) && /^\/(analytics|support-logs)/.test(target));
    await vi.waitFor(() => expect(uploads().some(({ target }) => target === '/analytics')).toBe(true), AMPLE);

    const { agent } = JSON.parse((await site.run(['identity', 'show', '--json'])).out) as { agent: string };
    // The server refuses a signature of a known agent that is not valid (401).
    expect(uploads().map(({ status }) => status)).toEqual(uploads().map(() => expect.toSatisfy(isSuccess)));
    const signed = uploads().map(({ method, headers }) => [method, headers['signature-input'] ?? '']);
    const isCovered = () =>
      uploads().flatMap(({ headers }) =>
        'content-digest' in headers ? [headers['signature-input']?.includes('"content-digest"')] : [],
      );
    // The batch and the completion of the upload.
    await vi.waitFor(() => expect(isCovered()).toEqual([true, true]), AMPLE);
    for (const [method, input] of signed) {
      expect([method, input]).toEqual([method, expect.stringContaining(`keyid="${agent}"`)]);
    }
    expect(new Set(signed.map(([method]) => method))).toEqual(new Set(['POST', 'PATCH']));
    daemon.child.kill('SIGTERM');
    await daemon.ended;
  });
});

function isSuccess(status: number | null): boolean {
  return status !== null && status >= 200 && status < 300;
}
