// One Sallyport at a time for a folder: a lock of the kernel on a file in it, free again the moment its process is gone.
//
// Guarantees: of all who ask exactly one has it, across processes, containers and network or process namespaces of one
// machine; kill -9 sets it free, a pid that was given out again holds nothing, no child inherits it. Who it is stands
// beside it for people only (`lock.json`) and decides nothing; a crash leaves that note, and the next holder replaces it.
//
// Why SQLite, which is a part of Node: its RESERVED lock is fcntl(2), which Node itself does not offer; nothing is ever
// written. An abstract socket is per network namespace, shared folder or not, and any user may take its name first. A
// socket in the folder stays after a kill -9, and clearing it away is a race. A pid file is one, too, and means nothing
// in another container. flock(2) would need a native addon, which is optional here. On NFS it is as good as the
// server's locks; where there are none, the start fails and says so.
// Relies on nobody else opening the file in this process: closing any descriptor of it frees a lock of fcntl.

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
  /** Sets it free; twice is harmless. */
  release(): void;
}

export interface LockOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** A daemon stays, so nobody waits for it; a command is soon gone. */
  readonly mode: 'daemon' | 'command';
}

/** Names in the folder that belong to its lock. */
export const LOCK_FILE = 'lock';
export const LOCK_NOTE = 'lock.json';
/** How long a command is waited for. */
const WAIT_MS = 5_000;
/** How long a note may be missing or be that of a dead process: it is written right after the lock is taken. */
const NOTE_WAIT_MS = 500;
const LOOK_EVERY_MS = 25;
/** SQLITE_BUSY: somebody else has the lock. */
const BUSY = 5;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Wall time, ms since the epoch. */
  readonly since: number;
  readonly mode: string;
}

/** Takes the lock of a folder, which is made when missing. @throws CodedError LOCK-HELD, FOLDER-UNSAFE, FILE-* */
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
      // While the lock is still held, so that it is never the note of the next holder.
      rmSync(note, { force: true });
      database.close();
    },
  };
}

const NEVER = new AbortController().signal;

async function openLockFile(path: string, files: Files): Promise<DatabaseSync> {
  const facts = await files.facts(path);
  if (facts === null) await makeLockFile(path, files);
  // Judged by name, never opened: see above. The folder is ours alone.
  else if (facts.kind === 'symbolic link') throw coded('FILE-SYMLINK', { path });
  else if (facts.kind !== 'file') throw coded('FILE-SPECIAL', { path, kind: facts.kind });
  else if (facts.links !== 1) throw coded('FILE-LINKED', { path, links: facts.links });
  else if (facts.owner !== files.self) throw coded('FILE-FOREIGN', { path, owner: facts.owner, self: files.self });
  try {
    const database = new DatabaseSync(path);
    // Without it a transaction would begin a journal file beside ours.
    database.exec('PRAGMA journal_mode = MEMORY');
    return database;
  } catch (thrown) {
    throw cannotLock(path, thrown);
  }
}

/** Two may make it at once; then it is there, which is all that is wanted. */
async function makeLockFile(path: string, files: Files): Promise<void> {
  try {
    await (await files.create(path, 0o600)).close();
  } catch (thrown) {
    if ((await files.facts(path))?.kind !== 'file') throw thrown;
  }
}

/** IMMEDIATE takes the RESERVED lock alone, in one step: two racers can't both be refused. */
function take(database: DatabaseSync, path: string): boolean {
  try {
    database.exec('BEGIN IMMEDIATE');
    return true;
  } catch (thrown) {
    if ((thrown as { errcode?: unknown }).errcode === BUSY) return false;
    throw cannotLock(path, thrown);
  }
}

function waitFor(holder: Holder | null): number {
  if (holder === null || isGone(holder)) return NOTE_WAIT_MS;
  return holder.mode === 'command' ? WAIT_MS : 0;
}

/** Only for a process of this host; in another container the same number may be anybody. */
function isGone({ pid, host }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function held(dir: string, holder: Holder | null): CodedError {
  const { pid, host, since } = holder ?? {};
  return coded('LOCK-HELD', { dir, pid, host, since });
}

function cannotLock(path: string, thrown: unknown): CodedError {
  const reason = thrown instanceof Error ? thrown.message : 'unknown';
  return exhaustion(thrown, `lock ${path}`) ?? coded('FILE-FAILED', { operation: 'lock', path, reason }, thrown);
}

/** A note that can't be written (a full disk) is missed by nobody but the reader of a refusal. */
function writeNote(path: string, holder: Holder): void {
  try {
    rmSync(path, { force: true });
    rmSync(`${path}.new`, { force: true });
    writeFileSync(`${path}.new`, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // The lock is what counts, and it is held.
  }
}

function readNote(path: string): Holder | null {
  try {
    const { pid, host, since, mode } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return null;
    if (typeof host !== 'string' || typeof since !== 'number' || typeof mode !== 'string') return null;
    return { pid, host, since, mode };
  } catch {
    return null;
  }
}
