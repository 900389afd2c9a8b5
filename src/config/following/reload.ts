// Applies settings at startup and at each reload. A reloader is the part of a module that takes new settings. First
// every reloader verifies them, then every reloader commits them.
//
// Guarantees: if one reloader fails to verify, none commits. If one fails to commit, those that have committed are
// rolled back in reverse order. A reloader that cannot be rolled back is named in the failure. Relies on each reloader
// to keep its previous settings when its commit fails, and on the caller to apply one change at a time.

import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';

/** What a commit did with the keys that changed. */
export interface CommitReport {
  readonly changes: readonly { readonly key: string; readonly effect: Effect }[];
}

/** A part of the daemon that works with settings. `from` is null at start. */
export interface Reloadable {
  readonly name: string;
  /** Throws if the part cannot work with these settings. Changes nothing. */
  verify(from: Settings | null, to: Settings): Promise<void> | void;
  /** Applies these settings completely or not at all. */
  commit(from: Settings | null, to: Settings): Promise<CommitReport>;
}

/** A reloader and why it failed. */
interface ReloaderFailure {
  readonly reloader: string;
  readonly error: CodedError;
}

export type ApplyResult =
  | { readonly ok: true; readonly reports: readonly { readonly reloader: string; readonly report: CommitReport }[] }
  | {
      readonly ok: false;
      readonly stage: 'verify' | 'commit';
      /** Every reloader that did not verify, or the one that did not commit. */
      readonly failures: readonly ReloaderFailure[];
      /** Reloaders that could not be rolled back and may still use the new settings. */
      readonly notPutBack: readonly ReloaderFailure[];
    };

/** Applies settings in every reloader or in none. At startup there is nothing to roll back: the caller stops. */
export async function applySettings(
  reloaders: readonly Reloadable[],
  from: Settings | null,
  to: Settings,
): Promise<ApplyResult> {
  const failures = await verifyAll(reloaders, from, to);
  if (failures.length > 0) return { ok: false, stage: 'verify', failures, notPutBack: [] };
  const committed: Reloadable[] = [];
  const reports: { reloader: string; report: CommitReport }[] = [];
  for (const reloader of reloaders) {
    try {
      reports.push({ reloader: reloader.name, report: await reloader.commit(from, to) });
      committed.push(reloader);
    } catch (error) {
      const notPutBack = from === null ? [] : await putBack(committed, to, from);
      return { ok: false, stage: 'commit', failures: [{ reloader: reloader.name, error: asCoded(error) }], notPutBack };
    }
  }
  return { ok: true, reports };
}

async function verifyAll(
  reloaders: readonly Reloadable[],
  from: Settings | null,
  to: Settings,
): Promise<ReloaderFailure[]> {
  const failures: ReloaderFailure[] = [];
  for (const reloader of reloaders) {
    try {
      await reloader.verify(from, to);
    } catch (error) {
      failures.push({ reloader: reloader.name, error: asCoded(error) });
    }
  }
  return failures;
}

async function putBack(committed: readonly Reloadable[], from: Settings, to: Settings): Promise<ReloaderFailure[]> {
  const failures: ReloaderFailure[] = [];
  for (const reloader of committed.toReversed()) {
    try {
      // Both steps, as when applying: a reloader may prepare in verify what it applies in commit.
      await reloader.verify(from, to);
      await reloader.commit(from, to);
    } catch (error) {
      failures.push({ reloader: reloader.name, error: asCoded(error) });
    }
  }
  return failures;
}
