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

describe('readBounded', () => {
  it('reads a file up to the limit completely, with its mode', async () => {
    await writeFile(join(folder, 'a'), 'x'.repeat(10), { mode: 0o600 });

    expect(await readBounded(join(folder, 'a'), 10)).toEqual({
      ok: true,
      bytes: Buffer.from('x'.repeat(10)),
      mode: 0o600,
      modifiedMs: expect.any(Number),
    });
  });

  it('refuses a larger file and returns the part within the limit', async () => {
    await writeFile(join(folder, 'a'), 'x'.repeat(11));

    expect(await readBounded(join(folder, 'a'), 10)).toMatchObject({
      kind: 'too large',
      bytes: Buffer.from('x'.repeat(10)),
    });
  });

  it('follows a symbolic link, as platforms mount secrets', async () => {
    await writeFile(join(folder, 'a'), 'x');
    await symlink('a', join(folder, 'b'));
    await symlink('c', join(folder, 'c'));

    expect(await readBounded(join(folder, 'b'), 10)).toMatchObject({ ok: true });
    expect(await readBounded(join(folder, 'c'), 10)).toMatchObject({
      reason: 'its symbolic links form a loop',
    });
  });

  it('does not block on a FIFO, and refuses devices and folders', async () => {
    await promisify(execFile)('mkfifo', [join(folder, 'fifo')]);

    expect(await readBounded(join(folder, 'fifo'), 10)).toMatchObject({
      kind: 'unreadable',
      reason: 'it is not a regular file',
    });
    expect(await readBounded('/dev/zero', 10)).toMatchObject({ reason: 'it is not a regular file' });
    expect(await readBounded(folder, 10)).toMatchObject({ reason: 'it is a directory' });
  });

  it('explains in words why a file cannot be read', async () => {
    expect(await readBounded(join(folder, 'none'), 10)).toMatchObject({ ok: false, reason: 'there is no such file' });
    expect(await readBounded('/dev/null/x', 10)).toMatchObject({ reason: 'a part of the path is not a directory' });
    expect(await readBounded('a\0b', 10)).toMatchObject({ ok: false, kind: 'unreadable' });
  });
});
