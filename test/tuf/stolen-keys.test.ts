/** What an attacker can do with keys of the vendor, and where the client still refuses it. */
import { describe, expect, it } from 'vitest';
import { NOW_MS, SimulatedRepository } from './support/simulated-repository.ts';
import { codeOf, TestClient } from './support/test-client.ts';

const DAY_MS = 86_400_000;

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  repository.addTarget('targets', 'a', 'genuine');
  repository.publishAll();
  return { repository, client: new TestClient(repository) };
}

/** Two delegated roles with two versions each. The newer snapshot lists the newer version of both. */
function startTeams(): { repository: SimulatedRepository; client: TestClient } {
  const { repository, client } = start();
  for (const name of ['one', 'two']) repository.delegate('targets', { name, paths: [`${name}/*`] });
  repository.publishAll();
  for (const name of ['one', 'two']) repository.addTarget(name, `${name}/new`, name);
  repository.publishAll();
  return { repository, client };
}

describe('stolen keys of timestamp and snapshot', () => {
  it.each([[['timestamp']], [['snapshot', 'timestamp']]])('stolen keys: %j sign no other package', async (online) => {
    const { repository, client } = start();
    const next = online.includes('snapshot') ? 'targets' : 'snapshot';
    repository.publish(next);
    repository.replaceLast(next, ({ signed }) => Object.assign(signed, { forged: true }));
    repository.publish(...online);

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
    expect(client.version('targets')).toBeNull();
  });

  it.each([
    [['timestamp'], 'snapshot'],
    [['snapshot', 'timestamp'], 'targets'],
  ])('stolen keys: %j hold back updates until %s expires', async (online, next) => {
    const { repository, client } = start();
    await client.refresh();
    for (const role of online) repository.expire(role, NOW_MS + 400 * DAY_MS);
    repository.publish(...online);
    client.nowMs = NOW_MS + 29 * DAY_MS;
    repository.expire('root', NOW_MS + 400 * DAY_MS).publish('root');
    expect(await client.outcome()).toBe('accepted');
    client.nowMs = NOW_MS + 31 * DAY_MS;

    expect(await client.outcome()).toBe('TUF-EXPIRED');
    expect(repository.content(next)['expires']).toBe(
      new Date(NOW_MS + 30 * DAY_MS).toISOString().replace('.000Z', 'Z'),
    );
  });

  it('stolen keys: the key of the timestamp alone combines no versions', async () => {
    const { repository, client } = startTeams();
    await client.refresh();
    repository.publish('snapshot');
    repository.replaceLast('snapshot', ({ signed }) => {
      ((signed['meta'] as Record<string, Record<string, unknown>>)['one.json'] ?? {})['version'] = 1;
    });
    repository.publish('timestamp');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
    expect(await new TestClient(repository).outcome()).toBe('TUF-SIGNATURE');
  });

  it.each([[['timestamp']], [['snapshot', 'timestamp']]])('stolen keys: %j change no channel', async (online) => {
    const { repository, client } = start();
    repository.addTarget('targets', 'feed.json', '{"channel":"beta"}');
    repository.publishAll();
    repository.artifacts.set('feed.json', Buffer.from('{"channel":"prod"}'));
    repository.publish(...online);

    expect(await codeOf(client.download('feed.json'))).toBe('TUF-MISMATCH');
  });

  it('stolen keys: a snapshot of mixed versions is accepted only by a new host', async () => {
    const { repository, client } = startTeams();
    await client.refresh();
    repository.listed('snapshot', 'one')['version'] = 1;
    repository.publish('snapshot', 'timestamp');

    expect(await client.outcome()).toBe('TUF-ROLLBACK');
    expect(await new TestClient(repository).outcome()).toBe('accepted');
  });
});

describe('stolen keys of targets and of a team', () => {
  it('stolen keys: the keys of a team sign no package outside its paths', async () => {
    const { repository, client } = startTeams();
    repository.addTarget('one', 'two/new', 'forged');
    repository.publishAll();

    expect(await client.download('one/new')).toBe('one');
    expect(await codeOf(client.download('two/new'))).toBe('TUF-MISMATCH');
  });

  it('stolen keys: enough keys of targets sign any package, until the root replaces them', async () => {
    const { repository, client } = start();
    const stolen = [...(repository.signers.get('targets') ?? [])];
    repository.addTarget('targets', 'a', 'forged');
    repository.publishAll();
    expect(await client.download('a')).toBe('forged');

    repository.rotateKeys('targets');
    repository.publish('root');
    repository.signers.set('targets', stolen);
    repository.publishAll();
    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });

  it('stolen keys: with those of targets, updates are held back until the root expires', async () => {
    const { repository, client } = start();
    for (const role of ['targets', 'snapshot', 'timestamp']) repository.expire(role, NOW_MS + 400 * DAY_MS);
    repository.publishAll();
    client.nowMs = NOW_MS + 29 * DAY_MS;
    expect(await client.outcome()).toBe('accepted');
    client.nowMs = NOW_MS + 31 * DAY_MS;

    expect(await client.outcome()).toBe('TUF-EXPIRED');
  });

  it('stolen keys: fewer keys of targets than its threshold sign nothing', async () => {
    const { repository, client } = start();
    repository.authority('targets').threshold = 2;
    repository.addKey('targets');
    repository.publish('root').publishAll();
    expect(await client.outcome()).toBe('accepted');
    repository.signers.get('targets')?.pop();
    repository.publishAll();

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });
});

describe('stolen keys of the root', () => {
  it('stolen keys: enough keys of the root replace all other keys', async () => {
    const { repository, client } = start();
    await client.refresh();
    for (const role of ['targets', 'snapshot', 'timestamp']) repository.rotateKeys(role);
    repository.addTarget('targets', 'a', 'forged');
    repository.publish('root').publishAll();

    expect(await client.download('a')).toBe('forged');
  });

  it('stolen keys: enough keys of the root hold back updates for any time', async () => {
    const { repository, client } = start();
    const roles = ['targets', 'snapshot', 'timestamp'];
    for (const role of roles) repository.rotateKeys(role);
    for (const role of ['root', ...roles]) repository.expire(role, NOW_MS + 9_000 * DAY_MS);
    repository.publish('root').publishAll();
    client.nowMs = NOW_MS + 8_999 * DAY_MS;

    expect(await client.outcome()).toBe('accepted');
  });

  it('stolen keys: fewer keys of the root than its threshold sign no new root', async () => {
    const { repository, client } = start();
    repository.authority('root').threshold = 2;
    repository.addKey('root');
    repository.publish('root');
    expect(await client.outcome()).toBe('accepted');
    repository.signers.get('root')?.pop();
    repository.publish('root');

    expect(await client.outcome()).toBe('TUF-SIGNATURE');
  });
});
