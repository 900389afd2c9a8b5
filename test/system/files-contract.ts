// The contract of every `Files`. It runs against the real disk and against the crashing files, so that results of
// tests on the latter also hold for the disk.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { type Files, type OpenFile, writeAll } from '#system/files.ts';

/** A file system under test, and another user who plants things in it. */
export interface FilesUnderTest {
  readonly files: Files;
  /** An empty folder of ours. */
  readonly dir: string;
  symlink(path: string, target: string): void;
  fifo(path: string): void;
  link(path: string, existing: string): void;
  /** The same disk for another user. */
  readonly asStranger: Files;
  dispose(): void;
}

/** The code of a failure; fails the test if there is none. */
export async function codeOf(act: () => unknown): Promise<string> {
  return (await failureOf(act)).code;
}

export async function failureOf(act: () => unknown): Promise<CodedError> {
  try {
    await act();
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown;
    throw thrown;
  }
  throw new Error('it did not fail');
}

export function filesContract(open: () => FilesUnderTest): void {
  let on: FilesUnderTest;
  let files: Files;
  const at = (name: string) => join(on.dir, name);

  beforeEach(() => {
    on = open();
    files = on.files;
  });
  afterEach(() => on.dispose());

  async function make(name: string, text: string, mode = 0o600): Promise<void> {
    const file = await files.create(at(name), mode);
    writeAll(file, Buffer.from(text), 0);
    await file.close();
  }

  async function textOf(name: string): Promise<string> {
    const file = await files.openToRead(at(name));
    const text = readAll(file);
    await file.close();
    return text;
  }

  describe('a new file', () => {
    it.each([0o600, 0o640, 0o644, 0o666])(
      'files: a new file has the requested mode regardless of the umask: %o',
      async (mode) => {
        const before = process.umask(0o077);
        try {
          await make('a', 'x', mode);
        } finally {
          process.umask(before);
        }

        expect((await files.facts(at('a')))?.mode).toBe(mode);
      },
    );

    it('files: a new file can be written and read, and has its facts', async () => {
      const file = await files.create(at('a'), 0o600);
      writeAll(file, Buffer.from('hello'), 0);
      await file.sync();

      expect(readAll(file)).toBe('hello');
      expect(file.path).toBe(at('a'));
      expect(file.facts()).toMatchObject({ kind: 'file', size: 5, mode: 0o600, links: 1 });
      expect(await files.facts(at('a'))).toEqual(file.facts());
      await file.close();
    });

    it('files: create never replaces an existing file', async () => {
      await make('a', 'old');

      expect((await failureOf(() => files.create(at('a'), 0o600))).facts).toMatchObject({
        operation: 'create',
        path: at('a'),
        errno: 'EEXIST',
        reason: 'EEXIST: file already exists',
      });
      expect(await textOf('a')).toBe('old');
    });

    it('files: create refuses a link, a FIFO and a folder', async () => {
      on.symlink(at('link'), at('elsewhere'));
      on.fifo(at('fifo'));
      await files.makeDirectory(at('folder'), 0o700);

      expect(await codeOf(() => files.create(at('link'), 0o600))).toBe('FILE-SYMLINK');
      expect(await codeOf(() => files.create(at('fifo'), 0o600))).toBe('FILE-SPECIAL');
      expect(await codeOf(() => files.create(at('folder'), 0o600))).toBe('FILE-SPECIAL');
      expect(await files.facts(at('elsewhere'))).toBeNull();
    });

    it('files: create needs an existing folder', async () => {
      expect((await failureOf(() => files.create(at('none/a'), 0o600))).facts['errno']).toBe('ENOENT');
    });
  });

  describe('opening', () => {
    it('files: openToWrite keeps the content and allows reading and writing', async () => {
      await make('a', 'hello');
      const file = await files.openToWrite(at('a'));
      file.write(Buffer.from('J'), 0);

      expect(readAll(file)).toBe('Jello');
      await file.close();
    });

    it('files: openToRead does not allow writing', async () => {
      await make('a', 'hello');
      const file = await files.openToRead(at('a'));

      expect(await codeOf(() => file.write(Buffer.from('x'), 0))).toBe('FILE-FAILED');
      expect(await codeOf(() => file.truncate(0))).toBe('FILE-FAILED');
      await file.close();
      expect(await textOf('a')).toBe('hello');
    });

    it.each(['openToRead', 'openToWrite'] as const)(
      'files: %s refuses links, FIFOs and folders with their codes',
      async (way) => {
        await make('a', 'hello');
        on.symlink(at('link'), at('a'));
        on.symlink(at('dangling'), at('none'));
        on.fifo(at('fifo'));
        await files.makeDirectory(at('folder'), 0o700);

        expect(await codeOf(() => files[way](at('link')))).toBe('FILE-SYMLINK');
        expect(await codeOf(() => files[way](at('dangling')))).toBe('FILE-SYMLINK');
        expect((await failureOf(() => files[way](at('fifo')))).message).toContain('is a FIFO, not a regular file');
        expect((await failureOf(() => files[way](at('folder')))).message).toContain('is a folder, not a regular file');
        expect((await failureOf(() => files[way](at('none')))).facts['errno']).toBe('ENOENT');
      },
    );

    it('files: only openToWrite refuses a file with a second name', async () => {
      await make('a', 'hello');
      on.link(at('b'), at('a'));

      expect((await failureOf(() => files.openToWrite(at('a')))).message).toContain('has 2 hard links');
      expect(await textOf('b')).toBe('hello');
      expect((await files.facts(at('a')))?.links).toBe(2);
    });

    it('files: openToWrite refuses a file of another user', async () => {
      await make('a', 'hello');

      expect(await codeOf(() => on.asStranger.openToWrite(at('a')))).toBe('FILE-FOREIGN');
    });
  });

  describe('an open file', () => {
    it('files: a read beyond the end returns nothing', async () => {
      await make('a', 'hello');
      const file = await files.openToRead(at('a'));

      expect(file.read(Buffer.alloc(10), 5)).toBe(0);
      expect(file.read(Buffer.alloc(10), 500)).toBe(0);
      await file.close();
    });

    it('files: unwritten parts of a file are zeros, also after truncation', async () => {
      const file = await files.create(at('a'), 0o600);
      writeAll(file, Buffer.from('end'), 3);
      expect(readAll(file)).toBe('\0\0\0end');
      await file.truncate(4);
      await file.truncate(6);
      expect(readAll(file)).toBe('\0\0\0e\0\0');
      await file.close();
    });

    it('files: an open file stays the same when its name changes', async () => {
      await make('a', 'old');
      const file = await files.openToRead(at('a'));
      await make('b', 'new');
      await files.rename(at('b'), at('a'));

      expect(readAll(file)).toBe('old');
      expect(await textOf('a')).toBe('new');
      await file.close();
    });

    it('files: a file can be closed twice, and then refuses operations', async () => {
      const file = await files.create(at('a'), 0o600);
      await file.close();
      await file.close();

      expect(await codeOf(() => file.write(Buffer.from('x'), 0))).toBe('FILE-FAILED');
      expect(await codeOf(() => file.read(Buffer.alloc(1), 0))).toBe('FILE-FAILED');
      expect(await codeOf(() => file.facts())).toBe('FILE-FAILED');
      expect(await codeOf(() => file.sync())).toBe('FILE-FAILED');
    });
  });

  describe('renaming', () => {
    it('files: rename replaces the target, within and between folders', async () => {
      await make('a', 'one');
      await make('b', 'two');
      await files.makeDirectory(at('folder'), 0o700);
      await make('folder/c', 'three');
      await files.rename(at('a'), at('b'));
      await files.rename(at('b'), at('folder/c'));

      expect(await files.list(on.dir)).toEqual(['folder']);
      expect(await textOf('folder/c')).toBe('one');
    });

    it('files: rename moves a link itself', async () => {
      await make('a', 'one');
      on.symlink(at('link'), at('a'));
      await files.rename(at('link'), at('aside'));

      expect((await files.facts(at('aside')))?.kind).toBe('symbolic link');
      expect(await textOf('a')).toBe('one');
    });

    it('files: rename moves a folder with its content', async () => {
      await files.makeDirectory(at('from/inner'), 0o700);
      await make('from/inner/a', 'one');
      await files.rename(at('from'), at('to'));

      expect(await textOf('to/inner/a')).toBe('one');
      expect(await files.list(on.dir)).toEqual(['to']);
    });

    it('files: rename fails for a missing file and never replaces a folder by a file', async () => {
      await make('a', 'one');
      await files.makeDirectory(at('folder'), 0o700);

      expect((await failureOf(() => files.rename(at('none'), at('b')))).facts['errno']).toBe('ENOENT');
      expect((await failureOf(() => files.rename(at('a'), at('none/b')))).facts['errno']).toBe('ENOENT');
      expect((await failureOf(() => files.rename(at('a'), at('folder')))).facts['errno']).toBe('EISDIR');
      expect(await textOf('a')).toBe('one');
    });
  });

  describe('removing', () => {
    it('files: remove reports whether the file existed', async () => {
      await make('a', 'one');

      expect(await files.remove(at('a'))).toBe(true);
      expect(await files.remove(at('a'))).toBe(false);
      expect(await files.remove(at('none/a'))).toBe(false);
    });

    it('files: remove deletes a link, FIFO or second name, never the target', async () => {
      await make('a', 'one');
      on.symlink(at('link'), at('a'));
      on.link(at('b'), at('a'));
      on.fifo(at('fifo'));
      for (const name of ['link', 'b', 'fifo']) expect(await files.remove(at(name))).toBe(true);

      expect(await files.list(on.dir)).toEqual(['a']);
      expect((await files.facts(at('a')))?.links).toBe(1);
    });

    it('files: remove does not delete a folder', async () => {
      await files.makeDirectory(at('folder'), 0o700);

      expect(await codeOf(() => files.remove(at('folder')))).toBe('FILE-FAILED');
      expect(await files.list(on.dir)).toEqual(['folder']);
    });
  });

  describe('folders', () => {
    it('files: removeFolder removes an empty folder, and reports whether it existed', async () => {
      await files.makeDirectory(at('folder'), 0o700);
      await make('folder/file', 'kept');

      expect(await codeOf(() => files.removeFolder(at('folder')))).toBe('FILE-FAILED');
      expect(await codeOf(() => files.removeFolder(at('folder/file')))).toBe('FILE-FAILED');
      await files.remove(at('folder/file'));
      expect([await files.removeFolder(at('folder')), await files.removeFolder(at('folder'))]).toEqual([true, false]);
      expect(await files.list(on.dir)).toEqual([]);
    });

    it('files: folders are created with parents and mode; existing ones are unchanged', async () => {
      const before = process.umask(0o077);
      try {
        await files.makeDirectory(at('one/two'), 0o755);
      } finally {
        process.umask(before);
      }
      await files.makeDirectory(at('one/two'), 0o700);

      expect(await files.facts(at('one'))).toMatchObject({ kind: 'directory', mode: 0o755 });
      expect(await files.facts(at('one/two'))).toMatchObject({ kind: 'directory', mode: 0o755 });
    });

    it('files: a folder may be a link to a folder', async () => {
      await files.makeDirectory(at('real'), 0o700);
      on.symlink(at('link'), at('real'));
      await files.makeDirectory(at('link'), 0o700);
      await files.makeDirectory(at('link/inner'), 0o700);
      await make('link/inner/a', 'one');

      expect(await textOf('real/inner/a')).toBe('one');
      expect(await files.list(at('link'))).toEqual(['inner']);
    });

    it('files: a folder is not created over another kind of file', async () => {
      await make('a', 'one');
      on.symlink(at('dangling'), at('none'));
      on.fifo(at('fifo'));

      expect((await failureOf(() => files.makeDirectory(at('a'), 0o700))).facts['errno']).toBe('EEXIST');
      expect(await codeOf(() => files.makeDirectory(at('a/b'), 0o700))).toBe('FILE-FAILED');
      expect(await codeOf(() => files.makeDirectory(at('dangling'), 0o700))).toBe('FILE-SYMLINK');
      expect(await codeOf(() => files.makeDirectory(at('fifo'), 0o700))).toBe('FILE-SPECIAL');
    });

    it('files: list is sorted, empty for a missing folder, and fails for a file', async () => {
      for (const name of ['b', 'a', 'C']) await make(name, '');

      expect(await files.list(on.dir)).toEqual(['C', 'a', 'b']);
      expect(await files.list(at('none'))).toEqual([]);
      expect(await codeOf(() => files.list(at('a')))).toBe('FILE-FAILED');
    });

    it('files: a folder can be synced; a file or a missing name cannot', async () => {
      await make('a', '');
      await files.syncDirectory(on.dir);

      expect(await codeOf(() => files.syncDirectory(at('a')))).toBe('FILE-FAILED');
      expect(await codeOf(() => files.syncDirectory(at('none')))).toBe('FILE-FAILED');
    });
  });

  describe('giving', () => {
    it('files: give sets the mode and keeps the owner and group that are already set', async () => {
      await make('a', 'one');
      await files.makeDirectory(at('folder'), 0o700);
      for (const name of ['a', 'folder']) {
        const before = await files.facts(at(name));
        await files.give(at(name), { owner: before?.owner ?? 0, group: before?.group ?? 0, mode: 0o750 });

        expect(await files.facts(at(name))).toMatchObject({ mode: 0o750, owner: before?.owner, group: before?.group });
      }
      expect(await textOf('a')).toBe('one');
    });

    it('files: give never follows a link, and fails for a missing name', async () => {
      await make('a', 'one');
      on.symlink(at('link'), at('a'));
      const { owner, group } = (await files.facts(at('a'))) ?? { owner: 0, group: 0 };

      expect(await codeOf(() => files.give(at('link'), { owner, group, mode: 0o666 }))).toBe('FILE-SYMLINK');
      expect((await failureOf(() => files.give(at('none'), { owner, group, mode: 0o600 }))).facts).toMatchObject({
        operation: 'change the owner of',
        errno: 'ENOENT',
      });
      expect((await files.facts(at('a')))?.mode).toBe(0o600);
    });
  });

  describe('the real path', () => {
    it('files: realPath resolves all links', async () => {
      await files.makeDirectory(at('folder'), 0o700);
      await make('folder/a', 'one');
      on.symlink(at('way'), at('folder'));
      on.symlink(at('link'), at('way/a'));

      expect(await files.realPath(at('link'))).toBe(await files.realPath(at('folder/a')));
      expect(await files.realPath(at('link'))).toMatch(/folder\/a$/);
      expect((await failureOf(() => files.realPath(at('none')))).facts['errno']).toBe('ENOENT');
    });
  });

  describe('free space', () => {
    it('files: freeSpace is a number of bytes for a folder and a file in it', async () => {
      await make('a', 'one');

      for (const path of [on.dir, at('a')]) {
        const free = await files.freeSpace(path);
        expect(Number.isSafeInteger(free) && free >= 0).toBe(true);
      }
    });

    it('files: freeSpace fails for a missing path', async () => {
      expect((await failureOf(() => files.freeSpace(at('none')))).facts).toMatchObject({
        operation: 'examine',
        errno: 'ENOENT',
      });
    });
  });

  describe('facts', () => {
    it('files: facts describe the name itself, and are null if it is missing', async () => {
      await make('a', 'one');
      on.symlink(at('link'), at('a'));
      on.fifo(at('fifo'));

      expect((await files.facts(at('link')))?.kind).toBe('symbolic link');
      expect((await files.facts(at('fifo')))?.kind).toBe('special file');
      expect((await files.facts(on.dir))?.kind).toBe('directory');
      expect(await files.facts(at('none'))).toBeNull();
      expect(await files.facts(at('none/a'))).toBeNull();
      expect(await files.facts(at('a/b'))).toBeNull();
    });

    it('files: facts distinguish another file of the same name', async () => {
      await make('a', 'one');
      await make('b', 'one');
      const before = await files.facts(at('a'));
      await files.rename(at('b'), at('a'));

      expect((await files.facts(at('a')))?.inode).not.toBe(before?.inode);
    });
  });
}

function readAll(file: OpenFile): string {
  const { size } = file.facts();
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  for (let got = file.read(buffer, 0); got > 0; got = file.read(buffer.subarray(length), length)) length += got;
  return buffer.subarray(0, length).toString('latin1');
}
