import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBounded } from '#config/reading/read-bounded.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-read-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a bounded read', () => {
  it('takes a file up to the limit whole, with its mode', async () => {
    await writeFile(join(folder, 'a'), 'x'.repeat(10), { mode: 0o600 });

    expect(await readBounded(join(folder, 'a'), 10)).toEqual({
      ok: true,
      bytes: Buffer.from('x'.repeat(10)),
      mode: 0o600,
      modifiedMs: expect.any(Number),
    });
  });

  it('refuses a larger one, and gives what fits', async () => {
    await writeFile(join(folder, 'a'), 'x'.repeat(11));

    expect(await readBounded(join(folder, 'a'), 10)).toMatchObject({
      kind: 'too large',
      bytes: Buffer.from('x'.repeat(10)),
    });
  });

  it('follows a symbolic link: platforms mount secrets as links', async () => {
    await writeFile(join(folder, 'a'), 'x');
    await symlink('a', join(folder, 'b'));
    await symlink('c', join(folder, 'c'));

    expect(await readBounded(join(folder, 'b'), 10)).toMatchObject({ ok: true });
    expect(await readBounded(join(folder, 'c'), 10)).toMatchObject({
      reason: 'its symbolic links form a loop',
    });
  });

  it('does not hang on a FIFO, and takes no device and no folder', async () => {
    await promisify(execFile)('mkfifo', [join(folder, 'fifo')]);

    expect(await readBounded(join(folder, 'fifo'), 10)).toMatchObject({
      kind: 'unreadable',
      reason: 'it is not a regular file',
    });
    expect(await readBounded('/dev/zero', 10)).toMatchObject({ reason: 'it is not a regular file' });
    expect(await readBounded(folder, 10)).toMatchObject({ reason: 'it is a directory' });
  });

  it('says in words why there is nothing', async () => {
    expect(await readBounded(join(folder, 'none'), 10)).toMatchObject({ ok: false, reason: 'there is no such file' });
    expect(await readBounded('/dev/null/x', 10)).toMatchObject({ reason: 'a part of the path is not a directory' });
    expect(await readBounded('a\0b', 10)).toMatchObject({ ok: false, kind: 'unreadable' });
  });
});
