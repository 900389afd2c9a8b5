/**
 * Cases of tuf-conformance (HEAD, modules test_file_download, test_quoting_issues and test_static_repositories), named as
 * there. The suite's static repositories are other people's (sigstore and tuf-on-ci); here the test makes repositories of the
 * same shape: key types, thresholds, a chain of roots, a delegation, digest prefixes.
 */
import { describe, expect, it } from 'vitest';
import { SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { codeOf, TestClient } from '#test/tuf/support/test-client.ts';
import { type JsonFields, testKey } from '#test/tuf/support/test-keys.ts';

const PATH = 'target_file.txt';

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  return { repository, client: new TestClient(repository) };
}

describe('tuf-conformance test_file_download', () => {
  it('test_client_downloads_expected_file', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', PATH, 'target file contents');
    repository.publishAll();
    await client.refresh();
    expect(repository.targetRequests).toEqual([]);

    expect(await client.download(PATH)).toBe('target file contents');
  });

  it('test_client_downloads_expected_file_in_sub_dir', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', 'path/to/a/target_file.txt', 'target file contents');
    repository.publishAll();

    expect(await client.download('path/to/a/target_file.txt')).toBe('target file contents');
    expect(repository.targetRequests[0]).toMatch(/^path\/to\/a\/[0-9a-f]{64}\.target_file\.txt$/);
  });

  it('test_repository_substitutes_target_file', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', PATH, 'target file contents');
    repository.addTarget('targets', 'another', 'content');
    repository.publishAll();
    expect(await client.download(PATH)).toBe('target file contents');
    repository.artifacts.set(PATH, Buffer.from('malicious data'));
    repository.artifacts.set('another', Buffer.from('content!'));

    expect(await codeOf(client.download(PATH))).toBe('TUF-MISMATCH');
    expect(await codeOf(client.download('another'))).toBe('TUF-MISMATCH');
  });

  it('test_multiple_changes_to_target', async () => {
    const { repository, client } = start();
    for (let round = 0; round <= 10; round += 1) {
      repository.addTarget('targets', PATH, `modified file contents ${round}`);
      repository.addTarget('targets', `new-target-${round}`, `new file contents ${round}`);
      repository.publishAll();
      // The client observes only every fifth version.
      if (round % 5 !== 0) continue;
      expect(await client.download(PATH)).toBe(`modified file contents ${round}`);
      expect(await client.download(`new-target-${round}`)).toBe(`new file contents ${round}`);
      repository.artifacts.set(PATH, Buffer.from(`modified file contents x`));
      repository.publishAll();
      expect(await codeOf(client.download(PATH))).toBe('TUF-MISMATCH');
    }
  });

  it.each([[['sha256']], [['sha512']], [['sha256', 'sha512']]])(
    'test_download_with_hash_algorithms[%j]',
    async (algorithms) => {
      const { repository, client } = start();
      repository.addTarget('targets', PATH, 'target file contents', algorithms);
      repository.publishAll();

      expect(await client.download(PATH)).toBe('target file contents');
      const digests = Object.values(repository.listedTarget('targets', PATH)['hashes'] as JsonFields);
      expect(repository.targetRequests).toHaveLength(1);
      expect(digests.map((digest) => `${digest}.${PATH}`)).toContain(repository.targetRequests[0]);
    },
  );

  it('test_download_with_unknown_hash_algorithm', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', PATH, 'target file contents', ['sha512']);
    const target = repository.listedTarget('targets', PATH);
    target['hashes'] = { 'unknown-hash': (target['hashes'] as JsonFields)['sha512'] ?? '' };
    repository.publishAll();

    expect(await codeOf(client.download(PATH))).toBe('TUF-INVALID');
    expect(repository.targetRequests).toEqual([]);
  });

  it('test_artifact_cache', async () => {
    // The client keeps no targets. It gives the length and the digests by which the caller recognizes its own copy.
    const { repository, client } = start();
    repository.addTarget('targets', PATH, 'target file contents');
    repository.publishAll();
    const tuf = await client.open();
    await tuf.refresh(client.signal);
    const target = await tuf.find(PATH, client.signal);

    expect(target?.length).toBe(20);
    expect(target?.hashes.get('sha256')).toMatch(/^[0-9a-f]{64}$/);
    expect(repository.targetRequests).toEqual([]);
  });
});

describe('tuf-conformance test_quoting_issues', () => {
  it.each(['?', '#', '/delegatedrole', '../delegatedrole'])('test_unusual_role_name[%s]', async (role) => {
    const { repository, client } = start();
    repository.delegate('targets', { name: role });
    repository.publishAll();

    expect(await client.download('nonexistent target')).toBeNull();
    expect(repository.metadataRequests).toContainEqual([role, 1]);
    expect(client.trusted()).toHaveLength(5);
    expect(client.files.names().every((path) => path.startsWith('/state/trust/repository/'))).toBe(true);
  });
});

describe('tuf-conformance test_static_repositories', () => {
  it('test_static_repo[sigstore-root-signing]', async () => {
    const { repository, client } = start();
    // Five root keys of which three sign, online roles with one key of another type, and nine roots.
    const owners = [1, 2, 3, 4, 5].map((number) => testKey('ecdsa', { name: `owner ${number}` }));
    repository.published.delete('root');
    for (const role of ['root', 'targets']) {
      repository.authority(role).keyids.length = 0;
      repository.signers.set(role, []);
      for (const key of owners) repository.addKey(role, key);
      repository.authority(role).threshold = 3;
    }
    for (let version = 1; version <= 9; version += 1) repository.publish('root');
    repository.listsDigests = true;
    repository.addTarget('targets', 'trusted_root.json', '{}', ['sha256', 'sha512']);
    repository.delegate('targets', {
      name: 'registry.example.org',
      paths: ['registry.example.org/*'],
      terminating: true,
    });
    repository.addTarget('registry.example.org', 'registry.example.org/keys.json', '[]');
    repository.publishAll();
    client.initialRoot = repository.published.get('root')?.[4] as Uint8Array;

    expect(await client.download('trusted_root.json')).toBe('{}');
    expect(await client.download('registry.example.org/keys.json')).toBe('[]');
    expect(client.rootVersion()).toBe(9);
  });

  it('test_static_repo[tuf-on-ci-0.11]', async () => {
    const { repository, client } = start();
    repository.addKey('timestamp', testKey('rsa', { name: 'kms' }));
    repository.publish('root');
    repository.delegate('targets', { name: 'delegatedrole', paths: ['delegatedrole/*'], terminating: true });
    repository.addTarget('delegatedrole', 'delegatedrole/artifact', 'artifact');
    repository.publishAll();
    repository.publish('delegatedrole', 'snapshot', 'timestamp');

    expect(await client.download('delegatedrole/artifact')).toBe('artifact');
  });
});
