// Makes a change: writes the file, waits until the daemon has applied it, and removes passwords that are no longer
// used. Returns the result as data, which the caller shows.
//
// Guarantees: the rename of the configuration file commits the change (`config/editing/apply-change.ts`). A replaced
// password is kept until the daemon uses the new settings. After a crash, the old or the new settings are on disk,
// together with the passwords that they need.

import { applyChange, type Change, type Changed } from '#config/editing/apply-change.ts';
import type { Problem } from '#config/problem.ts';
import type { LoadedSettings, LoadResult, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeContext } from './context.ts';
import { awaitDaemon, type DaemonOutcome } from './daemon-outcome.ts';

/** The result of a change. */
export interface MadeChange {
  readonly state: 'made';
  /** False if the file already had these values. */
  readonly changed: boolean;
  /** The file with the new password, as the configuration names it; null if there is no new password. */
  readonly stored: string | null;
  /** Files of replaced passwords: `removed` are deleted, `kept` may still be in use. */
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  /** Warnings that the file did not have before the change. */
  readonly warnings: readonly Problem[];
  /** Whether the daemon applied the change; null if nothing was written. */
  readonly daemon: DaemonOutcome | null;
}

export type ChangeOutcome = MadeChange | { readonly state: 'refused'; readonly refused: RefusedSettings };

/**
 * Makes the change. `after` runs once the file is written.
 * @throws CodedError from `applyChange`; in that case nothing is changed
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

/**
 * Whether the old settings will no longer be used, not even after a restart, so that their passwords can be removed.
 */
function isOver(daemon: DaemonOutcome | null, { loaded }: Applied): boolean {
  if (daemon === null || daemon.taken === 'taken' || daemon.taken === 'another file') return true;
  return daemon.taken === 'no daemon' && loaded.settings.proxy_change !== 'confirm';
}

/** Compares sentences, because line numbers may have changed. */
export function newWarnings(before: LoadResult, after: LoadedSettings): Problem[] {
  const known = new Set((before.ok ? before.warnings : []).map(({ message }) => message));
  return after.warnings.filter(({ message }) => !known.has(message));
}
