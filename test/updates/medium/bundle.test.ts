// Bundles: updates that one host exports and another one publishes, from a signed and from an unsigned feed.

import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BundleTarget, writeBundle } from '#cli/updates/bundle-file.ts';
import type { BundleContent } from '#control/updates/medium.ts';
import { toBundleContent } from '#daemon/updates/medium-handlers.ts';
import { coded } from '#errors/coded-error.ts';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { crashPlaces } from '#test/support/every-crash.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { planExport } from '#updates/medium/export.ts';
import { importUpdates } from '#updates/medium/import.ts';
import { manifestBytes } from '#updates/medium/manifest.ts';

const ROOT = '/etc/root.json';
const BUNDLE = '/media/bundle.tar';
const DAY_MS = 86_400_000;
const NEVER = new AbortController().signal;
const JAR = makeJar('u1', 4_000);
const NEXT = makeJar('u2', 5_000);
const OTHER = makeJar('u3', 6_000);

/** Hosts that share a disk, so that a bundle can be carried. */
class Hosts {
  readonly disk: CrashingFiles;
  readonly #updates: Record<string, unknown>;

  constructor(disk: CrashingFiles, updates: Record<string, unknown>) {
    this.disk = disk;
    this.#updates = updates;
  }

  on(disk: CrashingFiles): Hosts {
    return new Hosts(disk, this.#updates);
  }

  async rig(dir: string, clock = SIGNED_CLOCK, updates: Record<string, unknown> = {}): Promise<Rig> {
    const settings = testSettings(dir, { updates: { ...this.#updates, ...updates } });
    return await openRig({ files: this.disk, dir, settings, clock });
  }

  async plan(...ids: string[]): Promise<BundleContent> {
    return toBundleContent(await planExport((await this.rig('/vendor')).ports, ids, NEVER));
  }

  async export(...ids: string[]): Promise<Buffer> {
    await this.disk.makeDirectory('/media', 0o755);
    await writeBundle(this.disk, await this.plan(...ids), target());
    return this.bundle;
  }

  async import({ clock = SIGNED_CLOCK, maxAgeMs = 0, path = BUNDLE, updates = {} } = {}) {
    const host = await this.rig('/host', clock, updates);
    return { host, report: await importUpdates(host.ports, { path, maxAgeMs, by: 'root' }, NEVER) };
  }

  get bundle(): Buffer {
    return Buffer.from(this.disk.content(BUNDLE) ?? '');
  }

  jar(id: string): Uint8Array | null {
    return this.disk.content(`/host/packages/${id}.jar`);
  }
}

function target(over: Partial<BundleTarget> = {}): BundleTarget {
  return { path: BUNDLE, force: true, signal: NEVER, progress: () => undefined, ...over };
}

async function entriesOf(bundle: Buffer): Promise<Map<string, Buffer>> {
  const { extract } = await import('tar-stream');
  const tar = extract();
  tar.end(bundle);
  const found = new Map<string, Buffer>();
  for await (const entry of tar)
    found.set(entry.header.name, Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)));
  return found;
}

async function packed(entries: Iterable<readonly [string, Uint8Array]>): Promise<Buffer> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  for (const [name, bytes] of entries) tar.entry({ name }, Buffer.from(bytes));
  tar.finalize();
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>));
}

/** The same length with one other bit, at the first place of these bytes. */
function flipped(bundle: Buffer, content: Uint8Array, at: number): Buffer {
  const place = bundle.indexOf(content);
  expect(place).toBeGreaterThanOrEqual(0);
  const bad = Buffer.from(bundle);
  bad[place + at] = (bad[place + at] ?? 0) ^ 1;
  return bad;
}

describe('bundle of a signed feed', () => {
  let origin: SignedOrigin;
  let hosts: Hosts;
  const offer = (...jars: [string, Buffer, Record<string, unknown>?][]) =>
    origin.offer(jars.map(([id, bytes, fields]) => ({ item: itemFor(id, bytes, { package: id, ...fields }), bytes })));

  beforeEach(async () => {
    origin = await SignedOrigin.start();
    offer(['u1', JAR], ['u2', NEXT], ['u3', OTHER]);
    const disk = new CrashingFiles();
    disk.plantFile(ROOT, origin.repository.initialRoot);
    hosts = new Hosts(disk, origin.settings(ROOT));
    await (await hosts.rig('/vendor')).round();
  });
  afterEach(() => origin.close());

  it('bundle: its updates are published as signed without a request; the others are absent', async () => {
    await hosts.export('u1', 'u2');
    origin.asked.length = 0;
    const { report, host } = await hosts.import();
    expect(report).toMatchObject({ error: null, published: ['u1', 'u2'], failed: [], refused: [] });
    expect([hosts.jar('u1'), hosts.jar('u2'), hosts.jar('u3')]).toEqual([JAR, NEXT, null]);
    expect((await host.ports.store.find('u1'))?.sidecar.trust).toBe('signed');
    expect(origin.asked).toEqual([]);
    expect(host.events).toContainEqual({ name: 'not-on-medium', count: 1, ids: 'u3' });
    expect(host.events).toContainEqual(expect.objectContaining({ name: 'progress', id: 'u1', length: JAR.length }));
    // A second import of the same bundle changes nothing.
    expect((await hosts.import()).report).toMatchObject({ error: null, published: [], failed: [] });
  });

  it('bundle: the same updates in any order give the same bytes, sorted, with fixed headers', async () => {
    const first = await hosts.export('u2', 'u1');
    expect((await hosts.export('u1', 'u2', 'u1')).equals(first)).toBe(true);
    const names = [...(await entriesOf(first)).keys()];
    expect(names[0]).toBe('bundle.json');
    const jars = names.filter((name) => name.endsWith('.jar'));
    expect(jars).toHaveLength(2);
    expect(names.slice(1)).toEqual([...names.slice(1, -2).toSorted(), ...jars.toSorted()]);
  });

  it.each([
    ['unknown', 'no-such', 'the feed does not list it'],
    ['not published here', 'u4', 'it is not published on this host'],
    ['withdrawn', 'u3', 'the vendor has withdrawn it'],
  ])('bundle: an update that is %s is not exported', async (_, id, reason) => {
    offer(['u1', JAR], ['u3', OTHER, { withdrawn: true }], ['u4', NEXT]);
    await expect(hosts.plan('u1', id)).rejects.toMatchObject({ code: 'EXPORT-UPDATE', facts: { id, reason } });
  });

  it('bundle: a package that was changed on the exporting host is not written', async () => {
    hosts.disk.plantFile('/vendor/packages/u1.jar', Buffer.alloc(JAR.length, 'x'));
    await expect(hosts.export('u1')).rejects.toMatchObject({ code: 'EXPORT-UPDATE', facts: { id: 'u1' } });
    expect(hosts.disk.names().filter((name) => name.startsWith('/media'))).toEqual([]);
  });

  it('bundle: names the updates that its own require', async () => {
    offer(['u1', JAR], ['u2', NEXT, { requires: ['u1'] }], ['u3', OTHER]);
    expect((await hosts.plan('u2')).requires).toEqual(['u1']);
    expect((await hosts.plan('u1', 'u2')).requires).toEqual([]);
    await hosts.export('u2');
    const { report } = await hosts.import();
    expect(report).toMatchObject({ error: null, published: [], failed: [] });
  });

  it('bundle: many updates that are absent do not hide one that is there', async () => {
    const many = Array.from({ length: 60 }, (_, index) => [`a${String(index)}`, makeJar(`a${index}`, 100)] as const);
    offer(...many.map(([id, bytes]): [string, Buffer] => [id, bytes]), ['u1', JAR]);
    await hosts.export('u1');
    expect((await hosts.import()).report).toMatchObject({ error: null, published: ['u1'], left: 0 });
  });

  it('bundle: an older one than the last import is refused', async () => {
    const old = await hosts.export('u1');
    offer(['u1', JAR], ['u2', NEXT]);
    await hosts.export('u2');
    expect((await hosts.import()).report.published).toEqual(['u2']);
    hosts.disk.plantFile('/media/old.tar', old);
    expect((await hosts.import({ path: '/media/old.tar' })).report).toMatchObject({
      published: [],
      error: { code: 'TUF-ROLLBACK' },
    });
  });

  it('bundle: expired metadata is refused, and accepted up to --max-age', async () => {
    await hosts.export('u1');
    const clock = { ...SIGNED_CLOCK, now: () => SIGNED_CLOCK.now() + 45 * DAY_MS };
    expect((await hosts.import({ clock })).report.error?.code).toBe('TUF-EXPIRED');
    expect((await hosts.import({ clock, maxAgeMs: 30 * DAY_MS })).report.published).toEqual(['u1']);
  });

  it('bundle: one of another vendor is refused', async () => {
    await hosts.export('u1');
    const other = await SignedOrigin.start();
    hosts.disk.plantFile(ROOT, other.repository.initialRoot);
    await other.close();
    const { report } = await hosts.import();
    expect(report).toMatchObject({ published: [], error: { code: 'TUF-SIGNATURE' } });
    expect(hosts.jar('u1')).toBeNull();
  });

  it('bundle: a flipped bit in a package, in metadata or in a header publishes nothing', async () => {
    const good = await hosts.export('u1');
    const entries = await entriesOf(good);
    const timestamp = entries.get('metadata/timestamp.json') ?? Buffer.alloc(1);
    const cases = [
      [flipped(good, JAR, 1_000), 'TUF-MISMATCH'],
      [flipped(good, timestamp, 40), /TUF-/],
      [flipped(good, Buffer.from('bundle.json'), 3), 'IMPORT-ARCHIVE'],
      [good.subarray(0, good.length - 6_000), 'IMPORT-ARCHIVE'],
      [Buffer.alloc(0), 'IMPORT-ARCHIVE'],
    ] as const;
    for (const [bytes, code] of cases) {
      hosts.disk.plantFile(BUNDLE, bytes);
      const found = await hosts.import().then(
        ({ report }) => report.error?.code ?? report.failed[0]?.error.code,
        (thrown: { code: string }) => thrown.code,
      );
      expect(found).toMatch(code);
      expect(hosts.jar('u1')).toBeNull();
    }
    hosts.disk.plantFile(BUNDLE, good);
    expect((await hosts.import()).report.published).toEqual(['u1']);
  });

  it('bundle: hostile entries are not found, and nothing is written outside of the packages', async () => {
    const entries = await entriesOf(await hosts.export('u1'));
    const { pack } = await import('tar-stream');
    const tar = pack();
    tar.entry({ name: '../bundle.json' }, '{"format":1,"feed":{"kind":"signed"},"ids":[]}');
    tar.entry({ name: 'metadata/../../etc/passwd' }, 'x');
    tar.entry({ name: 'feed/link', type: 'symlink', linkname: '/etc/passwd' });
    tar.entry({ name: 'targets/hard', type: 'link', linkname: ROOT });
    for (const [name, bytes] of entries) tar.entry({ name: `carried/${name}` }, bytes);
    tar.finalize();
    hosts.disk.plantFile(BUNDLE, Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>)));
    const before = new Set(hosts.disk.names());
    expect((await hosts.import()).report).toMatchObject({ error: null, published: ['u1'] });
    const written = hosts.disk.names().filter((name) => !before.has(name));
    expect(written.filter((name) => !name.startsWith('/host/'))).toEqual([]);
  });

  it.each([
    ['not JSON', 'x', /is not JSON/],
    ['too large', ' '.repeat(1_048_577), /more than 1048576 bytes/],
    ['newer', '{"format":2}', /needs a newer Sallyport/],
    ['without a feed', '{"format":1,"ids":[]}', /invalid field feed/],
    ['with a hostile id', '{"format":1,"feed":{"kind":"signed"},"ids":["../x"]}', /invalid field ids\.0/],
  ])('bundle: a manifest that is %s is refused', async (_, text, reason) => {
    hosts.disk.plantFile(BUNDLE, await packed([['bundle.json', Buffer.from(text)]]));
    await expect(hosts.import()).rejects.toMatchObject({
      code: 'IMPORT-ARCHIVE',
      facts: { reason: expect.stringMatching(reason) },
    });
  });

  it('bundle: a feed that only the importing host uses is named as missing', async () => {
    origin.repository.delegate('targets', { name: 'team', paths: ['team/*'] });
    origin.repository.addTarget('team', 'team/feed.json', feedOf([]));
    origin.repository.publishAll();
    await hosts.export('u1');
    const updates = origin.settings(ROOT, { feed_target: ['feed.json', 'team/feed.json'] });
    const { report } = await hosts.import({ updates });
    expect(report.error).toMatchObject({ code: 'IMPORT-INCOMPLETE', facts: { path: BUNDLE } });
  });

  it('bundle: a bare package is refused, and so is a signed bundle for an unsigned feed', async () => {
    hosts.disk.plantFile('/media/u1.jar', JAR);
    await expect(hosts.import({ path: '/media/u1.jar' })).rejects.toMatchObject({ code: 'IMPORT-BARE' });
    await hosts.export('u1');
    const updates = { trust: 'tls', tuf: undefined, feed_url: 'http://127.0.0.1:1/feed.json' };
    await expect(hosts.import({ updates })).rejects.toMatchObject({ code: 'IMPORT-UNSIGNED' });
  });

  it('bundle: a full disk leaves no part of it, and an abort neither', async () => {
    const content = await hosts.plan('u1', 'u2');
    await hosts.disk.makeDirectory('/media', 0o755);
    const used = hosts.disk.names().reduce((sum, name) => sum + (hosts.disk.content(name)?.length ?? 0), 0);
    hosts.disk.arm({ fullAfterBytes: used + JAR.length });
    await expect(writeBundle(hosts.disk, content, target())).rejects.toMatchObject({ code: 'DISK-FULL' });
    hosts.disk.arm({});
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(writeBundle(hosts.disk, content, target({ signal }))).rejects.toThrow('stopped');
    expect(hosts.disk.names().filter((name) => name.startsWith('/media'))).toEqual([]);
  });

  it('bundle: a file system without modes, and an invisible path, are named', async () => {
    const content = await hosts.plan('u1');
    await hosts.disk.makeDirectory('/media', 0o755);
    const cause = coded('FILE-FAILED', { operation: 'create', path: BUNDLE, reason: 'EPERM', errno: 'EPERM' });
    vi.spyOn(hosts.disk, 'create').mockRejectedValueOnce(cause);
    await expect(writeBundle(hosts.disk, content, target())).rejects.toMatchObject({ code: 'FETCH-TARGET', cause });
    await expect(hosts.import()).rejects.toMatchObject({
      code: 'IMPORT-ARCHIVE',
      facts: { reason: expect.stringContaining('cannot see') },
    });
  });

  it('bundle: a crash of an export leaves the old file or the whole new one', async () => {
    const old = await hosts.export('u1');
    const content = await hosts.plan('u1', 'u2');
    const before = hosts.disk.afterCrash('killed');
    const act = async (disk: CrashingFiles) => void (await writeBundle(disk, content, target()));
    const done = before.afterCrash('killed');
    await act(done);
    const digest = (disk: CrashingFiles) =>
      createHash('sha256')
        .update(disk.content(BUNDLE) ?? '')
        .digest('hex');
    const whole = [createHash('sha256').update(old).digest('hex'), digest(done)];
    const places = await crashPlaces(before.afterCrash('killed'), act);
    for (const { n, when } of places) {
      for (const mode of CRASH_MODES) {
        const disk = before.afterCrash('killed');
        disk.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
        await act(disk).catch(() => undefined);
        const survived = disk.afterCrash(mode, n);
        expect(whole, `${when} ${n} ${mode}`).toContain(digest(survived));
        await act(survived);
        expect(digest(survived)).toBe(whole[1]);
      }
    }
    expect(places.length).toBeGreaterThan(5);
  });

  it('bundle: a crash of an import publishes nothing wrong, and the next import finishes', {
    timeout: 60_000,
  }, async () => {
    await hosts.export('u1');
    const before = hosts.disk.afterCrash('killed');
    const act = async (disk: CrashingFiles) => void (await hosts.on(disk).import());
    const places = await crashPlaces(before.afterCrash('killed'), act);
    // Every third place: `medium.test.ts` tries all of them with the same steps.
    for (const [index, { n, when }] of places.entries()) {
      if (index % 3 !== 0) continue;
      const disk = before.afterCrash('killed');
      disk.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
      await act(disk).catch(() => undefined);
      const survived = hosts.on(disk.afterCrash(CRASH_MODES[index % CRASH_MODES.length] ?? 'torn', n));
      if (survived.jar('u1') !== null) expect(survived.jar('u1'), `${when} ${n}`).toEqual(JAR);
      expect((await survived.import()).report.error, `${when} ${n}`).toBeNull();
      expect(survived.jar('u1'), `${when} ${n}`).toEqual(JAR);
    }
  });
});

describe('bundle of an unsigned feed', () => {
  let origin: ScriptedOrigin;
  let hosts: Hosts;
  const serve = (fields: Record<string, unknown> = {}) =>
    origin.serve(
      '/feed.json?token=secret',
      feedOf([itemFor('u1', JAR, { package: 'u1' }), itemFor('u2', NEXT, { package: 'u2' })], {
        expires: new Date(SIGNED_CLOCK.now() + 30 * DAY_MS).toISOString(),
        ...fields,
      }),
      'application/json',
    );

  beforeEach(async () => {
    origin = await startScriptedOrigin();
    serve({ serial: 5 });
    origin.serve('/u1.jar', JAR);
    origin.serve('/u2.jar', NEXT);
    const feed_url = `${origin.url}/feed.json?token=secret`;
    hosts = new Hosts(new CrashingFiles(), { feed_url, acknowledge_url: `${origin.url}/acknowledge` });
    await (await hosts.rig('/vendor')).round();
  });
  afterEach(() => origin.close());

  it('bundle: packages are published with trust medium, and the feed URL keeps its secret', async () => {
    const bundle = await hosts.export('u1');
    expect(bundle.includes('secret')).toBe(false);
    await origin.close();
    const { report, host } = await hosts.import();
    expect(report).toMatchObject({ error: null, published: ['u1'], failed: [] });
    expect(hosts.jar('u1')).toEqual(JAR);
    expect((await host.ports.store.find('u1'))?.sidecar.trust).toBe('medium');
    expect(host.events).toContainEqual({ name: 'not-on-medium', count: 1, ids: 'u2' });
    expect(host.ports.spool.list()).toHaveLength(1);
  });

  it('bundle: a lower serial, another feed with the same serial, and an expired feed are refused', async () => {
    const old = await hosts.export('u1');
    serve({ serial: 6 });
    await hosts.export('u2');
    expect((await hosts.import()).report.published).toEqual(['u2']);
    hosts.disk.plantFile(BUNDLE, old);
    expect((await hosts.import()).report.error?.code).toBe('FEED-ROLLBACK');
    const clock = { ...SIGNED_CLOCK, now: () => SIGNED_CLOCK.now() + 31 * DAY_MS };
    expect((await hosts.import({ clock })).report.error?.code).toBe('FEED-STALE');
    serve({ serial: 7 });
    await hosts.export('u1');
    const { report, host } = await hosts.import({ clock, maxAgeMs: 2 * DAY_MS });
    expect(report.published).toEqual(['u1']);
    expect(host.events).toContainEqual(
      expect.objectContaining({ name: 'import-feed-expired', serial: 7, by: 'root', limit: 2 * DAY_MS }),
    );
  });

  it('bundle: an export refuses a feed that a check would refuse', async () => {
    serve({ serial: 4 });
    await expect(hosts.plan('u1')).rejects.toMatchObject({ code: 'FEED-ROLLBACK' });
  });

  it('bundle: a flipped bit in the feed or a package, and a missing file, publish nothing', async () => {
    const good = await hosts.export('u1');
    const entries = await entriesOf(good);
    const feed = entries.get('feed/feed.json') ?? Buffer.alloc(1);
    const without = (name: string) => packed([...entries].filter(([one]) => one !== name));
    const cases = [
      [flipped(good, feed, 30), /feed\/feed\.json is damaged/],
      [flipped(good, JAR, 2_000), /feed\/u1\.jar is damaged/],
      [await without('feed/feed.json'), /feed\/feed\.json is missing/],
      [await without('feed/u1.jar'), /feed\/u1\.jar is missing/],
    ] as const;
    for (const [bytes, reason] of cases) {
      hosts.disk.plantFile(BUNDLE, bytes);
      const { report } = await hosts.import();
      const error = report.error ?? report.failed[0]?.error;
      expect(error).toMatchObject({ code: 'IMPORT-ARCHIVE', facts: { reason: expect.stringMatching(reason) } });
      expect(hosts.jar('u1')).toBeNull();
    }
  });

  it('bundle: one of another feed is refused, and so is one for a host with a signed feed', async () => {
    await hosts.export('u1');
    const other = { feed_url: `${origin.url}/other.json` };
    await expect(hosts.import({ updates: other })).rejects.toMatchObject({ code: 'IMPORT-OTHER-FEED' });
    const signed = { trust: 'tuf', tuf: { metadata_url: `${origin.url}/metadata/`, root_file: ROOT } };
    await expect(hosts.import({ updates: signed })).rejects.toMatchObject({ code: 'IMPORT-OTHER-FEED' });
    const host = await hosts.rig('/host');
    await host.ports.store.prepare();
    await host.ports.trust.accepted({});
    await expect(hosts.import()).rejects.toMatchObject({ code: 'TRUST-DOWNGRADE' });
  });

  it('bundle: a manifest lists ids in one order', () => {
    const feed = { kind: 'signed' } as const;
    expect(manifestBytes({ feed, ids: ['b', 'a'] })).toEqual(manifestBytes({ feed, ids: ['a', 'b'] }));
  });
});
