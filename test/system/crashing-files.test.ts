import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { type Files, writeAll } from '#system/files.ts';
import { CrashError, CrashingFiles, type CrashMode, crashPoints } from '#test/support/crashing-files.ts';
import { codeOf, filesContract } from './files-contract.ts';

const DIR = '/var/lib/sallyport';

function machine(): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFolder(DIR);
  return files;
}

async function write(files: Files, name: string, text: string, sync: boolean): Promise<void> {
  const file = await files.create(join(DIR, name), 0o600);
  writeAll(file, Buffer.from(text), 0);
  if (sync) await file.sync();
  await file.close();
}

function left(files: CrashingFiles, mode: CrashMode, seed = 1): Record<string, string> {
  const after = files.afterCrash(mode, seed);
  return Object.fromEntries(after.names().map((path) => [path.slice(DIR.length + 1), String(after.content(path))]));
}

describe('crashing files', () => {
  filesContract(() => {
    const files = machine();
    return {
      files,
      dir: DIR,
      symlink: (path, target) => files.plantSymlink(path, target),
      fifo: (path) => files.plantFifo(path),
      link: (path, existing) => files.plantLink(path, existing),
      asStranger: strangerOn(files),
      dispose: () => undefined,
    };
  });
});

/** A stranger sees our file as that of another user; here the file changes its owner instead. */
function strangerOn(files: CrashingFiles): Files {
  return new Proxy(files, {
    get(target, key) {
      if (key !== 'openToWrite') return Reflect.get(target, key) as unknown;
      return (path: string) => {
        files.plantFile(path, files.content(path) ?? '', { owner: 4_711 });
        return files.openToWrite(path);
      };
    },
  });
}

describe('a crash', () => {
  it('crashing files: a crash before an operation prevents it, one after it does not', async () => {
    for (const [faults, expected] of [
      [{ crashBefore: 1 }, {}],
      [{ crashAfter: 1 }, { a: '' }],
      [{ crashBefore: 2 }, { a: '' }],
      [{ crashAfter: 2 }, { a: 'hello' }],
    ] as const) {
      const files = machine();
      files.arm(faults);

      await expect(write(files, 'a', 'hello', true)).rejects.toThrow(CrashError);
      await expect(files.facts(DIR)).rejects.toThrow(CrashError);
      expect(files.crashed).toBe(true);
      expect(left(files, 'killed')).toEqual(expected);
    }
  });

  it('crashing files: crash points are the operations that change the disk', async () => {
    const files = machine();
    await write(files, 'a', 'hello', true);
    await files.facts(join(DIR, 'a'));
    await files.rename(join(DIR, 'a'), join(DIR, 'b'));

    expect(files.trace.map(({ n, operation }) => `${n} ${operation}`)).toEqual([
      '1 create',
      '2 write',
      '3 sync',
      '4 close',
      '5 examine',
      '6 rename',
    ]);
    expect(files.trace[5]?.path).toBe(join(DIR, 'a'));
    expect(crashPoints(files.trace)).toEqual([1, 2, 3, 6]);
  });

  it('crashing files: a crash of the process keeps all finished operations', async () => {
    const files = machine();
    await write(files, 'a', 'hello', false);

    expect(left(files, 'killed')).toEqual({ a: 'hello' });
  });

  it('crashing files: a power cut loses names and bytes that were not synced', async () => {
    const unnamed = machine();
    await write(unnamed, 'a', 'hello', true);
    expect(left(unnamed, 'power-lost')).toEqual({});

    const named = machine();
    await write(named, 'a', 'hello', false);
    await named.syncDirectory(DIR);
    expect(left(named, 'power-lost')).toEqual({ a: '' });

    const both = machine();
    await write(both, 'a', 'hello', true);
    await both.syncDirectory(DIR);
    const file = await both.openToWrite(join(DIR, 'a'));
    file.write(Buffer.from('J'), 0);
    expect(left(both, 'power-lost')).toEqual({ a: 'hello' });
  });

  it('crashing files: a power cut undoes removals and renames that were not synced', async () => {
    const files = machine();
    files.plantFile(join(DIR, 'a'), 'one');
    files.plantFile(join(DIR, 'b'), 'two');
    await files.remove(join(DIR, 'a'));
    await files.rename(join(DIR, 'b'), join(DIR, 'c'));

    expect(left(files, 'power-lost')).toEqual({ a: 'one', b: 'two' });
  });

  it('crashing files: a crash between the two syncs of a rename leaves one name', async () => {
    const moved = () => {
      const files = machine();
      files.plantFile(join(DIR, 'from/a'), 'one');
      files.plantFolder(join(DIR, 'to'));
      return files;
    };
    const source = moved();
    await source.rename(join(DIR, 'from/a'), join(DIR, 'to/a'));
    await source.syncDirectory(join(DIR, 'from'));
    expect(left(source, 'power-lost')).toEqual({ 'from/a': 'one' });

    const target = moved();
    await target.rename(join(DIR, 'from/a'), join(DIR, 'to/a'));
    await target.syncDirectory(join(DIR, 'to'));
    expect(left(target, 'power-lost')).toEqual({ 'to/a': 'one' });
  });

  it('crashing files: a power cut keeps a folder and its synced content', async () => {
    const files = machine();
    await files.makeDirectory(join(DIR, 'new'), 0o700);
    await write(files, 'new/a', 'one', true);
    await files.syncDirectory(join(DIR, 'new'));

    expect(left(files, 'power-lost')).toEqual({ 'new/a': 'one' });
  });

  it('crashing files: a torn write loses bytes, cuts them or has zeros, but keeps names', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 200; seed += 1) {
      const files = machine();
      const file = await files.create(join(DIR, 'a'), 0o600);
      writeAll(file, Buffer.from('sync'), 0);
      await file.sync();
      writeAll(file, Buffer.from('ABC'), 4);
      seen.add(String(left(files, 'torn', seed)['a']));
    }

    expect([...seen].sort()).toEqual(
      ['sync', 'syncA', 'syncAB', 'syncABC', 'sync\0\0\0', 'syncA\0\0', 'syncAB\0'].sort(),
    );
  });

  it('crashing files: a second crash works on what survived, and links stay links', async () => {
    const files = machine();
    files.plantFile(join(DIR, 'a'), 'one');
    files.plantLink(join(DIR, 'b'), join(DIR, 'a'));
    files.plantSymlink(join(DIR, 'link'), '/etc/passwd');
    const again = files.afterCrash('torn').afterCrash('power-lost').afterCrash('killed');

    expect(again.names()).toEqual(['a', 'b', 'link'].map((name) => join(DIR, name)));
    expect((await again.facts(join(DIR, 'a')))?.links).toBe(2);
    expect(again.crashed).toBe(false);
  });
});

describe('a disk in trouble', () => {
  it('crashing files: operation n fails once, without an effect', async () => {
    const files = machine();
    const error = coded('FILE-FAILED', { operation: 'sync', path: DIR, reason: 'EIO' });
    files.arm({ failAt: { n: 3, error } });

    await expect(write(files, 'a', 'hello', true)).rejects.toBe(error);
    await files.syncDirectory(DIR);
    expect(left(files, 'power-lost')).toEqual({ a: '' });
  });

  it('crashing files: writeAll repeats short writes until everything is written', async () => {
    const files = machine();
    files.arm({ shortWrites: 7 });
    await write(files, 'a', 'a longer text than one short write takes', false);

    expect(String(files.content(join(DIR, 'a')))).toBe('a longer text than one short write takes');
    expect(files.trace.filter(({ operation }) => operation === 'write').length).toBeGreaterThan(1);
  });

  it('crashing files: a full disk has free space after a removal', async () => {
    const files = machine();
    files.arm({ fullAfterBytes: 8 });
    await write(files, 'a', 'hello', false);

    expect(await codeOf(() => write(files, 'b', 'world', false))).toBe('DISK-FULL');
    expect(String(files.content(join(DIR, 'b')))).toBe('wor');
    await files.remove(join(DIR, 'a'));
    await write(files, 'c', 'there', false);
  });

  it('crashing files: freeSpace is what is left, or a given number', async () => {
    const files = machine();
    files.arm({ fullAfterBytes: 8 });
    await write(files, 'a', 'hello', false);
    expect(await files.freeSpace(DIR)).toBe(3);
    files.arm({ fullAfterBytes: 8, freeBytes: 1_000_000 });
    expect(await files.freeSpace(DIR)).toBe(1_000_000);
  });
});
