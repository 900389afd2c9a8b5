/** Attacks by means of the network, a mirror or some of the keys. The client refuses each with its code. */
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { dateTime, NOW_MS, SimulatedRepository } from './support/simulated-repository.ts';
import { codeOf, TestClient } from './support/test-client.ts';
import { canonical, type Json, type JsonFields, keyIdOf, type TestKey, testKey } from './support/test-keys.ts';

const DAY_MS = 86_400_000;

function start(options: { consistent?: boolean } = {}): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository(options);
  return { repository, client: new TestClient(repository) };
}

/** Publishes everything again, with the change in the signed part of one role. */
function publishWith(repository: SimulatedRepository, role: string, changes: JsonFields): void {
  Object.assign(repository.content(role), changes);
  repository.publish(...(role === 'root' ? ['root'] : ['targets', 'snapshot', 'timestamp']));
}

/** Changes the text of the newest file of a role without signing it again. */
function rewrite(repository: SimulatedRepository, role: string, change: (text: string) => string | Buffer): void {
  const text = String(Buffer.from(repository.last(role)));
  const changed = Buffer.from(change(text));
  repository.published.set(role, [...(repository.published.get(role) ?? []).slice(0, -1), changed]);
}

describe('signatures', () => {
  it.each(['root', 'timestamp', 'snapshot', 'targets'])('tuf: a changed %s is refused', async (role) => {
    const { repository, client } = start();
    repository.publish('root', 'targets', 'snapshot', 'timestamp');
    repository.replaceLast(role, ({ signed }) => Object.assign(signed, { added: 1 }));

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });

  it('tuf: one key under two key IDs counts once', async () => {
    const { repository, client } = start();
    const key = repository.signers.get('timestamp')?.[0] ?? testKey();
    const alias = { ...key, keyId: 'alias' };
    repository.authority('timestamp').threshold = 2;
    repository.addKey('timestamp', alias);
    repository.publish('root', 'timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
    repository.addKey('timestamp');
    repository.publish('root', 'timestamp');
    expect(await client.outcome()).toBe('accepted');
  });

  it('tuf: one key in two spellings counts once', async () => {
    const { repository, client } = start();
    const key = repository.signers.get('timestamp')?.[0] ?? testKey();
    const text = (key.fields['keyval'] as JsonFields)['public'] as string;
    repository.authority('timestamp').threshold = 2;
    repository.addKey('timestamp', {
      ...key,
      keyId: 'capitals',
      fields: { ...key.fields, keyval: { public: text.toUpperCase() } },
    });
    repository.publish('root', 'timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });

  it.each<[string, JsonFields]>([
    ['of an unknown type', { keytype: 'sphincs', scheme: 'sphincs-shake-128s', keyval: { public: 'ab' } }],
    ['without a public part', { keytype: 'ed25519', scheme: 'ed25519', keyval: {} }],
    ['that is not an object', { keytype: 'ed25519', scheme: 'ed25519', keyval: 'ab' }],
    ['with a scheme of another type', { keytype: 'rsa', scheme: 'ed25519', keyval: { public: 'ab'.repeat(32) } }],
    ['whose scheme is a name of Object', { keytype: 'ed25519', scheme: 'constructor', keyval: { public: 'ab' } }],
  ])('tuf: a key %s is ignored, and the other keys of the role count', async (_what, fields) => {
    const { repository, client } = start();
    const key = { ...testKey(), keyId: keyIdOf(fields), fields };
    repository.addKey('timestamp', key);
    repository.publish('root', 'timestamp');
    expect(await client.outcome()).toBe('accepted');
    repository.authority('timestamp').threshold = 2;
    repository.publish('root', 'timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });

  it.each([
    ['an RSA key of 1024 bits', testKey('rsa', { name: 'short', rsaBits: 1_024 }), null],
    ['an RSA key that calls itself ed25519', signingByDefault(), { keytype: 'ed25519', scheme: 'ed25519' }],
    ['a P-256 key that calls itself P-384', testKey('ecdsa', { name: 'p' }), { scheme: 'ecdsa-sha2-nistp384' }],
  ])('tuf: %s does not count', async (_what, key, lie) => {
    const { repository, client } = start();
    repository.authority('timestamp').keyids.length = 0;
    repository.signers.set('timestamp', []);
    repository.addKey('timestamp', { ...key, fields: { ...key.fields, ...lie } });
    repository.publish('root', 'timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });

  it.each(['__proto__', 'constructor', 'toString'])('tuf: the key ID %s finds no key of Object', async (keyId) => {
    const { repository, client } = start();
    repository.authority('timestamp').keyids.push(keyId);
    repository.authority('timestamp').threshold = 2;
    repository.publish('root', 'timestamp');
    repository.replaceLast('timestamp', ({ signatures }) => signatures.push({ keyid: keyId, sig: 'ab' }));

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });

  it('tuf: keys of the root do not count for a delegated role', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team' });
    const [rootKey] = repository.signers.get('targets') ?? [];
    repository.delegation('targets', 'team')['keyids'] = [rootKey?.keyId ?? ''];
    repository.signers.set('team', rootKey === undefined ? [] : [rootKey]);
    repository.publishAll();

    expect(await codeOf(client.download('anything'))).toBe('TUF-SIGNATURE');
  });

  it('tuf: a stored delegated role is not used once its key was taken away', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team' });
    repository.addTarget('team', 'a', 'content');
    repository.publishAll();
    expect(await client.download('a')).toBe('content');

    const key = testKey();
    const delegations = repository.content('targets')['delegations'] as JsonFields;
    (delegations['keys'] as JsonFields)[key.keyId] = key.fields;
    repository.delegation('targets', 'team')['keyids'] = [key.keyId];
    repository.publish('targets', 'snapshot', 'timestamp');
    expect(await codeOf(client.download('a'))).toBe('TUF-SIGNATURE');

    // The same version, signed again by the new key.
    repository.signers.set('team', [key]);
    repository.published.delete('team');
    repository.publishAsIs('team');
    expect(await client.download('a')).toBe('content');
  });

  it('tuf: signatures over other languages and emoji are valid', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', 'Päckchen "1"\\2/✓ 🙂.jar', 'content');
    repository.publishAll();

    expect(await client.download('Päckchen "1"\\2/✓ 🙂.jar')).toBe('content');
  });

  it('tuf: the client lists who signed, as many as the threshold', async () => {
    const { repository, client } = start();
    const key = repository.addKey('timestamp', testKey('ecdsa', { name: 'second' }));
    repository.authority('timestamp').threshold = 2;
    repository.publish('root', 'timestamp');
    const { status } = await client.refresh();

    const timestamp = status.roles.find(({ role }) => role === 'timestamp');
    expect(timestamp).toMatchObject({ version: 2, threshold: 2, expiresMs: NOW_MS + 30 * DAY_MS });
    expect(timestamp?.signers).toContainEqual({ keyId: key.keyId, scheme: 'ecdsa-sha2-nistp256' });
    expect(timestamp?.signers).toHaveLength(2);
    expect(status.rootSha256).toBe(createHash('sha256').update(repository.last('root')).digest('hex'));
  });
});

describe('documents', () => {
  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['a page of a proxy', '<html><title>Blocked</title></html>'],
    ['a list', '[]'],
    ['null', 'null'],
    ['no signatures', '{"signed":{"_type":"timestamp"}}'],
    ['signatures that are no list', '{"signed":{},"signatures":{}}'],
    ['a byte order mark', '\ufeff{"signed":{},"signatures":[]}'],
    ['a million brackets', '['.repeat(15_000)],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('tuf: %s in place of the timestamp is TUF-INVALID', async (_what, content) => {
    const { repository, client } = start();
    repository.published.set('timestamp', [Buffer.from(content)]);

    expect(await client.outcome()).toBe('TUF-INVALID');
  });

  it.each<[string, Json]>([
    ['zero', 0],
    ['negative', -1],
    ['a fraction', 1.5],
    ['a text', '2'],
    ['null', null],
    ['above 2^53', 9_007_199_254_740_992],
  ])('tuf: a version that is %s is TUF-INVALID in each role', async (_what, version) => {
    for (const role of ['root', 'timestamp', 'snapshot', 'targets']) {
      const { repository, client } = start();
      repository.content(role)['version'] = version;
      repository.publishAsIs(role);
      const files = repository.published.get(role) ?? [];
      repository.published.set(role, role === 'root' ? files : files.slice(-1));

      expect(await client.outcome(), role).toMatch(/^TUF-(?:INVALID|SIGNATURE)$/);
    }
  });

  it.each(['2.0.0', '0.9.1', '1', '1.0.0.0', '1.a', ''])('tuf: the specification %j is refused', async (version) => {
    const { repository, client } = start();
    publishWith(repository, 'targets', { spec_version: version });

    expect(await client.outcome()).toBe('TUF-INVALID');
  });

  it.each(['1.0', '1.0.34', '1.99.0'])('tuf: the specification %s is accepted', async (version) => {
    const { repository, client } = start();
    publishWith(repository, 'targets', { spec_version: version });

    expect(await client.outcome()).toBe('accepted');
  });

  it.each<Json>(['tomorrow', '2030-01-01', '2030-13-01T00:00:00Z', '2030-01-01T00:00:00', 1_900_000_000, null])(
    'tuf: the expiration %j is TUF-INVALID',
    async (expires) => {
      const { repository, client } = start();
      publishWith(repository, 'targets', { expires });

      expect(await client.outcome()).toBe('TUF-INVALID');
    },
  );

  it.each(['2030-01-01T00:00:00Z', '2030-01-01T00:00:00.123456Z', '2030-01-01T00:00:00-06:00'])(
    'tuf: the expiration %s is accepted',
    async (expires) => {
      const { repository, client } = start();
      publishWith(repository, 'targets', { expires });

      expect(await client.outcome()).toBe('accepted');
    },
  );

  it('tuf: a document that is nested too deep is TUF-INVALID, although it is signed', async () => {
    const { repository, client } = start();
    const deep = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as Json;
    publishWith(repository, 'targets', { note: deep(60) });
    expect(await client.outcome()).toBe('accepted');
    publishWith(repository, 'targets', { note: deep(65) });

    expect(await client.outcome()).toBe('TUF-INVALID');
  });

  it('tuf: of two keys with the same name the last counts, also for the signature', async () => {
    const { repository, client } = start();
    const signed = (text: string) => text.indexOf('{"_type"');
    rewrite(
      repository,
      'timestamp',
      (text) => `${text.slice(0, signed(text) + 1)}"version":9,${text.slice(signed(text) + 1)}`,
    );
    expect((await client.refresh()).status.roles[1]).toMatchObject({ role: 'timestamp', version: 1 });

    repository.publish('timestamp');
    rewrite(repository, 'timestamp', (text) => text.replace('"version":2,', '"version":2,"version":9,'));
    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });

  it.each<[string, (text: string) => string | Buffer]>([
    ['half of a surrogate pair', (text) => text.replace('\ufffd', '\\ud800')],
    [
      'a byte that is not UTF-8',
      (text) => Buffer.from(Buffer.from(text).toString('latin1').replace('ï¿½', '\xff'), 'latin1'),
    ],
  ])('tuf: %s cannot stand for the U+FFFD that was signed', async (_what, change) => {
    const { repository, client } = start();
    publishWith(repository, 'timestamp', { note: 'a \ufffd' });
    rewrite(repository, 'timestamp', change);

    expect(await client.outcome()).toBe('TUF-INVALID');
  });

  it('tuf: text that only looks like an escaped surrogate is accepted', async () => {
    const { repository, client } = start();
    publishWith(repository, 'timestamp', { note: 'C:\\ud800 \\ud83d 🙂' });
    rewrite(repository, 'timestamp', (text) => text.replace('🙂', '\\ud83d\\ude42'));

    expect(await client.outcome()).toBe('accepted');
  });

  it.each<[string, JsonFields]>([
    ['no keys', { keys: 1 }],
    ['no role for the snapshot', { roles: { root: { keyids: [], threshold: 1 } } }],
    ['consistent_snapshot that is a text', { consistent_snapshot: 'yes' }],
  ])('tuf: a root with %s is TUF-INVALID', async (_what, changes) => {
    const { repository, client } = start();
    publishWith(repository, 'root', changes);

    expect(await client.outcome()).toBe('TUF-INVALID');
  });

  it.each<[string, Json]>([
    ['no threshold', { keyids: [], name: 'a', terminating: false }],
    ['a threshold of zero', { keyids: [], threshold: 0, name: 'a', terminating: false }],
    ['the name of a top-level role', { keyids: [], threshold: 1, name: 'snapshot', terminating: false }],
    ['no name', { keyids: [], threshold: 1, name: '', terminating: false }],
    ['no terminating', { keyids: [], threshold: 1, name: 'a' }],
    [
      'patterns and prefixes',
      { keyids: [], threshold: 1, name: 'a', terminating: false, paths: [], path_hash_prefixes: [] },
    ],
    ['a key ID twice', { keyids: ['a', 'a'], threshold: 1, name: 'a', terminating: false }],
  ])('tuf: a delegation with %s is TUF-INVALID', async (_what, role) => {
    const { repository, client } = start();
    publishWith(repository, 'targets', { delegations: { keys: {}, roles: [role] } });

    expect(await client.outcome()).toBe('TUF-INVALID');
  });

  it.each<[string, JsonFields]>([
    ['neither roles nor bins', { keys: {} }],
    [
      'roles and bins',
      { keys: {}, roles: [], succinct_roles: { keyids: [], threshold: 1, bit_length: 1, name_prefix: 'b' } },
    ],
    ['2^33 bins', { keys: {}, succinct_roles: { keyids: [], threshold: 1, bit_length: 33, name_prefix: 'b' } }],
    ['a role twice', { keys: {}, roles: [role('a'), role('a')] }],
  ])('tuf: delegations with %s are TUF-INVALID', async (_what, delegations) => {
    const { repository, client } = start();
    publishWith(repository, 'targets', { delegations });

    expect(await client.outcome()).toBe('TUF-INVALID');
  });

  it.each<[string, Json]>([
    ['no digests', { length: 7, hashes: {} }],
    ['a digest that is too short', { length: 7, hashes: { sha256: 'ab' } }],
    ['only a broken algorithm', { length: 7, hashes: { md5: 'ab'.repeat(16) } }],
    ['a negative length', { length: -1, hashes: { sha256: 'ab'.repeat(32) } }],
  ])('tuf: a target with %s is TUF-INVALID when it is needed', async (_what, target) => {
    const { repository, client } = start();
    repository.addTarget('targets', 'good', 'content');
    (repository.content('targets')['targets'] as JsonFields)['bad'] = target;
    repository.publishAll();

    expect(await client.download('good')).toBe('content');
    expect(await codeOf(client.download('bad'))).toBe('TUF-INVALID');
  });

  it('tuf: every known digest of a target must match', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', 'a', 'content', ['sha256', 'sha512']);
    (repository.listedTarget('targets', 'a')['hashes'] as JsonFields)['sha512'] = 'ab'.repeat(64);
    repository.publishAll();

    expect(await codeOf(client.download('a'))).toBe('TUF-MISMATCH');
  });
});

/** An RSA key that signs as node:crypto does when no digest is named. */
function signingByDefault(): TestKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return {
    keyId: 'default',
    fields: { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: pem } },
    sign: (content) => sign(null, Buffer.from(canonical(content)), privateKey).toString('hex'),
  };
}

function role(name: string): JsonFields {
  return { keyids: [], threshold: 1, name, terminating: false };
}

describe('replayed and mixed files', () => {
  it.each(['snapshot', 'targets'])('tuf: an old %s under the name of the new one is TUF-MISMATCH', async (name) => {
    const { repository, client } = start();
    repository.publish('targets', 'snapshot', 'timestamp');
    const [old] = repository.published.get(name) ?? [];
    repository.published.set(name, old === undefined ? [] : [old, old]);

    expect(await client.outcome()).toBe('TUF-MISMATCH');
  });

  it.each(['snapshot', 'targets'])('tuf: another %s of the same version and length is TUF-MISMATCH', async (name) => {
    const { repository, client } = start();
    repository.listsDigests = true;
    repository.content(name)['note'] = 'a';
    repository.publish('targets', 'snapshot', 'timestamp');
    repository.content(name)['note'] = 'b';
    repository.publishAsIs(name);
    const [first, , other] = repository.published.get(name) ?? [];
    repository.published.set(
      name,
      [first, other].filter((bytes) => bytes !== undefined),
    );

    expect(await client.outcome()).toBe('TUF-MISMATCH');
  });

  it('tuf: roots and the timestamp are requested past caches, versioned files from them', async () => {
    const { repository, client } = start();
    await client.refresh();

    expect(repository.revalidated).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('tuf: a root with a version that is too high or the same is TUF-ROLLBACK', async () => {
    for (const version of [1, 3]) {
      const { repository, client } = start();
      repository.root['version'] = version;
      repository.publishAsIs('root');

      expect(await client.outcome()).toBe('TUF-ROLLBACK');
      expect(client.rootVersion()).toBe(1);
    }
  });

  it('tuf: a role that vanished from the snapshot is TUF-ROLLBACK', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team' });
    repository.publishAll();
    await client.refresh();
    delete (repository.content('snapshot')['meta'] as JsonFields)['team.json'];
    repository.publish('snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
  });

  it('tuf: a lower version of a delegated role in the snapshot is TUF-ROLLBACK', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team' });
    repository.publishAll();
    repository.publishAll();
    await client.refresh();
    repository.listed('snapshot', 'team')['version'] = 1;
    repository.publish('snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
  });

  it('tuf: what the second place knows is not undone by a state that was deleted or restored', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team' });
    repository.publishAll();
    const old = new Map([...repository.published].map(([name, files]) => [name, [...files]]));
    for (let count = 0; count < 3; count += 1) repository.publishAll();
    repository.publish('root');
    const tuf = await client.open();
    await tuf.refresh(client.signal);
    await tuf.find('a', client.signal);

    const restored = new TestClient(repository);
    restored.minimumVersions = tuf.knownVersions();
    expect(await restored.outcome()).toBe('accepted');
    expect(restored.events).toContainEqual(expect.objectContaining({ kind: 'state-restored' }));

    const attacked = new TestClient(repository);
    attacked.minimumVersions = tuf.knownVersions();
    for (const name of ['timestamp', 'snapshot', 'targets', 'team'])
      repository.published.set(name, old.get(name) ?? []);
    expect(await attacked.outcome()).toBe('TUF-ROLLBACK');
    repository.published.set('root', old.get('root') ?? []);
    expect(await attacked.outcome()).toBe('TUF-ROLLBACK');
    expect(attacked.events.filter(({ kind }) => kind === 'state-restored')).toHaveLength(1);
  });

  it('tuf: versions are known even if every stored file was damaged', async () => {
    const { repository, client } = start();
    repository.publish('timestamp');
    await client.refresh();
    const state = client.files.content('/state/trust/repository/versions.json');
    const host = new TestClient(repository);
    host.files.plantFile('/state/trust/repository/versions.json', state ?? '');
    repository.published.set('timestamp', (repository.published.get('timestamp') ?? []).slice(0, 1));

    expect(await host.outcome()).toBe('TUF-ROLLBACK');
  });
});

describe('expiration', () => {
  it.each(['root', 'timestamp', 'snapshot', 'targets'])('tuf: %s expires exactly at its time', async (name) => {
    const { repository, client } = start();
    repository.expire(name, NOW_MS).publish('root', 'targets', 'snapshot', 'timestamp');
    expect(await client.outcome()).toBe('TUF-EXPIRED');
    repository.expire(name, NOW_MS + 1_000).publish('root', 'targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('accepted');
  });

  it('tuf: a repository that stands still is refused when the timestamp expires', async () => {
    const { repository, client } = start();
    repository.expire('timestamp', NOW_MS + DAY_MS).publish('timestamp');
    expect(await client.outcome()).toBe('accepted');
    client.nowMs = NOW_MS + 2 * DAY_MS;

    expect(await client.outcome()).toBe('TUF-EXPIRED');
  });

  it('tuf: a suppressed root is noticed when the known one expires', async () => {
    const { repository, client } = start();
    repository.publish('root');
    repository.onMetadata = (name, bytes) => (name === '2.root.json' ? null : bytes);
    expect(await client.outcome()).toBe('accepted');
    repository.expire('timestamp', NOW_MS + 90 * DAY_MS).publish('timestamp');
    client.nowMs = NOW_MS + 31 * DAY_MS;

    expect(await client.outcome()).toBe('TUF-EXPIRED');
    expect(client.trusted()).toContainEqual(['root', 1]);
  });

  it('tuf: an intermediate root may have expired', async () => {
    const { repository, client } = start();
    repository.expire('root', NOW_MS - DAY_MS).publish('root');
    repository.expire('root', NOW_MS + DAY_MS).publish('root');

    expect(await client.outcome()).toBe('accepted');
    expect(client.rootVersion()).toBe(3);
  });

  it('tuf: an import accepts metadata that expired within its grace', async () => {
    const { repository, client } = start();
    repository.expire('timestamp', NOW_MS - 5 * DAY_MS).publish('timestamp');
    client.options = { expiryGraceMs: 4 * DAY_MS };
    expect(await client.outcome()).toBe('TUF-EXPIRED');
    client.options = { expiryGraceMs: 6 * DAY_MS };

    expect(await client.outcome()).toBe('accepted');
  });
});

describe('limits', () => {
  it.each([
    ['2.root.json', { rootBytes: 100 }],
    ['timestamp.json', { timestampBytes: 100 }],
    ['1.snapshot.json', { snapshotBytes: 100 }],
    ['1.targets.json', { targetsBytes: 100 }],
  ])('tuf: %s above its limit is TUF-LIMIT, even if the source sends it', async (file, limits) => {
    const { repository, client } = start();
    repository.publish('root');
    client.options = { limits };
    let requested: string | null = null;
    repository.onMetadata = (name, bytes) => {
      requested = name;
      return bytes;
    };
    expect(await client.outcome()).toBe('TUF-LIMIT');
    repository.ignoresLimits = true;

    expect(await client.outcome()).toBe('TUF-LIMIT');
    expect(requested).toBe(file);
  });

  it.each(['snapshot', 'targets'])('tuf: %s is read up to its listed length only', async (name) => {
    const { repository, client } = start();
    repository.listsDigests = true;
    repository.publish('targets', 'snapshot', 'timestamp');
    repository.replaceLast(name, ({ signatures }) => signatures.push({ keyid: 'x', sig: 'a'.repeat(9_999) }));

    expect(await client.outcome()).toBe('TUF-LIMIT');
  });

  it('tuf: a target above the limit or its length is not accepted', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', 'a', 'content');
    repository.publishAll();
    client.options = { limits: { downloadBytes: 6 } };
    expect(await codeOf(client.download('a'))).toBe('TUF-LIMIT');
    expect(repository.targetRequests).toEqual([]);
    client.options = {};
    repository.artifacts.set('a', Buffer.from('content and more'));

    expect(await codeOf(client.download('a'))).toBe('TUF-MISMATCH');
  });

  it('tuf: more new roots than allowed end the check, and the next one continues', async () => {
    const { repository, client } = start();
    for (let count = 0; count < 5; count += 1) repository.publish('root');
    client.options = { limits: { rootSteps: 3 } };

    expect(await client.outcome()).toBe('TUF-ROOT-STEPS');
    expect(client.rootVersion()).toBe(4);
    expect(await client.outcome()).toBe('accepted');
    expect(client.rootVersion()).toBe(6);
  });

  it('tuf: exactly as many new roots as allowed are accepted', async () => {
    const { repository, client } = start();
    for (let count = 0; count < 3; count += 1) repository.publish('root');
    client.options = { limits: { rootSteps: 3 } };

    expect(await client.outcome()).toBe('accepted');
  });

  it('tuf: a search follows at most 32 delegated roles', async () => {
    const { repository, client } = start();
    for (let number = 0; number < 33; number += 1) repository.delegate('targets', { name: `r${number}` });
    repository.addTarget('r31', 'near', 'content');
    repository.addTarget('r32', 'far', 'content');
    repository.publishAll();

    expect(await client.download('near')).toBe('content');
    expect(await codeOf(client.download('far'))).toBe('TUF-DELEGATIONS');
  });
});

describe('repositories without consistent snapshots', () => {
  it.each([false, null])('tuf: files have no version and no digest in their names [%j]', async (consistent) => {
    const { repository, client } = start({ consistent: false });
    if (consistent === null) delete repository.root['consistent_snapshot'];
    repository.publish('root');
    repository.delegate('targets', { name: 'team', paths: ['team/*'] });
    repository.addTarget('team', 'team/a', 'content');
    repository.publishAll();

    expect(await client.download('team/a')).toBe('content');
    expect(repository.metadataRequests.slice(2)).toEqual([
      ['timestamp', null],
      ['snapshot', null],
      ['targets', null],
      ['team', null],
    ]);
    expect(repository.targetRequests).toEqual(['team/a']);
    expect(repository.revalidated).toEqual(expect.arrayContaining(['snapshot.json', 'targets.json', 'team.json']));
  });
});

describe('recovery from a fast-forward attack (TUF 5.3.11)', () => {
  async function attacked() {
    const { repository, client } = start();
    repository.content('timestamp')['version'] = 5_000;
    repository.publish('timestamp');
    await client.refresh();
    repository.published.delete('timestamp');
    repository.content('timestamp')['version'] = 1;
    return { repository, client };
  }

  it.each(['timestamp', 'snapshot'])('tuf: versions start over after a rotation of the %s key', async (name) => {
    const { repository, client } = await attacked();
    repository.rotateKeys(name);
    repository.publish('root', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('timestamp')).toBe(1);
    expect(client.events).toContainEqual({ kind: 'online-keys-rotated', root: 2 });
  });

  it('tuf: versions do not start over when a key is only added, or for another role', async () => {
    const { repository, client } = await attacked();
    repository.addKey('timestamp');
    repository.rotateKeys('targets');
    repository.authority('timestamp').threshold = 2;
    repository.publish('root', 'targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
  });

  it('tuf: the second place does not bring the versions of lost keys back', async () => {
    const { repository, client } = await attacked();
    const tuf = await client.open();
    repository.rotateKeys('timestamp');
    repository.publish('root', 'snapshot', 'timestamp');
    client.minimumVersions = tuf.knownVersions();
    expect(client.minimumVersions.timestamp).toBe(5_001);

    expect(await client.outcome()).toBe('accepted');
    expect(await client.outcome()).toBe('accepted');
    expect(client.events.filter(({ kind }) => kind === 'state-restored')).toEqual([]);
  });
});

describe('the canonical form of the test itself', () => {
  it('canonical: keys are sorted, and only backslash and quote are escaped', () => {
    expect(canonical({ b: [1, true, null], a: 'ä"\\\n' })).toBe('{"a":"ä\\"\\\\\n","b":[1,true,null]}');
    expect(dateTime(NOW_MS)).toBe('2026-11-30T12:00:00Z');
  });
});
