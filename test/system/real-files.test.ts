import { execFileSync } from 'node:child_process';
import { linkSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { RealFiles, realFiles } from '#system/real-files.ts';
import { failureOf, filesContract } from './files-contract.ts';

/** Only root can create a full disk, so the one call that would meet it reports one. */
const disk = vi.hoisted(() => ({ failsWith: null as 'ENOSPC' | 'EDQUOT' | null }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const writeSync = (...given: Parameters<typeof fs.writeSync>) => {
    if (disk.failsWith === null) return fs.writeSync(...given);
    const errno = -constants.errno[disk.failsWith];
    throw Object.assign(new Error(getSystemErrorMessage(errno)), { code: disk.failsWith, errno });
  };
  return { ...fs, writeSync };
});

function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'sallyport-files-'));
}

describe('the real disk', () => {
  filesContract(() => {
    const dir = temporary();
    return {
      files: realFiles,
      dir,
      symlink: (path, target) => symlinkSync(target, path),
      fifo: (path) => execFileSync('mkfifo', [path]),
      link: (path, existing) => linkSync(existing, path),
      asStranger: new RealFiles((process.geteuid?.() ?? 0) + 1),
      dispose: () => rmSync(dir, { recursive: true, force: true }),
    };
  });

  it('real files: sockets and devices are named and not opened', async () => {
    const dir = temporary();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve));
    try {
      expect((await failureOf(() => realFiles.openToWrite(join(dir, 'socket')))).message).toContain('is a socket');
      expect((await failureOf(() => realFiles.openToRead('/dev/null'))).message).toContain('is a device');
    } finally {
      await new Promise((resolve) => server.close(resolve));
      rmSync(dir, { recursive: true });
    }
  });

  it.each(['ENOSPC', 'EDQUOT'] as const)('real files: %s is DISK-FULL', async (errno) => {
    const dir = temporary();
    const file = await realFiles.create(join(dir, 'a'), 0o600);
    disk.failsWith = errno;
    try {
      const failure = await failureOf(() => file.write(Buffer.from('x'), 0));

      expect(failure.code).toBe('DISK-FULL');
      expect(failure.facts).toMatchObject({ operation: 'write', path: join(dir, 'a'), errno });
    } finally {
      disk.failsWith = null;
      await file.close();
      rmSync(dir, { recursive: true });
    }
  });

  it('real files: a reason has the errno and its meaning, without the path', async () => {
    const failure = await failureOf(() => realFiles.openToRead('/proc/nowhere/at/all'));

    expect(failure.code).toBe('FILE-FAILED');
    expect(failure.facts['reason']).toBe('ENOENT: no such file or directory');
  });
});
