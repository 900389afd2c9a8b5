import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import {
  createDurably,
  isRefusal,
  publishFile,
  readWhole,
  removeDurably,
  replaceDurably,
  UNFINISHED_SUFFIX,
  writeDurably,
  writeTogether,
} from '#system/durable.ts';
import { realFiles } from '#system/real-files.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { codeOf, failureOf } from './files-contract.ts';

const DIR = '/state';
const PATH = '/state/a.json';
const OLD = 'the old content';
const NEW = 'the new content, which is longer';

async function machine(): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  files.plantFile(PATH, OLD, { mode: 0o600 });
  return files;
}

const rewrite = (files: CrashingFiles) => writeDurably(files, PATH, Buffer.from(NEW), 0o640);

describe('a durable write', () => {
  it('durable: a crash during a write leaves the complete old or new content', async () => {
    const seen = new Set<string>();
    const trials = await everyCrash({
      prepare: machine,
      act: rewrite,
      check: async ({ files }) => {
        const text = String(files.content(PATH));
        seen.add(text);
        expect([OLD, NEW]).toContain(text);
      },
    });

    expect(seen).toEqual(new Set([OLD, NEW]));
    // Before the first of six operations and after each, with seven kinds of crash.
    expect(trials).toBe((1 + 6) * 7);
  });

  it('durable: a write succeeds after any crash of an earlier one', async () => {
    await everyCrash({
      prepare: machine,
      act: rewrite,
      check: async ({ files }) => {
        await rewrite(files);
        const after = files.afterCrash('power-lost');

        expect(String(after.content(PATH))).toBe(NEW);
        expect(after.names()).toEqual([PATH]);
        expect((await after.facts(PATH))?.mode).toBe(0o640);
      },
    });
  });

  it('durable: a finished write survives a power cut', async () => {
    const files = await machine();
    await rewrite(files);

    expect(String(files.afterCrash('power-lost').content(PATH))).toBe(NEW);
  });

  it('durable: a full disk keeps the old content and frees the unfinished file', async () => {
    const files = await machine();
    files.arm({ fullAfterBytes: OLD.length + 5 });

    expect(await codeOf(() => rewrite(files))).toBe('DISK-FULL');
    expect(files.names()).toEqual([PATH]);
    expect(String(files.content(PATH))).toBe(OLD);
  });

  it('durable: a write whose sync fails keeps the old content', async () => {
    const rehearsal = await machine();
    await rewrite(rehearsal);
    const n = rehearsal.trace.find(({ operation }) => operation === 'sync')?.n ?? 0;
    const files = await machine();
    files.arm({ failAt: { n, error: coded('FILE-FAILED', { operation: 'sync', path: PATH, reason: 'EIO' }) } });

    expect(await codeOf(() => rewrite(files))).toBe('FILE-FAILED');
    expect(String(files.afterCrash('killed').content(PATH))).toBe(OLD);
  });

  it('durable: short writes are repeated until everything is written', async () => {
    const files = await machine();
    files.arm({ shortWrites: 3 });
    await rewrite(files);

    expect(String(files.content(PATH))).toBe(NEW);
  });

  it('durable: a link in place of the unfinished file is not followed', async () => {
    const files = await machine();
    files.plantFile('/etc/passwd', 'root');
    files.plantSymlink(PATH + UNFINISHED_SUFFIX, '/etc/passwd');
    await rewrite(files);

    expect(String(files.content('/etc/passwd'))).toBe('root');
    expect(String(files.content(PATH))).toBe(NEW);
    expect((await files.facts(PATH))?.kind).toBe('file');
  });

  it('durable: a write works on the real disk', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-durable-'));
    try {
      const path = join(dir, 'a');
      writeFileSync(path + UNFINISHED_SUFFIX, 'left over');
      await writeDurably(realFiles, path, Buffer.from(NEW), 0o640);

      expect(readFileSync(path, 'utf8')).toBe(NEW);
      expect(statSync(path).mode & 0o777).toBe(0o640);
      expect(await realFiles.list(dir)).toEqual(['a']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('publishing', () => {
  const STAGED = '/packages/.staging/a.jar.unverified';
  const FINAL = '/packages/a.jar';

  it('durable: a published file has one of its two names at every moment', async () => {
    const prepare = async () => {
      const files = new CrashingFiles();
      files.plantFile(STAGED, NEW);
      return files;
    };
    await everyCrash({
      prepare,
      act: (files) => publishFile(files, STAGED, FINAL),
      check: async ({ files }) => {
        expect(files.names()).toHaveLength(1);
        expect([STAGED, FINAL]).toContain(files.names()[0]);
      },
    });
    const files = await prepare();
    await publishFile(files, STAGED, FINAL);

    expect(files.afterCrash('power-lost').names()).toEqual([FINAL]);
  });

  it('durable: publishing within one folder syncs it once', async () => {
    const files = new CrashingFiles();
    files.plantFile('/packages/a.jar.verified', NEW);
    await publishFile(files, '/packages/a.jar.verified', FINAL);

    expect(files.trace.map(({ operation }) => operation)).toEqual(['rename', 'syncDirectory']);
  });
});

describe('removing durably', () => {
  it('durable: a removed file does not come back after a power cut', async () => {
    const files = await machine();

    expect(await removeDurably(files, PATH)).toBe(true);
    expect(await removeDurably(files, PATH)).toBe(false);
    expect(files.afterCrash('power-lost').names()).toEqual([]);
  });
});

describe('reading a whole file', () => {
  it('durable: readWhole returns everything, however short each read is', async () => {
    const files = await machine();
    files.arm({ shortWrites: 5 });

    expect(Buffer.from(await readWhole(files, PATH, 100)).toString()).toBe(OLD);
    files.plantFile('/state/empty', '');
    expect(await readWhole(files, '/state/empty', 100)).toHaveLength(0);
  });

  it('durable: readWhole accepts a file at its limit and refuses one byte more', async () => {
    const files = await machine();

    expect(await readWhole(files, PATH, OLD.length)).toHaveLength(OLD.length);
    const failure = await failureOf(() => readWhole(files, PATH, OLD.length - 1));
    expect(failure.message).toContain(`it has ${OLD.length} bytes`);
  });

  it('durable: readWhole refuses a file that changes while it is read', async () => {
    const files = await machine();
    const growing = new Proxy(files, {
      get: (target, key) =>
        key === 'openToRead'
          ? async (path: string) => {
              const file = await target.openToRead(path);
              return { ...file, facts: () => ({ ...file.facts(), size: 3 }) };
            }
          : (Reflect.get(target, key) as unknown),
    });

    expect((await failureOf(() => readWhole(growing, PATH, 100))).message).toContain('it changed while it was read');
  });

  it('durable: readWhole fails for a missing name and for a folder', async () => {
    const files = await machine();
    files.plantSymlink('/state/link', PATH);

    expect((await failureOf(() => readWhole(files, `${DIR}/none`, 100))).facts['errno']).toBe('ENOENT');
    expect(await codeOf(() => readWhole(files, '/state/link', 100))).toBe('FILE-SYMLINK');
  });
});

describe('a file that other programs also write', () => {
  const TO = { owner: 1_000, group: 1_000, mode: 0o640 };
  const LATER = 1_900_000_000_000;
  const replace = (files: CrashingFiles, over: Partial<Parameters<typeof replaceDurably>[2]> = {}) =>
    replaceDurably(files, PATH, {
      bytes: Buffer.from(NEW),
      to: TO,
      lastCheck: async () => undefined,
      now: LATER,
      ...over,
    });

  it('durable: a crash during a replacement leaves the complete old or new content', async () => {
    await everyCrash({
      prepare: machine,
      act: (files) => replace(files),
      check: async ({ files }) => expect([OLD, NEW]).toContain(String(files.content(PATH))),
    });
  });

  it('durable: a replacement stops for another writer, but not for an old crash', async () => {
    const files = await machine();
    files.plantFile(PATH + UNFINISHED_SUFFIX, 'half');
    const { modifiedMs = 0 } = (await files.facts(PATH + UNFINISHED_SUFFIX)) ?? {};
    expect((await failureOf(() => replace(files, { now: modifiedMs + 59_000 }))).facts['errno']).toBe('EEXIST');
    expect(String(files.content(PATH + UNFINISHED_SUFFIX))).toBe('half');
    await replace(files, { now: modifiedMs + 61_000 });
    expect(String(files.content(PATH))).toBe(NEW);
    expect(files.names()).toEqual([PATH]);
  });

  it('durable: a replacement changes nothing if its last check fails', async () => {
    const files = await machine();
    const lastCheck = () => Promise.reject(coded('FILE-FAILED', { operation: 'look', path: PATH, reason: 'no' }));
    expect((await failureOf(() => replace(files, { lastCheck }))).facts['reason']).toBe('no');
    expect(String(files.content(PATH))).toBe(OLD);
    expect(files.names()).toEqual([PATH]);
  });
});

describe('a new file for another user', () => {
  it('durable: a new file has its owner at once and never replaces another file', async () => {
    const files = await machine();
    await createDurably(files, '/state/b', {
      bytes: Buffer.from(NEW),
      to: { owner: 1_000, group: 1_000, mode: 0o640 },
    });
    expect(await files.afterCrash('power-lost').facts('/state/b')).toMatchObject({ mode: 0o640, size: NEW.length });
    const again = await machine();
    const made = { bytes: Buffer.from(NEW), to: { owner: 1_000, group: 1_000, mode: 0o640 } };
    expect((await failureOf(() => createDurably(again, PATH, made))).facts['errno']).toBe('EEXIST');
    expect(String(again.content(PATH))).toBe(OLD);
  });

  it('durable: a new file is removed if its owner cannot be set', async () => {
    const files = await machine();
    const made = { bytes: Buffer.from(NEW), to: { owner: 0, group: 0, mode: 0o640 } };
    expect(isRefusal(await failureOf(() => createDurably(files, '/state/b', made)))).toBe(true);
    expect(files.names()).toEqual([PATH]);
  });
});

describe('durable writes together', () => {
  const contents = ['a', 'b', 'c'].map((name) => ({
    path: `${DIR}/${name}.json`,
    bytes: Buffer.from(`new ${name}`),
    mode: 0o600,
  }));
  const prepared = async () => {
    const files = new CrashingFiles();
    for (const { path } of contents) files.plantFile(path, 'old', { mode: 0o600 });
    return files;
  };

  it('durable: files that are written together share the sync of their folder', async () => {
    const files = await prepared();
    files.arm({});
    expect(await writeTogether(files, contents)).toEqual([null, null, null]);

    expect(files.trace.filter(({ operation }) => operation === 'syncDirectory')).toHaveLength(1);
    const after = files.afterCrash('power-lost');
    expect(contents.map(({ path }) => String(after.content(path)))).toEqual(['new a', 'new b', 'new c']);
  });

  it('durable: a crash while files are written together leaves each complete', async () => {
    await everyCrash({
      prepare: prepared,
      act: (files) => writeTogether(files, contents).then(() => undefined),
      check: async ({ files }) => {
        for (const { path, bytes } of contents) expect(['old', String(bytes)]).toContain(String(files.content(path)));
      },
    });
  });

  it('durable: a file that cannot be written together with others fails alone', async () => {
    const files = await prepared();
    files.plantFolder(`${DIR}/b.json${UNFINISHED_SUFFIX}`);
    const [first, second, third] = await writeTogether(files, contents);
    expect([first, third]).toEqual([null, null]);
    expect(second).toMatchObject({ code: 'FILE-FAILED' });
    expect(contents.map(({ path }) => String(files.content(path)))).toEqual(['new a', 'old', 'new c']);
  });

  it('durable: a folder that cannot be synced fails every file that was written in it', async () => {
    const files = await prepared();
    const isSync = () => files.trace.at(-1)?.operation === 'syncDirectory';
    files.arm({ failAt: { n: isSync, error: coded('DISK-FULL', { operation: 'sync', path: DIR, reason: 'full' }) } });
    const failures = await writeTogether(files, contents);
    expect(failures).toEqual(contents.map(() => expect.objectContaining({ code: 'DISK-FULL' })));
  });
});
