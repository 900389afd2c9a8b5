/** Cases of tuf-conformance (HEAD, module test_rollback), named as there. */
import { describe, expect, it } from 'vitest';
import { SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { TestClient } from '#test/tuf/support/test-client.ts';

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  return { repository, client: new TestClient(repository) };
}

/** Publishes the role so often that its version is 100, as an attacker with its key could. */
function fastForward(repository: SimulatedRepository, role: string): void {
  while (Number(repository.content(role)['version']) < 100) repository.publish(role);
}

function startOver(repository: SimulatedRepository, role: string): void {
  repository.published.delete(role);
  repository.content(role)['version'] = 1;
}

describe('tuf-conformance test_rollback', () => {
  it('test_simple_snapshot_rollback', async () => {
    const { repository, client } = start();
    repository.publish('snapshot', 'timestamp');
    await client.refresh();
    repository.content('snapshot')['version'] = 1;
    repository.publishAsIs('snapshot');

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('snapshot')).toBe(2);
    expect(repository.metadataRequests.at(-1)).toEqual(['timestamp', null]);
  });

  it('test_new_timestamp_version_rollback', async () => {
    const { repository, client } = start();
    repository.publish('timestamp');
    await client.refresh();
    startOver(repository, 'timestamp');
    repository.publish('timestamp');

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
    expect(client.version('timestamp')).toBe(2);
    expect(repository.metadataRequests.at(-1)).toEqual(['timestamp', null]);
  });

  it.each([
    ['basic', false],
    ['with hashes', true],
  ])('test_snapshot_rollback[%s]', async (_name, listsDigests) => {
    const { repository, client } = start();
    repository.listsDigests = listsDigests;
    repository.publish('snapshot', 'timestamp');
    await client.refresh();
    startOver(repository, 'snapshot');
    repository.publish('snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
    expect(client.version('timestamp')).toBe(2);
    expect(client.version('snapshot')).toBe(2);
    expect(repository.metadataRequests.at(-1)).toEqual(['timestamp', null]);
  });

  it('test_new_targets_fast_forward_recovery', async () => {
    const { repository, client } = start();
    fastForward(repository, 'targets');
    repository.publish('snapshot', 'timestamp');
    await client.refresh();
    expect(client.version('targets')).toBe(100);
    repository.rotateKeys('snapshot');
    startOver(repository, 'targets');
    repository.publish('root', 'targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('targets')).toBe(1);
  });

  it('test_new_snapshot_fast_forward_recovery', async () => {
    const { repository, client } = start();
    fastForward(repository, 'snapshot');
    repository.publish('timestamp');
    await client.refresh();
    expect(client.version('snapshot')).toBe(100);
    repository.rotateKeys('snapshot');
    repository.rotateKeys('timestamp');
    startOver(repository, 'snapshot');
    repository.publish('root', 'targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('snapshot')).toBe(1);
  });

  it('test_new_snapshot_version_mismatch', async () => {
    const { repository, client } = start();
    repository.publish('snapshot');
    repository.listed('timestamp', 'snapshot')['version'] = 1;
    repository.publish('root', 'timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(repository.metadataRequests).toContainEqual(['snapshot', 1]);
    expect(client.trusted()).toEqual([
      ['root', 2],
      ['snapshot', 1],
      ['targets', 1],
      ['timestamp', 2],
    ]);
  });

  it('test_new_timestamp_fast_forward_recovery', async () => {
    const { repository, client } = start();
    fastForward(repository, 'timestamp');
    await client.refresh();
    expect(client.version('timestamp')).toBe(100);
    repository.rotateKeys('timestamp');
    startOver(repository, 'timestamp');
    repository.publish('root', 'timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('timestamp')).toBe(1);
  });

  it.each([
    ['basic', false],
    ['with hashes', true],
  ])('test_targets_rollback[%s]', async (_name, listsDigests) => {
    const { repository, client } = start();
    repository.listsDigests = listsDigests;
    repository.publish('targets', 'snapshot', 'timestamp');
    await client.refresh();
    startOver(repository, 'targets');
    repository.publish('targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
    expect(client.version('snapshot')).toBe(2);
    expect(client.version('targets')).toBe(2);
  });
});
