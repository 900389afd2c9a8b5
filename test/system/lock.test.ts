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

/** Takes the lock here. */
function take(mode: 'daemon' | 'command' = 'daemon'): Promise<Lock> {
  return acquireLock(dir, { files: realFiles, clock: systemClock, mode });
}

/** Starts another process that wants the lock; resolves with what it says. */
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
  it('refuses a second process and says who has it, where and since when', async () => {
    const { child, said } = await startOther();
    expect(said).toBe('held');

    await expect(take()).rejects.toMatchObject({
      code: 'LOCK-HELD',
      facts: { dir, pid: child.pid, host: hostname(), since: expect.any(Number) },
    });
  });

  it('refuses a second one in the same process as well', async () => {
    const lock = await take();

    await expect(take()).rejects.toMatchObject({ code: 'LOCK-HELD', facts: { pid: process.pid } });
    lock.release();
  });

  it('is free after a kill -9, whatever the note beside it says', async () => {
    const { child } = await startOther();
    await kill(child);

    expect(JSON.parse(await readFile(join(dir, 'lock.json'), 'utf8'))).toMatchObject({ pid: child.pid });
    (await take()).release();
  });

  it('is not held by a process that was given the pid of one that died', async () => {
    await writeNote({ pid: process.ppid, host: hostname(), since: 1, mode: 'daemon' });

    (await take()).release();
  });

  it('goes to exactly one of those who ask at once', async () => {
    const others = await Promise.all([startOther(), startOther(), startOther(), startOther()]);
    const said = others.map((other) => other.said.replace(/\].*/, ']')).toSorted();

    expect(said).toEqual(['[LOCK-HELD]', '[LOCK-HELD]', '[LOCK-HELD]', 'held']);
  });

  it('is waited for while a command has it, since that is soon gone', async () => {
    const { child } = await startOther('command');
    const waiting = take();
    await kill(child);

    (await waiting).release();
  });

  it('is free once it was released, and its note is gone; releasing twice is harmless', async () => {
    const lock = await take();
    lock.release();
    lock.release();

    expect(await realFiles.list(dir)).toEqual(['lock']);
    expect((await startOther()).said).toBe('held');
  });

  it('names nobody when the note is damaged, and refuses all the same', async () => {
    const lock = await take();
    await writeFile(join(dir, 'lock.json'), '{"pid": "x');

    await expect(take()).rejects.toThrow(/process - on -, since -\./);
    lock.release();
  });

  it('makes the folder and a file for us alone, and writes nothing into it', async () => {
    dir = join(dir, 'state');
    const lock = await take();

    expect(await realFiles.facts(join(dir, 'lock'))).toMatchObject({ kind: 'file', mode: 0o600, size: 0 });
    expect(await realFiles.facts(join(dir, 'lock.json'))).toMatchObject({ mode: 0o600 });
    lock.release();
  });

  it.each([
    ['a symbolic link', 'FILE-SYMLINK', () => symlink('/etc/hostname', join(dir, 'lock'))],
    ['a folder', 'FILE-SPECIAL', () => mkdir(join(dir, 'lock'))],
  ])('refuses %s in the place of its file', async (_what, code, put) => {
    await put();

    await expect(take()).rejects.toMatchObject({ code });
  });

  it('refuses a file that cannot be locked by code', async () => {
    await writeFile(join(dir, 'lock'), 'no database, and of more than a few bytes'.repeat(100));

    await expect(take()).rejects.toMatchObject({ code: 'FILE-FAILED', facts: { operation: 'lock' } });
  });
});
