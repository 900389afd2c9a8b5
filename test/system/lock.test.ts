import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#system/clock.ts';
import { acquireLock, type Lock } from '#system/lock.ts';
import { realFiles } from '#system/real-files.ts';

const HOLDER = fileURLToPath(new URL('../support/lock-holder.ts', import.meta.url));

let dir = '';
let children: ChildProcess[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-lock-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) await kill(child);
  await rm(dir, { recursive: true, force: true });
});

/** Takes the lock in this process. */
function take(mode: 'daemon' | 'command' = 'daemon'): Promise<Lock> {
  return acquireLock(dir, { files: realFiles, clock: systemClock, mode });
}

/** Starts another process that takes the lock; resolves with its output. */
async function startOther(mode: 'daemon' | 'command' = 'daemon'): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [HOLDER, dir, mode], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function writeNote(note: object): Promise<void> {
  await writeFile(join(dir, 'lock.json'), JSON.stringify(note));
}

describe('the lock of a folder', () => {
  it('lock: a second process is refused with pid, host and start of the holder', async () => {
    const { child, said } = await startOther();
    expect(said).toBe('held');

    await expect(take()).rejects.toMatchObject({
      code: 'LOCK-HELD',
      facts: { dir, pid: child.pid, host: hostname(), since: expect.any(Number) },
    });
  });

  it('lock: a second lock in the same process is refused', async () => {
    const lock = await take();

    await expect(take()).rejects.toMatchObject({ code: 'LOCK-HELD', facts: { pid: process.pid } });
    lock.release();
  });

  it('lock: a kill -9 releases it, whatever the note says', async () => {
    const { child } = await startOther();
    await kill(child);

    expect(JSON.parse(await readFile(join(dir, 'lock.json'), 'utf8'))).toMatchObject({ pid: child.pid });
    (await take()).release();
  });

  it('lock: a process that reuses the pid of a dead holder does not hold it', async () => {
    await writeNote({ pid: process.ppid, host: hostname(), since: 1, mode: 'daemon' });

    (await take()).release();
  });

  it('lock: exactly one of several concurrent requests gets it', async () => {
    const others = await Promise.all([startOther(), startOther(), startOther(), startOther()]);
    const said = others.map((other) => other.said.replace(/\].*/, ']')).toSorted();

    expect(said).toEqual(['[LOCK-HELD]', '[LOCK-HELD]', '[LOCK-HELD]', 'held']);
  });

  it('lock: a process waits while a command holds it', async () => {
    const { child } = await startOther('command');
    const waiting = take();
    await kill(child);

    (await waiting).release();
  });

  it('lock: a release frees it and removes the note; a second release is harmless', async () => {
    const lock = await take();
    lock.release();
    lock.release();

    expect(await realFiles.list(dir)).toEqual(['lock']);
    expect((await startOther()).said).toBe('held');
  });

  it('lock: with a damaged note the refusal names no holder', async () => {
    const lock = await take();
    await writeFile(join(dir, 'lock.json'), '{"pid": "x');

    await expect(take()).rejects.toThrow(/process - on -, since -\./);
    lock.release();
  });

  it('lock: the folder and an empty file are created for our user only', async () => {
    dir = join(dir, 'state');
    const lock = await take();

    expect(await realFiles.facts(join(dir, 'lock'))).toMatchObject({ kind: 'file', mode: 0o600, size: 0 });
    expect(await realFiles.facts(join(dir, 'lock.json'))).toMatchObject({ mode: 0o600 });
    lock.release();
  });

  it.each([
    ['a symbolic link', 'FILE-SYMLINK', () => symlink('/etc/hostname', join(dir, 'lock'))],
    ['a folder', 'FILE-SPECIAL', () => mkdir(join(dir, 'lock'))],
  ])('lock: %s in place of the lock file is refused', async (_what, code, put) => {
    await put();

    await expect(take()).rejects.toMatchObject({ code });
  });

  it('lock: a file that cannot be locked is refused with a code', async () => {
    await writeFile(join(dir, 'lock'), 'no database, and of more than a few bytes'.repeat(100));

    await expect(take()).rejects.toMatchObject({ code: 'FILE-FAILED', facts: { operation: 'lock' } });
  });
});
