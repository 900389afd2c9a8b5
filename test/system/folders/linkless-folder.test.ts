import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LinklessFolder, openLinkless } from '#system/folders/linkless-folder.ts';

let dir: string;
let folder: LinklessFolder;
beforeEach(async () => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-linkless-')));
  folder = openLinkless();
  for (const name of dir.split('/').slice(1)) {
    const next = await folder.openFolder(name);
    folder.close();
    folder = next;
  }
});
afterEach(() => {
  folder.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('linkless folder', () => {
  it('linkless folder: it reads names, facts and files of the folder that was opened', async () => {
    writeFileSync(join(dir, 'b'), 'two');
    writeFileSync(join(dir, 'a'), 'one');
    const file = await folder.openFile('a');
    const bytes = Buffer.alloc(8);
    const length = file.read(bytes, 0);
    await file.close();

    expect(folder.path).toBe(dir);
    expect(await folder.names(10)).toEqual({ names: ['a', 'b'], isComplete: true });
    expect((await folder.names(1)).isComplete).toBe(false);
    expect((await folder.factsOf('b'))?.size).toBe(3);
    expect(await folder.factsOf('c')).toBeNull();
    expect(bytes.toString('utf8', 0, length)).toBe('one');
  });

  it('linkless folder: links are refused, and the failure names the path that people know', async () => {
    mkdirSync(join(dir, 'real'));
    symlinkSync(join(dir, 'real'), join(dir, 'link'));
    symlinkSync('/etc/passwd', join(dir, 'file'));

    await expect(folder.openFolder('link')).rejects.toMatchObject({
      code: 'FILE-SYMLINK',
      facts: { path: join(dir, 'link') },
    });
    await expect(folder.openFile('file')).rejects.toMatchObject({ code: 'FILE-SYMLINK' });
    await expect(folder.openFolder('missing')).rejects.toMatchObject({ facts: { errno: 'ENOENT' } });
  });

  it('linkless folder: a folder that another one replaces stays the one that was opened', async () => {
    mkdirSync(join(dir, 'app'));
    mkdirSync(join(dir, 'other'));
    writeFileSync(join(dir, 'other/secret'), '');
    const app = await folder.openFolder('app');
    renameSync(join(dir, 'app'), join(dir, 'moved'));
    symlinkSync(join(dir, 'other'), join(dir, 'app'));

    expect((await app.names(10)).names).toEqual([]);
    app.close();
  });

  it('linkless folder: a FIFO is refused without waiting for its other end', async () => {
    spawnSync('mkfifo', [join(dir, 'fifo')]);

    await expect(folder.openFile('fifo')).rejects.toMatchObject({ code: 'FILE-SPECIAL' });
  });
});
