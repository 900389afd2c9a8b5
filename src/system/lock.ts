// Allows one Sallyport at a time per folder: a kernel lock on a file in it, which ends with its process.
//
// Guarantees: exactly one process of the machine holds the lock, across containers and namespaces. kill -9 releases it,
// a reused pid does not hold it, and no child inherits it. `lock.json` names the holder, but only for people. After a
// crash, the next holder replaces this file. No other code of this process may open the lock file, because closing any
// of its descriptors releases an fcntl lock. On NFS, the lock depends on the locks of the server. If the server has
// none, the start fails and says so.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import { type Clock, wait } from './clock.ts';
import type { Files } from './files.ts';
import { ownFolder } from './own-folder.ts';

/** A lock that is held. */
export interface Lock {
  /** Releases the lock; calling it twice is harmless. */
  release(): void;
}

export interface LockOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** Other processes wait for a command, which ends soon, but not for a daemon. */
  readonly mode: 'daemon' | 'command';
}

/** Names in the folder that belong to its lock. */
export const LOCK_FILE = 'lock';
export const LOCK_NOTE = 'lock.json';
/** How long to wait for a command that holds the lock. */
const WAIT_MS = 5_000;
/** How long the note may be missing or name a dead process. It is written right after the lock is taken. */
const NOTE_WAIT_MS = 500;
const LOOK_EVERY_MS = 25;
/** SQLITE_BUSY: another process has the lock. */
const BUSY = 5;

interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** Wall time, ms since the epoch. */
  readonly since: number;
  readonly mode: string;
}

/** Takes the lock of a folder and creates the folder if needed. @throws CodedError LOCK-HELD, FOLDER-UNSAFE, FILE-* */
export async function acquireLock(dir: string, options: LockOptions): Promise<Lock> {
  const { files, clock, mode } = options;
  await ownFolder(files, dir, { mode: 0o700, what: 'daemon.state_dir' });
  const database = await openLockFile(join(dir, LOCK_FILE), files);
  const startedAt = clock.monotonic();
  const note = join(dir, LOCK_NOTE);
  try {
    while (!take(database, join(dir, LOCK_FILE))) {
      const holder = readNote(note);
      const waited = clock.monotonic() - startedAt;
      if (waited >= waitFor(holder)) throw held(dir, holder);
      await wait(clock, LOOK_EVERY_MS, NEVER);
    }
  } catch (thrown) {
    database.close();
    throw thrown;
  }
  writeNote(note, { pid: process.pid, host: hostname(), since: clock.now(), mode });
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      // The note is removed while the lock is held, so that it is never that of the next holder.
      rmSync(note, { force: true });
      database.close();
    },
  };
}

const NEVER = new AbortController().signal;

/**
 * Uses SQLite, which is part of Node: its RESERVED lock is fcntl(2), which Node itself does not offer. Nothing is
 * ever written. The alternatives are worse. An abstract socket is per network namespace, even if the folder is
 * shared, and any user may take its name first. A socket in the folder remains after a kill -9, and removing it is a
 * race. A pid file has the same race, and means nothing in another container. flock(2) would need a native addon,
 * which is optional here.
 */
async function openLockFile(path: string, files: Files): Promise<DatabaseSync> {
  const facts = await files.facts(path);
  if (facts === null) await makeLockFile(path, files);
  // Checked by name and never opened, because closing it would release the lock. Only we can write to the folder.
  else if (facts.kind === 'symbolic link') throw coded('FILE-SYMLINK', { path });
  else if (facts.kind !== 'file') throw coded('FILE-SPECIAL', { path, kind: facts.kind });
  else if (facts.links !== 1) throw coded('FILE-LINKED', { path, links: facts.links });
  else if (facts.owner !== files.self) throw coded('FILE-FOREIGN', { path, owner: facts.owner, self: files.self });
  try {
    const database = new DatabaseSync(path);
    // Otherwise a transaction would create a journal file next to ours.
    database.exec('PRAGMA journal_mode = MEMORY');
    return database;
  } catch (thrown) {
    throw cannotLock(path, thrown);
  }
}

/** Two processes may create it at the same time. It then exists, which is all that is needed. */
async function makeLockFile(path: string, files: Files): Promise<void> {
  try {
    await (await files.create(path, 0o600)).close();
  } catch (thrown) {
    if ((await files.facts(path))?.kind !== 'file') throw thrown;
  }
}

/** IMMEDIATE takes only the RESERVED lock, in one step, so two processes that race cannot both be refused. */
function take(database: DatabaseSync, path: string): boolean {
  try {
    database.exec('BEGIN IMMEDIATE');
    return true;
  } catch (thrown) {
    if ((thrown as { errcode?: unknown }).errcode === BUSY) return false;
    throw cannotLock(path, thrown);
  }
}

function waitFor(holder: LockHolder | null): number {
  if (holder === null || isGone(holder)) return NOTE_WAIT_MS;
  return holder.mode === 'command' ? WAIT_MS : 0;
}

/** Only for a process of this host: in another container the same pid may be any process. */
function isGone({ pid, host }: LockHolder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function held(dir: string, holder: LockHolder | null): CodedError {
  const { pid, host, since } = holder ?? {};
  return coded('LOCK-HELD', { dir, pid, host, since });
}

function cannotLock(path: string, thrown: unknown): CodedError {
  const reason = thrown instanceof Error ? thrown.message : 'unknown';
  return exhaustion(thrown, `lock ${path}`) ?? coded('FILE-FAILED', { operation: 'lock', path, reason }, thrown);
}

/** If the note cannot be written (a full disk), only a refusal that would quote it lacks its facts. */
function writeNote(path: string, holder: LockHolder): void {
  try {
    rmSync(path, { force: true });
    rmSync(`${path}.new`, { force: true });
    writeFileSync(`${path}.new`, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // Only the lock matters, and it is held.
  }
}

function readNote(path: string): LockHolder | null {
  try {
    const { pid, host, since, mode } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return null;
    if (typeof host !== 'string' || typeof since !== 'number' || typeof mode !== 'string') return null;
    return { pid, host, since, mode };
  } catch {
    return null;
  }
}
