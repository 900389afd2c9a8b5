// What `sallyport fetch` remembers from one command to the next: timeouts, limits of network paths, and whether a proxy
// has rejected a password. It is stored in a folder of the caller, never in that of the daemon.
//
// At the first use, it is copied from the folder of the daemon, if the caller can read that. If several commands run at
// the same time, the last one to save wins. If there is no usable folder, nothing is remembered.

import { join } from 'node:path';
import type { Environment } from '#config/places.ts';
import { PATHS_FILE, PathHabits } from '#path/habits.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { CredentialState } from '#proxy/auth/credential-state.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import { readWhole, UNFINISHED_SUFFIX, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import { TimeoutMemory } from '#timeout/memory.ts';
import { WitnessMemory } from '#timeout/witness-memory.ts';

const TIMEOUTS_FILE = 'timeouts.json';
const WITNESS_FILE = 'witness.json';
const CREDENTIALS_FILE = 'credentials.json';
const MAX_COPIED_BYTES = 8_388_608;

export interface OwnState {
  readonly timeouts: TimeoutMemory;
  readonly habits: PathHabits;
  readonly witnessMemory: WitnessMemory;
  readonly credentialGuard: CredentialGuard;
  /** Why nothing is remembered; null if it is. */
  readonly unavailable: string | null;
}

interface StateParts {
  readonly files: Files;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly environment: Environment;
  /** The state folder of the daemon; null without a configuration. */
  readonly daemonState: string | null;
}

/** The folder of the caller by the XDG Base Directory Specification; null if no variable names one. */
function ownStateFolder(environment: Environment): string | null {
  const base = environment['XDG_STATE_HOME'] ?? '';
  if (base.startsWith('/')) return join(base, 'sallyport');
  const home = environment['HOME'] ?? '';
  return home.startsWith('/') ? join(home, '.local', 'state', 'sallyport') : null;
}

export async function openOwnState(parts: StateParts): Promise<OwnState> {
  const folder = ownStateFolder(parts.environment);
  if (folder === null) return await load(parts, null, 'neither XDG_STATE_HOME nor HOME is set');
  try {
    await ownFolder(parts.files, folder, { mode: 0o700, what: 'the state of sallyport fetch' });
    await copyOnce(parts, folder);
    return await load(parts, folder, null);
  } catch (thrown) {
    return await load(parts, null, thrown instanceof Error ? thrown.message : 'unknown');
  }
}

async function load(parts: StateParts, folder: string | null, unavailable: string | null): Promise<OwnState> {
  const { clock, redactor } = parts;
  const files = folder === null ? withoutDisk(parts.files) : withOwnNames(parts.files);
  const at = (name: string) => join(folder ?? '/nonexistent', name);
  const timeouts = new TimeoutMemory(files, at(TIMEOUTS_FILE));
  const habits = new PathHabits(files, at(PATHS_FILE), { clock, redactor });
  const witnessMemory = new WitnessMemory(files, at(WITNESS_FILE));
  const credentials = new CredentialState(folder === null ? null : { files, path: at(CREDENTIALS_FILE) });
  // A damaged file is set aside; only what it had is lost.
  await timeouts.load();
  await habits.load();
  await witnessMemory.load();
  await credentials.load();
  const credentialGuard = new CredentialGuard({ state: credentials, clock });
  return { timeouts, habits, witnessMemory, credentialGuard, unavailable };
}

/** What the daemon has learned is the beginning. Passwords are not: the caller may use another one. */
async function copyOnce({ files, daemonState }: StateParts, folder: string): Promise<void> {
  if (daemonState === null || daemonState === folder) return;
  for (const name of [TIMEOUTS_FILE, PATHS_FILE, WITNESS_FILE]) {
    if ((await files.facts(join(folder, name))) !== null) continue;
    const bytes = await readWhole(files, join(daemonState, name), MAX_COPIED_BYTES).catch(() => null);
    if (bytes !== null) await writeDurably(withOwnNames(files), join(folder, name), bytes, 0o600);
  }
}

/** Two commands that save at the same time must not share the name of the unfinished file. */
function withOwnNames(files: Files): Files {
  const own = (path: string) =>
    path.endsWith(UNFINISHED_SUFFIX)
      ? `${path.slice(0, -UNFINISHED_SUFFIX.length)}.${process.pid}${UNFINISHED_SUFFIX}`
      : path;
  return {
    self: files.self,
    create: (path, mode) => files.create(own(path), mode),
    openToWrite: (path) => files.openToWrite(own(path)),
    openToRead: (path) => files.openToRead(path),
    rename: (from, to) => files.rename(own(from), to),
    remove: (path) => files.remove(own(path)),
    removeFolder: (path) => files.removeFolder(path),
    makeDirectory: (path, mode) => files.makeDirectory(path, mode),
    list: (path) => files.list(path),
    facts: (path) => files.facts(own(path)),
    give: (path, to) => files.give(own(path), to),
    realPath: (path) => files.realPath(path),
    syncDirectory: (path) => files.syncDirectory(path),
    freeSpace: (path) => files.freeSpace(path),
  };
}

/** Reads nothing, and fails to save, which the callers report as a lost sample. */
function withoutDisk(files: Files): Files {
  const none = withOwnNames(files);
  return { ...none, facts: () => Promise.resolve(null) };
}
