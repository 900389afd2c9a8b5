/** Clocks that are wrong, for a while or for good. */
import { describe, expect, it } from 'vitest';
import { NOW_MS, SimulatedRepository } from './support/simulated-repository.ts';
import { TestClient } from './support/test-client.ts';

const HOUR_MS = 3_600_000;

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  return { repository, client: new TestClient(repository) };
}

function clockEvents(client: TestClient): unknown[] {
  return client.events.flatMap((event) => (event.kind === 'clock-back' ? [event.forgotten] : []));
}

describe('clock', () => {
  it('clock: a host that was in 2099 once continues when its clock is right again', async () => {
    const { repository, client } = start();
    await client.refresh();
    client.nowMs = Date.parse('2099-01-01T00:00:00Z');
    expect(await client.outcome()).toBe('TUF-EXPIRED');
    client.nowMs = NOW_MS + HOUR_MS;
    repository.publish('timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(clockEvents(client)).toEqual([true]);
    expect(await client.outcome()).toBe('accepted');
    expect(clockEvents(client)).toEqual([true]);
  });

  it('clock: a host that is at 1970 at boot continues when its clock is right', async () => {
    const { repository, client } = start();
    await client.refresh();
    client.nowMs = 0;
    repository.publish('timestamp');
    expect(await client.outcome()).toBe('accepted');
    expect(clockEvents(client)).toEqual([true]);
    client.nowMs = NOW_MS + HOUR_MS;
    repository.publish('timestamp');

    expect(await client.outcome()).toBe('accepted');
    expect(client.version('timestamp')).toBe(3);
    expect(clockEvents(client)).toEqual([true]);
  });

  it('clock: a clock at 1970 does not make an old repository acceptable', async () => {
    const { repository, client } = start();
    const [old] = repository.published.get('timestamp') ?? [];
    repository.publish('timestamp');
    await client.refresh();
    client.nowMs = 0;
    repository.published.set('timestamp', old === undefined ? [] : [old]);

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
  });

  it('clock: a clock that went back by hours is reported at each check, and refuses nothing', async () => {
    const { client } = start();
    await client.refresh();
    client.nowMs = NOW_MS - 3 * HOUR_MS;

    expect(await client.outcome()).toBe('accepted');
    expect(await client.outcome()).toBe('accepted');
    expect(clockEvents(client)).toEqual([false, false]);
  });

  it('clock: a step of a minute is not reported', async () => {
    const { client } = start();
    await client.refresh();
    client.nowMs = NOW_MS - 60_000;
    await client.refresh();

    expect(clockEvents(client)).toEqual([]);
  });

  it('clock: the time when a new root was last looked for is kept over a restart', async () => {
    const { repository, client } = start();
    await client.refresh();
    client.nowMs = NOW_MS + HOUR_MS;
    repository.publish('root');
    await client.refresh();
    client.nowMs = NOW_MS + 2 * HOUR_MS;
    repository.onMetadata = () => {
      throw new Error('the network is down');
    };
    await expect(client.refresh()).rejects.toThrow('the network is down');
    const status = (await client.open()).status();

    expect(status.rootCheckedMs).toBe(NOW_MS + HOUR_MS);
    expect(status.lastRotation).toEqual({ from: 1, to: 2, atMs: NOW_MS + HOUR_MS });
    expect(status.roles.map(({ role, version }) => [role, version])).toEqual([
      ['root', 2],
      ['timestamp', 1],
      ['snapshot', 1],
      ['targets', 1],
    ]);
  });
});
