// IDs from outside against everything that builds a file name from one: no path ever leaves its folder.

import { dirname } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { writeDurably } from '#system/durable.ts';
import { validateId } from '#system/id.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { hostileText } from '#test/support/hostile.ts';
import { makeJar, sha256 } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { closeJournal, listJournals, listStrays, readJournal, stagedPath, writeJournal } from '#transfer/journal.ts';
import { parseFeed } from '#updates/feed/feed-document.ts';
import { readNote } from '#updates/package/journal-note.ts';
import { deliverReceipts } from '#updates/receipts/acknowledge.ts';
import { recover } from '#updates/recover.ts';

const DIR = '/data';
const NEVER = new AbortController().signal;
const PATHS = [
  '..',
  '.',
  '../x',
  '../../etc/passwd',
  '/etc/passwd',
  'a/../../x',
  'a\\..\\x',
  'a\0',
  '.staging/x',
  'a/b',
];
const outside = fc.oneof(fc.constantFrom(...PATHS), hostileText, fc.string({ maxLength: 80 }));

let files: CrashingFiles;
let rig: Rig;
beforeEach(async () => {
  files = new CrashingFiles();
  rig = await openRig({ files, dir: DIR, clock: new FakeClock(), settings: testSettings(DIR) });
  await rig.ports.store.prepare();
});

describe('outside names: the package store', () => {
  it('builds no path outside its folder, whatever the id', async () => {
    const { store } = rig.ports;
    await fc.assert(
      fc.asyncProperty(outside, async (id) => {
        const good = validateId(id) === null;
        for (const make of [() => store.jarPath(id), () => store.receiptPath(id)]) {
          if (good) expect(dirname(make())).toBe(store.dir);
          else expect(make).toThrow(expect.objectContaining({ code: 'ID-INVALID' }));
        }
        if (good) return;
        for (const act of [store.moveAside(id, 'damaged'), store.forget(id), store.remove(id)])
          await expect(act).rejects.toMatchObject({ code: 'ID-INVALID' });
        const published = await store.publish([{ id, path: '/x', file: { device: '1', inode: '1' } }]);
        expect(published).toEqual([expect.objectContaining({ code: 'ID-INVALID' })]);
        expect(await store.find(id)).toBeNull();
      }),
    );
  });

  it('lists no files whose names are invalid IDs', async () => {
    for (const name of ['a b.json', '.json', 'x.jar.json', 'x.receipt.json'])
      files.plantFile(`${rig.ports.store.dir}/${name}`, Buffer.from('{"format":2}'));
    expect(await rig.ports.store.list()).toEqual([]);
    expect(await rig.ports.store.listNewer()).toEqual([]);
  });
});

describe('outside names: the journal of a download', () => {
  const dir = `${DIR}/packages/.staging`;

  it('builds no path outside its folder', async () => {
    const rest = { url: 'https://x/', length: 1, sha256: 'a'.repeat(64), validator: null, note: null };
    await fc.assert(
      fc.asyncProperty(outside, async (name) => {
        if (validateId(name) === null) {
          expect(dirname(stagedPath(dir, name))).toBe(dir);
          return;
        }
        expect(() => stagedPath(dir, name)).toThrow(expect.objectContaining({ code: 'ID-INVALID' }));
        for (const act of [
          writeJournal(files, dir, { name, ...rest }),
          readJournal(files, dir, name),
          closeJournal(files, dir, name),
        ])
          await expect(act).rejects.toMatchObject({ code: 'ID-INVALID' });
      }),
    );
  });

  it('is a stray file if its name is an invalid ID', async () => {
    for (const name of ['.journal', 'x..y.journal', 'a b.journal', 'x.jar.journal'])
      files.plantFile(`${dir}/${name}`, Buffer.from('{}'));
    expect(await listJournals(files, dir)).toEqual([]);
    expect(await listStrays(files, dir)).toEqual(['.journal', 'a b.journal', 'x..y.journal', 'x.jar.journal']);
  });

  it.each([
    ['another ID', { id: 'u2' }],
    ['a path', { id: '../../tmp/u1' }],
    ['another length', { length: 501 }],
    ['another digest', { sha256: 'b'.repeat(64) }],
  ])('whose note is about %s publishes nothing', async (_what, over) => {
    const jar = makeJar('u1', 500);
    const promised = { length: jar.length, sha256: sha256(jar) };
    const item = { id: 'u1', package: 'p', sequence: 1, file: 'x.jar', ...promised, kind: 'content', ...over };
    const note = {
      item: { ...item, released: '2026-11-01T00:00:00Z', requires: [], withdrawn: false, rollout_percent: 100 },
      trust: 'tls',
      feed: 'https://x/',
      started_at: 0,
    };
    const journal = { name: 'u1', url: 'https://x/', ...promised, validator: null, note };
    await writeJournal(files, dir, journal);
    files.plantFile(`${DIR}/packages/u1.jar`, jar);

    expect(readNote({ format: 1, ...journal })).toBeNull();
    await recover(rig.ports, NEVER);

    expect(rig.events).toMatchObject([{ name: 'discarded', id: 'u1' }]);
    expect(files.names().filter((name) => name.endsWith('.json') && name.includes('packages'))).toEqual([]);
  });
});

describe('outside names: stored data', () => {
  it('with a receipt for a path is moved aside and written nowhere', async () => {
    const { spool } = rig.ports;
    const receipt = {
      id: '../../tmp/u1',
      sha256: 'a',
      length: 1,
      elapsed_ms: 1,
      outcome: 'published',
      agent: 'a',
      key: 'k',
    };
    await spool.accept({ key: 'k', body: receipt });
    await deliverReceipts(rig.ports, NEVER);

    expect(rig.codes()).toEqual(['STATE-DAMAGED']);
    expect(spool.size).toBe(0);
  });

  it('drops a memory entry under an invalid ID, and keeps the rest', async () => {
    const { memory } = rig.ports;
    memory.setId('u1', { sha256: 'a', fate: 'published' });
    await memory.save();
    const path = `${DIR}/state/updates.json`;
    const text = files.content(path)?.toString() ?? '';
    await writeDurably(
      files,
      path,
      Buffer.from(text.replace('{"u1"', '{"../u2":{"sha256":"b","fate":"published"},"u1"')),
      0o600,
    );

    await memory.load();
    expect(memory.publishedIds()).toEqual(['u1']);
  });

  it('rejects an item of a feed under an invalid ID', () => {
    fc.assert(
      fc.property(outside, (id) => {
        const feed = { format: 1, serial: 1, expires: '2030-01-01T00:00:00Z', items: [{ id }] };
        const { items, refused } = parseFeed(Buffer.from(JSON.stringify(feed)));
        expect(items).toEqual([]);
        if (validateId(id) !== null) expect(refused).toMatchObject([{ error: { code: 'ID-INVALID' } }]);
      }),
    );
  });
});
