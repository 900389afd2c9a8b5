// License keys from a signed target: a host with a signed feed, the reference activation server, and a repository.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { signerWithKey } from '#origin/platform/licenses/license-signer.ts';
import { ActivationRig, activatingHost } from '#test/support/activation-rig.ts';
import { composeIn } from '#test/support/composed.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { SignedOrigin } from '#test/support/signed-origin.ts';

const TARGET = 'licenses/keys.json';
const AMPLE = { timeout: 10_000, interval: 10 };
const DAY_MS = 86_400_000;
let rig: ActivationRig;
let repository: SignedOrigin;
let dir: string;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  rig = await ActivationRig.start();
  dir = await mkdtemp(join(tmpdir(), 'sallyport-license-keys-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await rig.close();
  await rm(dir, { recursive: true, force: true });
});

/** A repository with a feed and, unless null, a list of these keys. */
async function publish(keys: readonly string[] | null): Promise<Record<string, unknown>> {
  repository = await SignedOrigin.start();
  closing.push(() => repository.close());
  await writeFile(join(dir, 'root.json'), repository.repository.initialRoot);
  repository.offer([]);
  if (keys !== null) list(keys);
  repository.validFromNow();
  return {
    updates: repository.settings(join(dir, 'root.json')),
    activation: { url: rig.platform.origin.activationUrl, license_keys_target: TARGET },
  };
}

/** Publishes another list. */
function list(keys: readonly string[], format = 1): void {
  repository.repository.addTarget('targets', TARGET, JSON.stringify({ format, keys }));
  repository.repository.publishAll();
}

/** A mirror of the repository that has no file for which `withholds` is true. */
async function startMirror(withholds: (path: string) => boolean): Promise<string> {
  const answer = async (url: string, response: ServerResponse) => {
    const got = withholds(url) ? new Response(null, { status: 404 }) : await fetch(`${repository.url}${url}`);
    response.writeHead(got.status).end(Buffer.from(await got.arrayBuffer()));
  };
  const server = createServer(({ url = '' }, response) => void answer(url, response));
  const { port, close } = await listenOnLoopback(server);
  closing.push(close);
  return `http://127.0.0.1:${port}`;
}

async function host(...given: Parameters<typeof activatingHost>) {
  const made = await activatingHost(...given);
  closing.push(() => made.remove());
  return made;
}

const otherKey = () => signerWithKey(generateKeyPairSync('ed25519').privateKey).publicKey;

describe('license keys of a signed target', () => {
  it('license keys: an activation reads the target, and the keys stay without a connection', async () => {
    const sections = await publish([rig.signer.publicKey]);
    const state = await mkdtemp(join(dir, 'host-'));
    const one = await activatingHost(sections, { dir: state });
    const { failure, activation } = await one.verbs.activate(await rig.key());
    expect(failure).toBeNull();
    expect(activation).toMatchObject({ state: 'activated', keys: { configured: 0, target: TARGET, from_target: 1 } });
    await one.remove();
    await repository.close();
    const again = await host(sections, { dir: state });
    expect((await again.verbs.show()).state).toBe('activated');
  });

  it('license keys: both sources are accepted together', async () => {
    const sections = await publish([otherKey()]);
    const activation = { ...(sections['activation'] as object), license_keys: [rig.signer.publicKey] };
    const one = await host({ ...sections, activation });
    await one.agent.round();
    expect((await one.verbs.activate(await rig.key())).activation).toMatchObject({
      state: 'activated',
      keys: { configured: 1, from_target: 1 },
    });
  });

  it('license keys: a round reads a new list, and a key that is taken away counts no more', async () => {
    const one = await host(await publish([rig.signer.publicKey]));
    await one.agent.round();
    await one.verbs.activate(await rig.key());
    list([otherKey()]);
    await one.agent.round();
    expect(await one.verbs.show()).toMatchObject({ state: 'unactivated', problem: { code: 'LICENSE-INVALID' } });
    list([otherKey(), rig.signer.publicKey]);
    await one.agent.round();
    expect((await one.verbs.show()).state).toBe('activated');
    expect(one.events.filter(({ name }) => name === 'license-keys-changed')).toHaveLength(3);
  });

  it('license keys: a license of the next key of the vendor makes the host read the list again', async () => {
    const one = await host(await publish([otherKey()]));
    await one.agent.round();
    list([rig.signer.publicKey]);
    expect((await one.verbs.activate(await rig.key())).failure).toBeNull();
  });

  it('license keys: a list that is not one keeps the last keys, and is reported once', async () => {
    const one = await host(await publish([rig.signer.publicKey]));
    await one.agent.round();
    await one.verbs.activate(await rig.key());
    list(['AAAA']);
    for (let round = 0; round < 2; round += 1) expect((await one.agent.round()).failure).toBeNull();
    list([rig.signer.publicKey], 2);
    await one.agent.round();
    const { state, keys } = await one.verbs.show();
    expect(state).toBe('activated');
    expect(keys.failure).toMatchObject({ code: 'LICENSE-KEYS', message: expect.stringContaining('format 1') });
    expect(one.events.filter(({ name }) => name === 'license-keys-unread')).toHaveLength(1);
  });

  it('license keys: without the target in the signed list no key is accepted, and none is sent', async () => {
    const one = await host(await publish(null));
    const key = await rig.key();
    expect((await one.verbs.activate(key)).failure).toMatchObject({
      code: 'LICENSE-KEYS',
      message: expect.stringContaining('no key of it is accepted'),
    });
    list([rig.signer.publicKey]);
    expect((await one.verbs.activate(key)).failure).toBeNull();
  });

  it('license keys: a target with other bytes than the signed ones is refused', async () => {
    const sections = await publish([rig.signer.publicKey]);
    repository.intercept = ({ url = '' }, response) => {
      if (!url.includes('keys.json')) return false;
      response.end(JSON.stringify({ format: 1, keys: [otherKey()] }));
      return true;
    };
    const { failure } = await (await host(sections)).verbs.activate(await rig.key());
    expect(failure).toMatchObject({ code: 'LICENSE-KEYS', message: expect.stringContaining('[TUF-MISMATCH]') });
  });

  it('license keys: a repository that cannot be reached is named with its failure', async () => {
    const sections = await publish([rig.signer.publicKey]);
    await repository.close();
    const { failure, cause } = await (await host(sections)).verbs.activate(await rig.key());
    expect(failure).toMatchObject({ code: 'LICENSE-KEYS', message: expect.stringContaining('[TCP-REFUSED]') });
    expect(cause?.code).toBe('TCP-REFUSED');
  });

  it('license keys: they are read once a day without a round', async () => {
    const sections = await publish([rig.signer.publicKey]);
    const clock = new FakeClock(Date.now());
    const one = await host(sections, { clock });
    const { licenseKeys } = one.parts.ports.trust;
    const readings = () => repository.asked.filter((line) => line.includes('timestamp.json')).length;
    one.parts.activation.start();
    await vi.waitFor(() => expect(licenseKeys.keysOf(TARGET)).toHaveLength(1), AMPLE);
    expect(readings()).toBe(1);
    list([rig.signer.publicKey, otherKey()]);
    await clock.advanceAsync(DAY_MS - 1);
    expect(readings()).toBe(1);
    await clock.advanceAsync(3_600_001);
    await vi.waitFor(() => expect(licenseKeys.keysOf(TARGET)).toHaveLength(2), AMPLE);
    expect(readings()).toBe(2);
    await one.parts.activation.stop();
  });

  it('license keys: a mirror that withholds the list delays it until the daily reading', async () => {
    const sections = await publish([rig.signer.publicKey]);
    const mirror = await startMirror((path) => path.includes('keys.json'));
    const updates = repository.settings(join(dir, 'root.json'), { mirrors: [{ metadata_url: `${mirror}/metadata/` }] });
    const one = await host({ ...sections, updates });
    const { licenseKeys } = one.parts.ports.trust;
    expect((await one.agent.round()).failure).toBeNull();
    expect(licenseKeys.keysOf(TARGET)).toHaveLength(0);
    one.parts.activation.start();
    await vi.waitFor(() => expect(licenseKeys.keysOf(TARGET)).toHaveLength(1), AMPLE);
    expect(licenseKeys.failure).toBeNull();
    await one.parts.activation.stop();
  });

  it('license keys: a replaced root takes the keys of the old one away', async () => {
    const one = await host(await publish([rig.signer.publicKey]));
    await one.agent.round();
    await one.verbs.activate(await rig.key());
    await one.parts.ports.trust.forget();
    expect(await one.verbs.show()).toMatchObject({ state: 'unactivated', keys: { from_target: 0 } });
  });

  it('license keys: the target needs a signed feed', async () => {
    await expect(
      composeIn({ updates: { feed_url: 'https://a.example/feed.json' }, activation: { license_keys_target: TARGET } }),
    ).rejects.toThrow(/requires updates.trust: tuf/);
  });
});
