// Decides whether the admin's command (the hook) may run for an update and with which environment, which update is
// next, and what happens after a failed run. Pure.

import { showDuration } from '#errors/template.ts';
import type { CommandEnd, PathEntry } from '#system/process/command.ts';
import type { Trust } from '#updates/sidecar.ts';
import type { HookRecord } from './hook-journal.ts';

/** The most automatic runs for one update. */
export const MAX_TRIES = 3;
/** The time limit of a run. Unpacking and checking a large package takes minutes; a longer run hangs. */
export const LIMIT_MS = 600_000;
/** From TERM to KILL. */
export const GRACE_MS = 10_000;
/** The most bytes of output that one run may write to the log. */
export const OUTPUT_BYTES = 65_536;
/** Delays before the second and the third run. */
const DELAYS_MS = [10_000, 60_000];
/** Write permission for the group and others. */
const WRITABLE_BY_OTHERS = 0o022;
const EXECUTABLE = 0o111;

/** Why the hook is not run for an update with this trust; null when it may run. */
export function checkTrust(trust: Trust, hookTrust: 'tls' | undefined): string | null {
  if (trust === 'signed') return null;
  if (trust === 'loopback') return 'its feed came over HTTP from this host';
  if (trust === 'medium') return 'its feed came unsigned from a medium';
  return hookTrust === 'tls' ? null : 'its feed is not signed, and updates.hook_trust is not tls';
}

/** The path entry that another user could change, on the path to the program; null when there is none. */
export function checkPath(pathEntries: readonly PathEntry[], self: number): { path: string; reason: string } | null {
  for (const [index, { path, kind, mode, owner }] of pathEntries.entries()) {
    const isProgram = index === pathEntries.length - 1;
    if (owner !== 0 && owner !== self) return { path, reason: `belongs to user number ${owner}` };
    // Permission to change a link depends on its folder.
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

/** The complete environment of the hook. */
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

/** The record to run next: the oldest that requires no waiting one; null when none waits. */
export function nextHook(records: readonly HookRecord[]): HookRecord | null {
  const waiting = records
    .filter(({ state }) => state === 'waiting' || state === 'running')
    .toSorted((a, b) => a.order - b.order);
  const ids = new Set(waiting.map(({ id }) => id));
  // Updates that require each other in a cycle cannot have been published. If they are here anyway, the oldest goes
  // first.
  return waiting.find(({ requires }) => !requires.some((id) => ids.has(id))) ?? waiting[0] ?? null;
}

/** The delay after a failed run, or null when it was the last. */
export function delayAfter(tries: number): number | null {
  return tries < MAX_TRIES ? (DELAYS_MS[tries - 1] ?? 0) : null;
}

/** How the run ended, in words; null when it succeeded. */
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
