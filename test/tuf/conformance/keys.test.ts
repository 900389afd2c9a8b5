/** Cases of tuf-conformance (HEAD, modules test_keys and test_updater_key_rotations), named as there. */
import { describe, expect, it } from 'vitest';
import { SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { TestClient } from '#test/tuf/support/test-client.ts';
import { type KeyKind, type TestKey, testKey } from '#test/tuf/support/test-keys.ts';

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  return { repository, client: new TestClient(repository) };
}

describe('tuf-conformance test_keys', () => {
  it('test_snapshot_does_not_meet_threshold', async () => {
    const { repository, client } = start();
    repository.authority('snapshot').threshold = 3;
    repository.addKey('snapshot');
    repository.addKey('snapshot');
    repository.publish('root', 'targets', 'snapshot', 'timestamp');
    expect(await client.outcome()).toBe('accepted');
    repository.signers.get('snapshot')?.pop();
    repository.publish('targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
    expect(client.version('snapshot')).toBe(2);
  });

  it('test_snapshot_has_too_few_keys', async () => {
    const { repository, client } = start();
    for (let count = 0; count < 4; count += 1) repository.addKey('snapshot');
    repository.authority('snapshot').threshold = 6;
    repository.publish('root', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
    expect(client.rootVersion()).toBe(2);
    expect(client.version('snapshot')).toBeNull();
  });

  it('test_root_has_keys_but_not_snapshot', async () => {
    const { repository, client } = start();
    for (let count = 0; count < 3; count += 1) repository.addKey('snapshot');
    repository.authority('snapshot').threshold = 3;
    repository.publish('root', 'snapshot', 'timestamp');
    expect(await client.outcome()).toBe('accepted');
    // The root demands one signature more than there are keys. Then it lists the ID of a fifth key, which it does not hold.
    repository.authority('snapshot').threshold = 5;
    for (const keyIds of [[], [testKey('ecdsa', { name: 'absent' }).keyId]]) {
      repository.authority('snapshot').keyids.push(...keyIds);
      repository.publish('root', 'snapshot', 'timestamp');
      expect(await client.outcome()).toBe('TUF-SIGNATURE');
      expect(client.version('snapshot')).toBe(2);
    }
    expect(client.rootVersion()).toBe(4);
  });

  it('test_duplicate_keys', async () => {
    const { repository, client } = start();
    const key = testKey();
    for (let count = 0; count < 9; count += 1) repository.addKey('snapshot', key);
    repository.signers.set('snapshot', [key]);
    repository.authority('snapshot').threshold = 6;
    repository.publish('root', 'snapshot', 'timestamp');
    repository.replaceLast('snapshot', ({ signatures }) => {
      const [signature] = signatures;
      for (let count = 0; count < 8; count += 1) signatures.push({ keyid: '', sig: '', ...signature });
    });

    expect(await client.outcome()).toBe('TUF-INVALID');
    expect(client.version('snapshot')).toBeNull();
  });

  it('test_duplicate_sig_keyids', async () => {
    const { repository, client } = start();
    repository.replaceLast('snapshot', ({ signatures }) => signatures.push({ keyid: '', sig: '', ...signatures[0] }));

    expect(await client.outcome()).toBe('TUF-INVALID');
    expect(client.version('snapshot')).toBeNull();
  });

  it.each<[string, KeyKind]>([
    ['rsa/rsassa-pss-sha256', 'rsa'],
    ['ecdsa/ecdsa-sha2-nistp256', 'ecdsa'],
    ['ed25519/ed25519', 'ed25519'],
  ])('test_keytype_and_scheme[%s]', async (_name, kind) => {
    const { repository, client } = start();
    const key = repository.addKey('root', testKey(kind, { name: 'conformance' }));
    repository.authority('root').threshold = 2;
    repository.publish('root');
    expect(await client.outcome()).toBe('accepted');
    expect(client.rootVersion()).toBe(2);
    repository.publish('root');
    repository.replaceLast('root', ({ signatures }) => {
      // A signature of the right key and form, over something else.
      for (const one of signatures) if (one.keyid === key.keyId) one.sig = key.sign('something else');
    });

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
    expect(client.rootVersion()).toBe(2);
  });

  it('test_invalid_sig_in_valid_metadata', async () => {
    const { repository, client } = start();
    repository.addKey('timestamp');
    repository.publish('root', 'timestamp');
    repository.replaceLast('timestamp', ({ signatures }) => {
      Object.assign(signatures[0] ?? {}, { sig: testKey().sign('something else') });
    });
    expect(await client.outcome()).toBe('accepted');
    repository.publish('timestamp');
    repository.replaceLast('timestamp', ({ signatures }) => Object.assign(signatures[0] ?? {}, { sig: '' }));

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('timestamp')).toBe(3);
  });
});

/** Numbers of keys that may sign, how many must, and the numbers of those that did. */
type Version = readonly [keys: readonly number[], threshold: number, signatures: readonly number[]];

const ALL = [0, 1, 2, 3, 4];
const ONE_CHANGED = [0, 1, 3, 4, 5];

const ROOT_ROTATIONS: readonly (readonly [string, boolean, readonly Version[]])[] = [
  [
    '1-of-1-key-rotation',
    true,
    [
      [[1], 1, [1]],
      [[2], 1, [2, 1]],
      [[2], 1, [2]],
    ],
  ],
  [
    '1-of-1-key-rotation-unused-signatures',
    true,
    [
      [[1], 1, [3, 1, 4]],
      [[2], 1, [3, 2, 1, 4]],
      [[2], 1, [3, 2, 4]],
    ],
  ],
  [
    '3-of-5-sign-with-different-keycombos',
    true,
    [
      [ALL, 3, [0, 2, 4]],
      [ALL, 3, [0, 4, 1]],
      [ALL, 3, [0, 1, 3]],
      [ALL, 3, [0, 1, 3]],
    ],
  ],
  [
    '3-of-5-one-key-rotated',
    true,
    [
      [ALL, 3, [0, 2, 4]],
      [ONE_CHANGED, 3, [0, 4, 1]],
    ],
  ],
  [
    '3-of-5-one-key-rotated-with-intermediate-step',
    true,
    [
      [ALL, 3, [0, 2, 4]],
      [ONE_CHANGED, 3, [0, 2, 4, 5]],
      [ONE_CHANGED, 3, [0, 4, 5]],
    ],
  ],
  [
    '3-of-5-all-keys-rotated-with-intermediate-step',
    true,
    [
      [ALL, 3, [0, 2, 4]],
      [[5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]],
      [[5, 6, 7, 8, 9], 3, [5, 6, 7]],
    ],
  ],
  [
    '1-of-3-threshold-increase-to-2-of-3',
    true,
    [
      [[1, 2, 3], 1, [1]],
      [[1, 2, 3], 2, [1, 2]],
    ],
  ],
  [
    '2-of-3-threshold-decrease-to-1-of-3',
    true,
    [
      [[1, 2, 3], 2, [1, 2]],
      [[1, 2, 3], 1, [1, 2]],
      [[1, 2, 3], 1, [1]],
    ],
  ],
  [
    '1-of-2-threshold-increase-to-2-of-2',
    true,
    [
      [[1], 1, [1]],
      [[1, 2], 2, [1, 2]],
    ],
  ],
  [
    '1-of-1-key-rotation-fail-not-signed-with-old-key',
    false,
    [
      [[1], 1, [1]],
      [[2], 1, [2, 3, 4]],
    ],
  ],
  [
    '1-of-1-key-rotation-fail-not-signed-with-new-key',
    false,
    [
      [[1], 1, [1]],
      [[2], 1, [1, 3, 4]],
    ],
  ],
  [
    '3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys',
    false,
    [
      [ALL, 3, [0, 2, 4]],
      [ONE_CHANGED, 3, [0, 2, 4]],
    ],
  ],
  [
    '3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys',
    false,
    [
      [ALL, 3, [0, 2, 4]],
      [ONE_CHANGED, 3, [0, 4, 5]],
    ],
  ],
  [
    '1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached',
    false,
    [
      [[1, 2, 3], 1, [1]],
      [[1, 2, 3], 2, [2]],
    ],
  ],
  [
    '2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-reached',
    false,
    [
      [[1, 2, 3], 2, [1, 2]],
      [[1, 2, 3], 1, [1]],
    ],
  ],
];

const OTHER_ROTATIONS: readonly (readonly [string, boolean, Version])[] = [
  ['1-of-1-key-rotation', true, [[2], 1, [2]]],
  ['1-of-1-key-rotation-unused-signatures', true, [[1], 1, [3, 1, 4]]],
  ['1-of-1-key-rotation-fail-not-signed-with-new-key', false, [[2], 1, [1, 3, 4]]],
  ['3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys', false, [ONE_CHANGED, 3, [0, 2, 4]]],
  ['2-of-5-one-key-signature-missing-threshold-not-reached', false, [ONE_CHANGED, 3, [0, 4]]],
  ['3-of-5-sign-first-combo', true, [ALL, 3, [0, 2, 4]]],
  ['3-of-5-sign-second-combo', true, [ALL, 3, [0, 4, 1]]],
  ['3-of-5-sign-third-combo', true, [ALL, 3, [0, 1, 3]]],
  ['3-of-5-sign-fourth-combo', true, [ALL, 3, [1, 2, 3]]],
  ['3-of-5-sign-fifth-combo', true, [ALL, 3, [2, 3, 4]]],
];

function assign(repository: SimulatedRepository, role: string, [keys, threshold, signatures]: Version): void {
  const pool = keyPool();
  repository.authority(role).keyids.length = 0;
  repository.authority(role).threshold = threshold;
  for (const number of keys) repository.addKey(role, pool[number]);
  repository.signers.set(
    role,
    signatures.map((number) => pool[number] as TestKey),
  );
}

function keyPool(): readonly TestKey[] {
  return Array.from({ length: 10 }, (_, number) => testKey('ed25519', { name: `pool ${number}` }));
}

describe('tuf-conformance test_updater_key_rotations', () => {
  it.each(ROOT_ROTATIONS)('test_root_rotation[%s]', async (_name, isValid, versions) => {
    const { repository, client } = start();
    repository.published.delete('root');
    for (const version of versions) {
      assign(repository, 'root', version);
      repository.publish('root');
    }
    client.initialRoot = repository.published.get('root')?.[0] as Uint8Array;

    expect(await client.outcome()).toBe(isValid ? 'accepted' : 'TUF-SIGNATURE');
    expect(client.rootVersion()).toBe(isValid ? versions.length : versions.length - 1);
  });

  it.each(OTHER_ROTATIONS)('test_non_root_rotations[%s]', async (_name, isValid, version) => {
    const { repository, client } = start();
    for (const role of ['timestamp', 'snapshot', 'targets']) {
      assign(repository, role, version);
      repository.publish('root', 'targets', 'snapshot', 'timestamp');

      expect(await client.outcome()).toBe(isValid ? 'accepted' : 'TUF-SIGNATURE');
      if (isValid) expect(client.content(role)).toEqual(Buffer.from(repository.last(role)));
    }
  });
});
