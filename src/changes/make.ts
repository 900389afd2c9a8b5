// Makes a change: writes the file, waits until the daemon has taken it, removes the passwords that are no longer used.
// Returns what happened as data; the caller shows it.
//
// Guarantees: the rename of the configuration file is the commit (`config/editing/apply-change.ts`). A password that was replaced
// is kept until the daemon works with the new settings. A crash leaves the old settings or the new ones, each with its
// passwords.

import { applyChange, type Change, type Changed } from '#config/editing/apply-change.ts';
import type { Problem } from '#config/problem.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeContext } from './context.ts';
import { awaitDaemon, type Reception } from './reception.ts';

/** What a change has done. */
export interface MadeChange {
  readonly state: 'made';
  /** False where the file said all of it already. */
  readonly changed: boolean;
  /** The file that a new password was put into, as the configuration names it. */
  readonly stored: string | null;
  /** Files of replaced passwords that were removed, and those that were not because they may still be used. */
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  /** Warnings that the file did not have before. */
  readonly warnings: readonly Problem[];
  /** What the daemon made of it; null where nothing was written. */
  readonly daemon: Reception | null;
}

export type ChangeOutcome = MadeChange | { readonly state: 'refused'; readonly refused: RefusedSettings };

/**
 * Makes it; `after` runs once it is written.
 * @throws CodedError what `applyChange` throws; then nothing is changed
 */
export async function makeChange(
  context: ChangeContext,
  loaded: LoadedSettings,
  { after, ...change }: Change & { readonly after?: (() => Promise<void>) | undefined },
): Promise<ChangeOutcome> {
  const made = await applyChange(loaded, change, context);
  if (!made.ok) return { state: 'refused', refused: made.refused };
  await after?.();
  const { changed, stored, writtenAtMs, orphans } = made;
  const daemon = changed ? await awaitDaemon(context, { file: made.loaded.file, writtenAtMs }) : null;
  const removed = isOver(daemon, made) ? await made.tidy() : [];
  const kept = orphans.filter((one) => !removed.includes(one));
  return { state: 'made', changed, stored, removed, kept, warnings: newWarnings(loaded, made.loaded), daemon };
}

type Applied = Extract<Changed, { ok: true }>;

/** Whether the old settings are no longer used, now or after a restart: then their passwords may be removed. */
function isOver(daemon: Reception | null, { loaded }: Applied): boolean {
  if (daemon === null || daemon.taken === 'taken' || daemon.taken === 'another file') return true;
  return daemon.taken === 'no daemon' && loaded.settings.proxy_change !== 'confirm';
}

/** Places may have moved, so sentences are compared. */
function newWarnings(before: LoadedSettings, after: LoadedSettings): Problem[] {
  const known = new Set(before.warnings.map(({ message }) => message));
  return after.warnings.filter(({ message }) => !known.has(message));
}
