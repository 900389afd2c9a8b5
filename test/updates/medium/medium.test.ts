// A signed repository that is mirrored into a folder, given out by another server, and imported on a host without a network.

import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { crashPlaces } from '#test/support/every-crash.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { ArchiveFiles } from '#updates/medium/archive-files.ts';
import { importUpdates } from '#updates/medium/import.ts';
import { mirrorRepository } from '#updates/medium/mirror.ts';

const ROOT = '/etc/root.json';
const MIRROR = '/srv/mirror';
const DAY_MS = 86_400_000;
const NEVER = new AbortController().signal;
const JAR = makeJar('u1', 4_000);
const NEXT = makeJar('u2', 5_000);
const offered = (...jars: [string, Buffer][]) => jars.map(([id, bytes]) => ({ item: itemFor(id, bytes), bytes }));

let origin: SignedOrigin;
let files: CrashingFiles;
beforeEach(async () => {
  origin = await SignedOrigin.start();
  origin.offer(offered(['u1', JAR]));
  files = withRoot(new CrashingFiles());
});
afterEach(() => origin.close());

function withRoot(disk: CrashingFiles): CrashingFiles {
  disk.plantFile(ROOT, origin.repository.initialRoot);
  return disk;
}

async function rig(disk: CrashingFiles, dir: string, clock = SIGNED_CLOCK): Promise<Rig> {
  return await openRig({ files: disk, dir, settings: testSettings(dir, { updates: origin.settings(ROOT) }), clock });
}

const mirror = async (disk = files) => await mirrorRepository((await rig(disk, '/vendor')).ports, MIRROR, NEVER);

async function bring(
  disk: CrashingFiles,
  over: { maxAgeMs?: number; path?: string; clock?: typeof SIGNED_CLOCK } = {},
) {
  const host = await rig(disk, '/host', over.clock);
  const request = {
    path: over.path ?? MIRROR,
    maxAgeMs: over.maxAgeMs ?? 0,
    by: 'root',
  };
  const report = await importUpdates(host.ports, request, NEVER);
  return { report, host };
}

async function tarOf(entries: readonly (readonly [string, Buffer | null])[]): Promise<Buffer> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  for (const [name, bytes] of entries) tar.entry({ name }, bytes ?? '');
  tar.finalize();
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>));
}

const inMirror = (disk: CrashingFiles) =>
  disk.names().filter((name) => name.startsWith(`${MIRROR}/`) && !name.includes('/.'));
/** The files of the mirror as entries of an archive, below this folder of it. */
const entriesBelow = (top = '') =>
  inMirror(files).map((name) => [`${top}${name.slice(MIRROR.length + 1)}`, files.content(name)] as const);
const sizeOf = (disk: CrashingFiles) => disk.names().reduce((sum, name) => sum + (disk.content(name)?.length ?? 0), 0);
const jarOf = (disk: CrashingFiles, id: string) => disk.content(`/host/packages/${id}.jar`);

describe('mirror', () => {
  it('mirror: keeps a delegated role under the name that a static server looks for', async () => {
    for (const role of ['team b', 'team/c', 'a/../../x']) {
      origin.repository.delegate('targets', { name: role, paths: [`${role}/*`] });
    }
    origin.repository.publishAll();
    await mirror();
    const names = inMirror(files).map((name) => name.replace(/\d+\./, ''));
    expect(names).toEqual(
      expect.arrayContaining(['team b.json', 'team/c.json'].map((name) => `${MIRROR}/metadata/${name}`)),
    );
    // The role whose name leads out of the folder is kept under an encoded name.
    expect(names.filter((name) => name.endsWith('x.json'))).toEqual([`${MIRROR}/metadata/a%2F..%2F..%2Fx.json`]);
    expect(names.every((name) => /^\/srv\/mirror\/(?:metadata|targets)\//.test(name))).toBe(true);
    expect((await bring(files)).report).toMatchObject({ error: null, published: ['u1'] });
  });

  it('mirror: has every file of the repository, the timestamp last, and downloads each once', async () => {
    expect(await mirror()).toMatchObject({ targets: 2, fetched: 2 });
    const names = inMirror(files);
    expect(names).toContain(`${MIRROR}/metadata/timestamp.json`);
    expect(names.filter((name) => name.endsWith('.u1.jar'))).toHaveLength(1);
    const renamed = files.trace.filter(
      ({ operation, path }) => operation === 'rename' && path.includes('/srv/mirror/metadata'),
    );
    expect(renamed.at(-1)?.path).toContain('timestamp.json');
    expect(await mirror()).toMatchObject({ targets: 2, fetched: 0 });
  });

  it('mirror: a file that was changed under the name of its digest is fetched again', async () => {
    await mirror();
    for (const [ending, bytes] of [['.u1.jar', JAR] as const, ['.feed.json', null] as const]) {
      const [path = ''] = inMirror(files).filter((name) => name.endsWith(ending));
      const good = files.content(path) ?? Buffer.alloc(0);
      files.plantFile(path, Buffer.alloc(good.length, 'x'));
      expect(await mirror()).toMatchObject({ fetched: 1 });
      expect(files.content(path)).toEqual(bytes ?? good);
    }
  });

  it('mirror: keeps a large target that is not a package', async () => {
    const large = Buffer.alloc(4_194_305, 'not a JAR');
    origin.repository.addTarget('targets', 'manual.pdf', large);
    origin.repository.publishAll();
    expect(await mirror()).toMatchObject({ targets: 3, fetched: 3 });
    const [path = ''] = inMirror(files).filter((name) => name.endsWith('.manual.pdf'));
    expect(files.content(path)?.equals(large)).toBe(true);

    files.plantFile(path, Buffer.alloc(large.length));
    expect(await mirror()).toMatchObject({ targets: 3, fetched: 1 });
    expect(files.content(path)?.equals(large)).toBe(true);
  });

  it('mirror: keeps a large target that lists only SHA-512, and no other file in its place', async () => {
    const large = Buffer.alloc(4_194_305, 'not a JAR');
    origin.repository.addTarget('targets', 'manual.pdf', large, ['sha512']);
    origin.repository.publishAll();
    expect(await mirror()).toMatchObject({ targets: 3, fetched: 3 });
    const [path = ''] = inMirror(files).filter((name) => name.endsWith('.manual.pdf'));
    expect(files.content(path)?.equals(large)).toBe(true);

    files.plantFile(path, Buffer.alloc(large.length));
    expect(await mirror()).toMatchObject({ fetched: 1 });
    expect(files.content(path)?.equals(large)).toBe(true);

    files.plantFile(path, Buffer.alloc(large.length));
    origin.repository.artifacts.set('manual.pdf', Buffer.alloc(large.length, 'forged'));
    await expect(mirror()).rejects.toMatchObject({ code: 'DIGEST-MISMATCH' });
    expect(files.content(path)?.equals(Buffer.alloc(large.length))).toBe(true);
  });

  it('mirror: without consistent snapshots replaces only the timestamp of a finished mirror', async () => {
    origin.repository.root['consistent_snapshot'] = false;
    origin.repository.publish('root').publishAll();
    origin.repository.artifacts.delete('u1.jar');
    await expect(mirror()).rejects.toMatchObject({ code: 'TUF-MISSING' });
    origin.repository.artifacts.set('u1.jar', JAR);
    await mirror();
    expect(await mirror()).toMatchObject({ targets: 2, fetched: 0 });
    origin.repository.publish('timestamp');
    expect(await mirror()).toMatchObject({ targets: 2, fetched: 0 });
    expect(files.content(`${MIRROR}/metadata/timestamp.json`)).toEqual(
      files.content(`${MIRROR}/.sallyport/timestamp.json`),
    );
    const before = inMirror(files).map((name) => [name, files.content(name)]);
    origin.offer(offered(['u1', JAR], ['u2', NEXT]));
    await expect(mirror()).rejects.toMatchObject({ code: 'MIRROR-UNVERSIONED', facts: { path: MIRROR } });
    expect(inMirror(files).map((name) => [name, files.content(name)])).toEqual(before);
    expect((await bring(files)).report).toMatchObject({ error: null, published: ['u1'] });

    const { ports } = await rig(files, '/vendor');
    await mirrorRepository(ports, '/srv/next', NEVER);
    expect((await bring(files, { path: '/srv/next' })).report).toMatchObject({ error: null, published: ['u2'] });
  });

  it('mirror: twenty agents update from it, and the vendor is not asked again', { timeout: 120_000 }, async () => {
    await mirror();
    const server = createServer((request, response) => {
      const bytes = files.content(decodeURI(`${MIRROR}${request.url ?? ''}`));
      if (bytes === null) response.writeHead(404).end();
      else response.end(bytes);
    });
    const { port, close } = await listenOnLoopback(server);
    origin.asked.length = 0;
    const metadata_url = `http://127.0.0.1:${port}/metadata/`;
    for (let index = 0; index < 20; index += 1) {
      const disk = withRoot(new CrashingFiles());
      const settings = testSettings('/host', { updates: { trust: 'tuf', tuf: { metadata_url, root_file: ROOT } } });
      const { round } = await openRig({ files: disk, dir: '/host', settings, clock: SIGNED_CLOCK });
      expect(await round()).toMatchObject({ error: null, published: ['u1'] });
    }
    await close();
    expect(origin.asked).toEqual([]);
  });

  it('mirror: a crash at any write leaves a whole repository, and the next run completes it', {
    timeout: 60_000,
  }, async () => {
    await mirror();
    const before = files.afterCrash('killed');
    origin.offer(offered(['u1', JAR], ['u2', NEXT]));
    const act = async (disk: CrashingFiles) => void (await mirror(disk));
    const places = await crashPlaces(before.afterCrash('killed'), act);
    for (const [index, { n, when }] of places.entries()) {
      const disk = before.afterCrash('killed');
      disk.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
      await act(disk).catch(() => undefined);
      const survived = disk.afterCrash(CRASH_MODES[index % CRASH_MODES.length] ?? 'torn', n);
      const { report } = await bring(survived);
      expect(report, `${when} ${n}`).toMatchObject({ error: null, failed: [] });
      await mirror(survived);
      expect(
        inMirror(survived).filter((name) => name.endsWith('.u2.jar')),
        `${when} ${n}`,
      ).toHaveLength(1);
    }
    expect(places.length).toBeGreaterThan(20);
  });
});

describe('import', () => {
  it('import: publishes from a folder without a request, as signed, and keeps the receipts', async () => {
    await mirror();
    origin.asked.length = 0;
    const { report, host } = await bring(files);
    expect(report).toMatchObject({ error: null, published: ['u1'], failed: [] });
    expect(jarOf(files, 'u1')).toEqual(JAR);
    expect((await host.ports.store.find('u1'))?.sidecar.trust).toBe('signed');
    expect(origin.asked).toEqual([]);
    expect(host.events).toContainEqual(expect.objectContaining({ name: 'import-read' }));
  });

  it('import: a package that was changed on the medium is not published', async () => {
    await mirror();
    const [path = ''] = inMirror(files).filter((name) => name.endsWith('.u1.jar'));
    const bad = Buffer.from(JAR);
    bad[1_000] = (bad[1_000] ?? 0) ^ 1;
    files.plantFile(path, bad);
    const { report } = await bring(files);
    expect(report.published).toEqual([]);
    expect(report.failed[0]?.error.code).toBe('TUF-MISMATCH');
    expect(jarOf(files, 'u1')).toBeNull();
  });

  it('import: an older medium than the last one is refused', async () => {
    await mirror();
    const old = inMirror(files).map((name) => [name, files.content(name)] as const);
    origin.offer(offered(['u1', JAR], ['u2', NEXT]));
    await mirror();
    expect((await bring(files)).report.published).toEqual(['u2']);
    for (const [name, bytes] of old) if (bytes !== null) files.plantFile(name.replace(MIRROR, '/old'), bytes);
    expect((await bring(files, { path: '/old' })).report.error?.code).toBe('TUF-ROLLBACK');
  });

  it('import: expired metadata are refused, and accepted up to --max-age, which is logged', async () => {
    await mirror();
    const clock = { ...SIGNED_CLOCK, now: () => SIGNED_CLOCK.now() + 45 * DAY_MS };
    expect((await bring(files, { clock })).report.error?.code).toBe('TUF-EXPIRED');
    const { report, host } = await bring(files, { clock, maxAgeMs: 30 * DAY_MS });
    expect(report).toMatchObject({ error: null, published: ['u1'] });
    expect(host.events).toContainEqual(
      expect.objectContaining({ name: 'import-expired', role: 'timestamp', by: 'root', limit: 30 * DAY_MS }),
    );
  });

  it('import: reads a tar archive, and nothing outside of its two folders', async () => {
    await mirror();
    const x = Buffer.from('x');
    const strange = [['repository/targets/../../escaped', x] as const, ['/etc/other', x] as const];
    files.plantFile('/media/updates.tar', await tarOf([...entriesBelow('repository/'), ...strange]));
    const { report } = await bring(files, { path: '/media/updates.tar' });
    expect(report).toMatchObject({ error: null, published: ['u1'] });
    expect(files.names().filter((name) => /escaped|other|state\/import/.test(name))).toEqual([]);
  });

  it.each(['feed', 'targets', 'metadata', './updates'])(
    'import: reads a tar archive whose files are all in the folder %s',
    async (top) => {
      origin.repository.addTarget('targets', 'bundle.json', Buffer.from('{}'));
      origin.repository.publishAll();
      await mirror();
      files.plantFile('/media/updates.tar', await tarOf(entriesBelow(`${top}/`)));
      const { report } = await bring(files, { path: '/media/updates.tar' });
      expect(report).toMatchObject({ error: null, published: ['u1'] });
    },
  );

  it('import: a target in a folder with a name of the repository is that target', async () => {
    for (const name of ['metadata/timestamp.json', 'targets/x', 'feed/feed.json', 'bundle.json'])
      origin.repository.addTarget('targets', name, Buffer.from('{}'));
    origin.repository.publishAll();
    await mirror();
    files.plantFile('/media/updates.tar', await tarOf(entriesBelow()));
    expect((await bring(files, { path: '/media/updates.tar' })).report).toMatchObject({ published: ['u1'] });
  });

  it('import: refuses an archive with two repositories', async () => {
    await mirror();
    files.plantFile('/media/updates.tar', await tarOf([...entriesBelow('a/'), ...entriesBelow('b/')]));
    await expect(bring(files, { path: '/media/updates.tar' })).rejects.toMatchObject({
      code: 'IMPORT-ARCHIVE',
      safeText: expect.stringContaining('it has more than one repository') as string,
    });
  });

  it('import: an archive takes no space, whatever its headers say', async () => {
    await mirror();
    const junk = Array.from(
      { length: 40 },
      (_none, index) => [`targets/${index}.junk`, Buffer.alloc(100_000)] as const,
    );
    const archive = await tarOf([...entriesBelow(), ...junk]);
    files.plantFile('/media/updates.tar', archive);
    files.arm({ fullAfterBytes: sizeOf(files) + 2 * JAR.length + 200_000 });
    expect((await bring(files, { path: '/media/updates.tar' })).report).toMatchObject({
      error: null,
      published: ['u1'],
    });

    const opened = (limits: { bytes: number; entries: number }) =>
      ArchiveFiles.open(files, '/media/updates.tar', { signal: NEVER, limits });
    const size = archive.length;
    await expect(opened({ bytes: size - 1, entries: 1_000 })).rejects.toMatchObject({ code: 'IMPORT-ARCHIVE' });
    await expect(opened({ bytes: size, entries: 40 })).rejects.toMatchObject({ code: 'IMPORT-ARCHIVE' });
    await (await opened({ bytes: size, entries: 1_000 })).close();
  });

  it.each(['folder', 'archive'])('import: metadata above its limit in a %s is TUF-LIMIT', async (kind) => {
    await mirror();
    files.plantFile(`${MIRROR}/metadata/timestamp.json`, Buffer.alloc(16_385, ' '));
    files.plantFile('/media/updates.tar', await tarOf(entriesBelow()));
    const { report } = await bring(files, { path: kind === 'folder' ? MIRROR : '/media/updates.tar' });
    expect(report.error).toMatchObject({ code: 'TUF-LIMIT', facts: { file: 'timestamp.json', limit: 16_384 } });
  });

  it('import: a folder without metadata, and a feed that is not signed, are refused by name', async () => {
    await expect(bring(files, { path: '/media/none' })).rejects.toMatchObject({ code: 'IMPORT-ARCHIVE' });
    await mirror();
    const settings = testSettings('/host', { updates: { feed_url: `${origin.url}/feed.json` } });
    const { ports } = await openRig({ files, dir: '/host', settings, clock: SIGNED_CLOCK });
    const request = { path: MIRROR, maxAgeMs: 0, by: 'root' };
    await expect(importUpdates(ports, request, NEVER)).rejects.toMatchObject({ code: 'IMPORT-UNSIGNED' });
  });

  it('import: a crash at any write publishes nothing wrong, and the next import finishes', {
    timeout: 180_000,
  }, async () => {
    await mirror();
    const before = files.afterCrash('killed');
    const act = async (disk: CrashingFiles) => void (await bring(disk));
    const places = await crashPlaces(before.afterCrash('killed'), act);
    for (const [index, { n, when }] of places.entries()) {
      const disk = before.afterCrash('killed');
      disk.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
      await act(disk).catch(() => undefined);
      const survived = disk.afterCrash(CRASH_MODES[index % CRASH_MODES.length] ?? 'torn', n);
      const found = jarOf(survived, 'u1');
      if (found !== null) expect(found, `${when} ${n}`).toEqual(JAR);
      expect((await bring(survived)).report.error, `${when} ${n}`).toBeNull();
      expect(jarOf(survived, 'u1'), `${when} ${n}`).toEqual(JAR);
    }
    expect(places.length).toBeGreaterThan(20);
  });
});
