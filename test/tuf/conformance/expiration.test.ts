/** Cases of tuf-conformance (HEAD, modules test_expiration and test_delegated_expiration), named as there. */
import { describe, expect, it } from 'vitest';
import { NOW_MS, SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { codeOf, TestClient } from '#test/tuf/support/test-client.ts';

const DAY_MS = 86_400_000;

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  return { repository, client: new TestClient(repository) };
}

describe('tuf-conformance test_expiration', () => {
  it('test_root_expired', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.publish('root');
    await client.refresh();
    repository.expire('root', NOW_MS - DAY_MS).publish('root', 'targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-EXPIRED');
    expect(client.trusted()).toEqual([
      ['root', 3],
      ['snapshot', 1],
      ['targets', 1],
      ['timestamp', 1],
    ]);
  });

  it('test_timestamp_expired', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.expire('timestamp', NOW_MS - 5 * DAY_MS).publish('timestamp');

    expect(await client.outcome()).toBe('TUF-EXPIRED');
    expect(client.version('timestamp')).toBe(1);
  });

  it('test_snapshot_expired', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.expire('snapshot', NOW_MS - 5 * DAY_MS).publish('snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-EXPIRED');
    expect(client.trusted()).toEqual([
      ['root', 1],
      ['snapshot', 1],
      ['targets', 1],
      ['timestamp', 2],
    ]);
  });

  it('test_targets_expired', async () => {
    const { repository, client } = start();
    await client.refresh();
    repository.expire('targets', NOW_MS - 5 * DAY_MS).publish('targets', 'snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-EXPIRED');
    expect(client.trusted()).toEqual([
      ['root', 1],
      ['snapshot', 2],
      ['targets', 1],
      ['timestamp', 2],
    ]);
  });

  it('test_expired_local_root', async () => {
    const { repository, client } = start();
    repository.expire('root', NOW_MS + 7 * DAY_MS).publish('root');
    await client.refresh();
    repository.expire('root', NOW_MS + 21 * DAY_MS).publish('root');
    client.nowMs = NOW_MS + 18 * DAY_MS;

    expect(await client.outcome()).toBe('accepted');
    expect(client.rootVersion()).toBe(3);
  });

  it('test_expired_local_timestamp', async () => {
    const { repository, client } = start();
    repository.expire('timestamp', NOW_MS + 7 * DAY_MS).publish('timestamp');
    await client.refresh();
    repository.expire('timestamp', NOW_MS + 21 * DAY_MS).publish('targets', 'snapshot', 'timestamp');
    client.nowMs = NOW_MS + 18 * DAY_MS;

    expect(await client.outcome()).toBe('accepted');
    expect(client.trusted()).toEqual([
      ['root', 1],
      ['snapshot', 2],
      ['targets', 2],
      ['timestamp', 3],
    ]);
  });
});

describe('tuf-conformance test_delegated_expiration', () => {
  it('test_delegated_targets_expired', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team', paths: ['team/*'], expiresMs: NOW_MS - DAY_MS });
    repository.addTarget('team', 'team/a', 'content');
    repository.publishAll();

    expect(await client.outcome()).toBe('accepted');
    expect(await codeOf(client.download('team/a'))).toBe('TUF-EXPIRED');
    expect(client.trusted().map(([role]) => role)).toEqual(['root', 'snapshot', 'targets', 'timestamp']);
  });

  it('test_expired_local_delegated_targets', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team', paths: ['team/*'], expiresMs: NOW_MS + 7 * DAY_MS });
    repository.addTarget('team', 'team/a', 'first');
    repository.addTarget('team', 'team/b', 'second');
    repository.publishAll();
    expect(await client.download('team/a')).toBe('first');
    client.nowMs = NOW_MS + 18 * DAY_MS;

    expect(await codeOf(client.download('team/b'))).toBe('TUF-EXPIRED');
  });

  it('test_expired_local_delegated_targets_updates', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team', paths: ['team/*'], expiresMs: NOW_MS + 7 * DAY_MS });
    repository.addTarget('team', 'team/a', 'first');
    repository.addTarget('team', 'team/b', 'second');
    repository.publishAll();
    expect(await client.download('team/a')).toBe('first');
    repository.expire('team', NOW_MS + 21 * DAY_MS).publish('team', 'snapshot', 'timestamp');
    client.nowMs = NOW_MS + 18 * DAY_MS;

    expect(await client.download('team/b')).toBe('second');
  });
});
