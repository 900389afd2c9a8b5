// What the hook may be run for, what it is told, which comes next and what a try means. Pure.

import { showDuration } from '#errors/template.ts';
import type { CommandEnd, PathEntry } from '#system/process/command.ts';
import type { Trust } from '#updates/sidecar.ts';
import type { HookRecord } from './hook-journal.ts';

/** So often at most by itself. */
export const MAX_TRIES = 3;
/** How long it may take: to unpack and check a large package takes minutes, what takes longer hangs. */
export const LIMIT_MS = 600_000;
/** From TERM to KILL. */
export const GRACE_MS = 10_000;
/** What it may write into the log in one run. */
export const OUTPUT_BYTES = 65_536;
/** Before the second and the third try. */
const DELAYS_MS = [10_000, 60_000];
/** Group and others. */
const WRITABLE_BY_OTHERS = 0o022;
const EXECUTABLE = 0o111;

/** Why the hook is not run for an update of this trust; null when it is. */
export function checkTrust(trust: Trust, hookTrust: 'tls' | undefined): string | null {
  if (trust === 'loopback') return 'its feed came over HTTP from this machine';
  return hookTrust === 'tls' ? null : 'its feed is not signed, and updates.hook_trust is not tls';
}

/** What somebody else could change on the way to the program; null when nobody can. */
export function checkPath(pathEntries: readonly PathEntry[], self: number): { path: string; reason: string } | null {
  for (const [index, { path, kind, mode, owner }] of pathEntries.entries()) {
    const isProgram = index === pathEntries.length - 1;
    if (owner !== 0 && owner !== self) return { path, reason: `belongs to user number ${owner}` };
    // Who may change a link is said by the folder that it is in.
    if (kind === 'symbolic link') continue;
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      return { path, reason: `can be written by others (mode ${mode.toString(8).padStart(4, '0')})` };
    }
    if (!isProgram && kind !== 'folder') return { path, reason: 'is not a folder' };
    if (isProgram && kind !== 'file') return { path, reason: 'is not a program' };
    if (isProgram && (mode & EXECUTABLE) === 0) return { path, reason: 'is not executable' };
  }
  return null;
}

/** All that the hook finds in its environment. */
export function hookEnvironment(record: HookRecord, path: string): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    SALLYPORT_ID: record.id,
    SALLYPORT_PACKAGE: record.package,
    SALLYPORT_PATH: path,
    SALLYPORT_SHA256: record.sha256,
    SALLYPORT_SEQUENCE: String(record.sequence),
    SALLYPORT_KIND: record.kind,
    SALLYPORT_TRUST: record.trust,
  };
}

/** The record to run next: the oldest that requires nothing that waits itself; null when none waits. */
export function nextHook(records: readonly HookRecord[]): HookRecord | null {
  const waiting = records
    .filter(({ state }) => state === 'waiting' || state === 'running')
    .toSorted((a, b) => a.order - b.order);
  const ids = new Set(waiting.map(({ id }) => id));
  // A circle can't have been published; if it is here all the same, the oldest goes first.
  return waiting.find(({ requires }) => !requires.some((id) => ids.has(id))) ?? waiting[0] ?? null;
}

/** After a failed try: how long until the next one, or null when it was the last. */
export function delayAfter(tries: number): number | null {
  return tries < MAX_TRIES ? (DELAYS_MS[tries - 1] ?? 0) : null;
}

/** How it ended, in words; null when it went well. */
export function endingOf(end: CommandEnd): string | null {
  switch (end.kind) {
    case 'exited':
      return end.status === 0 ? null : `exit status ${end.status}`;
    case 'signalled':
      return `signal ${end.signal}`;
    case 'too-long':
      return `it did not end within ${showDuration(LIMIT_MS)}`;
    case 'stopped':
      return 'it was interrupted';
    case 'not-started':
      return `it could not be started: ${end.reason}`;
  }
}
