/**
 * Cases of tuf-conformance (HEAD, module test_basic), named as there. Each runs the client as the suite does: a new start for
 * each command, and only results, stored roles and requests are looked at.
 */
import { describe, expect, it } from 'vitest';
import { NOW_MS, SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { TestClient } from '#test/tuf/support/test-client.ts';
import { type JsonFields, keyIdOf, testKey } from '#test/tuf/support/test-keys.ts';

const TOP = ['root', 'snapshot', 'targets', 'timestamp'] as const;
const DAY_MS = 86_400_000;

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  return { repository, client: new TestClient(repository) };
}

describe('tuf-conformance test_basic', () => {
  it('test_basic_refresh_requests', async () => {
    const { repository, client } = start();
    await client.refresh();

    expect(repository.metadataRequests).toEqual([
      ['root', 2],
      ['timestamp', null],
      ['snapshot', 1],
      ['targets', 1],
    ]);
  });

  it('test_basic_refresh_trusted_data', async () => {
    const { repository, client } = start();
    await client.refresh();

    for (const role of TOP.filter((one) => one !== 'root')) {
      expect(client.content(role)).toEqual(Buffer.from(repository.last(role)));
    }
    expect(client.rootVersion()).toBe(1);
  });

  it('test_implicit_refresh', async () => {
    const { repository, client } = start();

    expect(await client.download('nonexistent artifact')).toBeNull();
    expect(repository.metadataRequests).toEqual([
      ['root', 2],
      ['timestamp', null],
      ['snapshot', 1],
      ['targets', 1],
    ]);
    expect(client.trusted()).toEqual(TOP.map((role) => [role, 1]));
  });

  it('test_invalid_initial_root', async () => {
    const { repository, client } = start();
    const root = JSON.parse(String(Buffer.from(client.initialRoot)));
    delete root.signed.version;
    client.initialRoot = Buffer.from(JSON.stringify(root));

    expect(await client.outcome()).toBe('TUF-ROOT-FILE');
    expect(repository.metadataRequests).toEqual([]);
  });

  it('test_unsigned_initial_root', async () => {
    const { repository, client } = start();
    const root = JSON.parse(String(Buffer.from(client.initialRoot)));
    root.signatures[0].sig = testKey().sign(root.signed);
    client.initialRoot = Buffer.from(JSON.stringify(root));

    expect(await client.outcome()).toBe('TUF-ROOT-FILE');
    expect(repository.metadataRequests).toEqual([]);
  });

  it.each([
    ['root', [['root', 1]]],
    ['timestamp', [['root', 2]]],
    [
      'snapshot',
      [
        ['root', 2],
        ['timestamp', 2],
      ],
    ],
    [
      'targets',
      [
        ['root', 2],
        ['snapshot', 2],
        ['timestamp', 2],
      ],
    ],
  ])('test_unsigned_metadata[%s]', async (role, trusted) => {
    const { repository, client } = start();
    repository.signers.get(role)?.pop();
    repository.publish('root', 'targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
    expect(client.trusted()).toEqual(trusted);
  });

  it.each([
    ['root', 'TUF-ROLLBACK', [['root', 1]]],
    [
      'snapshot',
      'TUF-MISSING',
      [
        ['root', 2],
        ['timestamp', 2],
      ],
    ],
    [
      'targets',
      'TUF-MISSING',
      [
        ['root', 2],
        ['snapshot', 2],
        ['timestamp', 2],
      ],
    ],
  ])('test_url_and_metadata_version_mismatch[%s]', async (role, code, trusted) => {
    const { repository, client } = start();
    const signed = repository.content(role);
    signed['version'] = Number(signed['version']) + 1;
    repository.publish('root', 'targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe(code);
    expect(client.trusted()).toEqual(trusted);
  });

  it('test_timestamp_content_changes', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.listed('timestamp', 'snapshot')['version'] = 100;
    repository.published.delete('timestamp');
    repository.publish('timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(repository.metadataRequests.at(-1)).toEqual(['timestamp', null]);
    expect(String(client.content('timestamp'))).not.toContain('"version":100');
  });

  it('test_basic_metadata_hash_support', async () => {
    const { repository, client } = start();
    repository.listsDigests = true;
    repository.publish('targets', 'snapshot', 'timestamp');
    expect(await client.outcome()).toBe('accepted');

    repository.publish('targets');
    (repository.listed('snapshot', 'targets')['hashes'] as JsonFields)['sha256'] = '46'.repeat(32);
    repository.publish('snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-MISMATCH');
    expect(client.version('snapshot')).toBe(3);
    expect(client.version('targets')).toBe(2);
  });

  it('test_new_targets_version_mismatch', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.publish('targets');

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('targets')).toBe(1);
    expect(repository.metadataRequests.at(-1)).toEqual(['timestamp', null]);
  });

  it('test_metadata_bytes_match', async () => {
    const { repository, client } = start();
    const bytes = Buffer.concat([repository.last('timestamp'), Buffer.from(' ')]);
    repository.published.set('timestamp', [bytes]);
    await client.refresh();

    expect(client.content('timestamp')).toEqual(bytes);
  });

  it('test_custom_fields', async () => {
    const { repository, client } = start();
    await client.refresh();
    const key = testKey();
    key.fields['extra-field'] = { a: 1, b: 2 };
    key.keyId = keyIdOf(key.fields);
    repository.root['custom-field'] = 'value';
    repository.authority('root')['another-field'] = 'value';
    repository.addKey('root', key);
    repository.publish('root');

    expect(await client.outcome()).toBe('accepted');
    expect(client.rootVersion()).toBe(2);
  });

  it('test_deprecated_keyid_hash_algorithms', async () => {
    const { repository, client } = start();
    repository.authority('snapshot').keyids.length = 0;
    repository.signers.set('snapshot', []);
    const key = testKey();
    key.fields['keyid_hash_algorithms'] = 'md5';
    key.keyId = keyIdOf(key.fields);
    repository.addKey('snapshot', key);
    repository.publish('root', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(client.rootVersion()).toBe(2);
    expect(client.version('snapshot')).toBe(2);
  });

  it('test_snapshot_404', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.listed('timestamp', 'snapshot')['version'] = 2;
    repository.publish('timestamp');

    expect(await client.outcome()).toBe('TUF-MISSING');
    expect(repository.metadataRequests.at(-1)).toEqual(['snapshot', 2]);
    expect(client.trusted()).toEqual([
      ['root', 1],
      ['snapshot', 1],
      ['targets', 1],
      ['timestamp', 2],
    ]);
  });

  it('test_targets_404', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.listed('snapshot', 'targets')['version'] = 2;
    repository.publish('snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-MISSING');
    expect(repository.metadataRequests.at(-1)).toEqual(['targets', 2]);
    expect(client.trusted()).toEqual([
      ['root', 1],
      ['snapshot', 2],
      ['targets', 1],
      ['timestamp', 2],
    ]);
  });

  it('test_timestamp_404', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.published.delete('timestamp');

    expect(await client.outcome()).toBe('TUF-MISSING');
    expect(repository.metadataRequests.at(-1)).toEqual(['timestamp', null]);
  });

  it('test_incorrect_metadata_type', async () => {
    const { repository, client } = start();
    const [key] = repository.signers.get('timestamp') ?? [];
    repository.addKey('snapshot', key);
    repository.content('snapshot')['meta'] = { 'snapshot.json': { version: 1 } };
    repository.publish('root', 'snapshot');
    repository.published.set('timestamp', [repository.last('timestamp'), repository.last('snapshot')]);

    expect(await client.outcome()).toBe('TUF-INVALID');
    expect(client.trusted()).toEqual([['root', 2]]);
  });

  it('test_faketime', async () => {
    const { repository, client } = start();
    repository.expire('root', NOW_MS + 7 * DAY_MS).publish('root');
    expect(await client.outcome()).toBe('accepted');
    client.nowMs = NOW_MS + 8 * DAY_MS;

    expect(await client.outcome()).toBe('TUF-EXPIRED');
  });
});
