/** The store after a crash at every write: the next start continues, and no version goes back. */
import { describe, expect, it } from 'vitest';
import { CRASH_MODES, type CrashingFiles, type CrashMode } from '#test/support/crashing-files.ts';
import { crashPlaces } from '#test/support/every-crash.ts';
import type { KnownVersions } from '#trust/tuf/types.ts';
import { SimulatedRepository } from './support/simulated-repository.ts';
import { codeOf, STORE, TestClient } from './support/test-client.ts';

function publishFirst(): SimulatedRepository {
  const repository = new SimulatedRepository();
  repository.delegate('targets', { name: 'team' });
  repository.addTarget('team', 'a', 'first');
  return repository.publishAll();
}

async function work(client: TestClient): Promise<void> {
  const tuf = await client.open();
  await tuf.refresh(client.signal);
  await tuf.find('a', client.signal);
}

/** Crashes everywhere in a refresh with these changes; returns how often. */
async function crashEverywhere(change: (repository: SimulatedRepository) => void, content: string): Promise<number> {
  const repository = publishFirst();
  const host = new TestClient(repository);
  await work(host);
  const before = (await host.open()).knownVersions();
  const old = repository.copy();
  change(repository);
  const published = repository.copy();
  const on = (files: CrashingFiles) => new TestClient(repository, files);
  const places = await crashPlaces(host.files.afterCrash('killed'), (files) => work(on(files)));
  let trials = 0;
  for (const { n, when } of places) {
    // One torn disk for each place: these writes are those of `durable.ts`, which has its own search.
    for (const mode of CRASH_MODES) {
      const files = host.files.afterCrash('killed');
      files.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
      await work(on(files)).catch(() => undefined);
      await check(on(files.afterCrash(mode, n)), mode);
      trials += 1;
    }
  }
  return trials;

  async function check(client: TestClient, mode: CrashMode): Promise<void> {
    if (mode === 'killed') {
      const tuf = await client.open();
      const known = tuf.knownVersions();
      requireNotLower(known, before);
      repository.serve(old);
      // TUF-SIGNATURE: the old timestamp is signed by a key that was taken away.
      expect(await codeOf(tuf.refresh(client.signal))).toMatch(/^(?:accepted|TUF-ROLLBACK|TUF-SIGNATURE)$/);
      requireNotLower(tuf.knownVersions(), known);
    }
    repository.serve(published);
    expect(await client.download('a')).toBe(content);
    // Only a power cut tears files, and never those that were synced before their rename.
    if (mode !== 'torn') expect(client.events.filter(({ kind }) => kind === 'set-aside')).toEqual([]);
  }
}

function requireNotLower(found: KnownVersions, known: KnownVersions): void {
  expect(found.root).toBeGreaterThanOrEqual(known.root);
  // After a rotation of the online keys the other versions start over.
  if (found.onlineKeys.join() !== known.onlineKeys.join()) return;
  expect(found.timestamp).toBeGreaterThanOrEqual(known.timestamp);
  expect(found.snapshot).toBeGreaterThanOrEqual(known.snapshot);
  for (const [role, version] of known.roles) expect(found.roles.get(role)).toBeGreaterThanOrEqual(version);
}

describe('crashes', () => {
  it('tuf: a crash anywhere in a refresh leaves a store that continues', async () => {
    // The writes of the other roles are those of the rotation below.
    const trials = await crashEverywhere((repository) => repository.publish('timestamp'), 'first');

    expect(trials).toBeGreaterThan(30);
  }, 120_000);

  it('tuf: a crash anywhere in a rotation with recovery leaves a store that continues', async () => {
    const trials = await crashEverywhere((repository) => {
      repository.rotateKeys('root');
      // Signed by the old and the new key.
      repository.addSigner('root', repository.firstRootKey);
      repository.publish('root');
      repository.rotateKeys('snapshot');
      // With its old key, an attacker could replay the old timestamp once the versions have started over.
      repository.rotateKeys('timestamp');
      repository.addTarget('team', 'a', 'second');
      repository.publish('root');
      repository.published.delete('timestamp');
      repository.content('timestamp')['version'] = 1;
      repository.publishAll();
    }, 'second');

    expect(trials).toBeGreaterThan(100);
  }, 120_000);

  it('tuf: a full disk fails the refresh, and what was stored before stays', async () => {
    const repository = publishFirst();
    const host = new TestClient(repository);
    await work(host);
    repository.addTarget('team', 'a', 'second');
    repository.publishAll();
    host.files.arm({ fullAfterBytes: 0 });
    expect(await host.outcome()).toBe('DISK-FULL');
    host.files.arm({});
    const status = (await host.open()).status();

    expect(status.roles.map(({ version }) => version)).toEqual([1, 2, 2, 2]);
    expect(await host.download('a')).toBe('second');
  });

  it.each(['root/2.root.json', 'timestamp.json', 'snapshot.json', 'targets.json', 'roles/team-'])(
    'tuf: a damaged %s is set aside and fetched again',
    async (name) => {
      const repository = publishFirst();
      repository.publish('root');
      const host = new TestClient(repository);
      await work(host);
      host.events.length = 0;
      const path = host.files.names().find((one) => one.startsWith(`${STORE}/${name}`)) ?? '';
      host.files.plantFile(path, '{"signed":');

      expect(await host.download('a')).toBe('first');
      expect(host.events.map(({ kind }) => kind)).toEqual([
        'set-aside',
        ...(name.startsWith('root') ? ['root-rotated'] : []),
      ]);
      expect(String(host.files.content(`${path}.damaged`))).toBe('{"signed":');
    },
  );

  it('tuf: a damaged versions.json is set aside, and the stored files still forbid to go back', async () => {
    const repository = publishFirst();
    const host = new TestClient(repository);
    const old = repository.copy();
    repository.publishAll();
    await work(host);
    host.files.plantFile(`${STORE}/versions.json`, '');
    repository.serve(old);

    expect(await host.outcome()).toBe('TUF-ROLLBACK');
    expect(host.events).toContainEqual(expect.objectContaining({ kind: 'set-aside', file: 'versions.json' }));
  });

  it('tuf: a stored root that another root file does not continue is set aside', async () => {
    const one = publishFirst();
    one.publish('root');
    const host = new TestClient(one);
    await work(host);
    const other = publishFirst();
    const replaced = new TestClient(other, host.files);

    // The versions of the first repository are still known: replacing the root file requires a new store.
    expect(await replaced.outcome()).toBe('TUF-ROLLBACK');
    expect(replaced.rootVersion()).toBe(1);
    expect(replaced.events).toContainEqual(expect.objectContaining({ kind: 'set-aside' }));
  });
});
