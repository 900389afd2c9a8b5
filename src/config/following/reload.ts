// How settings come into force, at start and later: every room verifies, then every room commits.
//
// Guarantees: when one room does not verify, none commits. When one does not commit, those that had committed are put
// back in reverse order, and a room that cannot be put back is named. It relies on each room to leave its own old
// settings in force when its commit fails, and on the caller to apply one change at a time.

import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';

/** What a commit did with the keys that changed. */
export interface CommitReport {
  readonly changes: readonly { readonly key: string; readonly effect: Effect }[];
}

/** A room that works with settings. `from` is null at start. */
export interface Reloadable {
  readonly name: string;
  /** Throws when the room could not work with these; changes nothing. */
  verify(from: Settings | null, to: Settings): Promise<void> | void;
  /** Brings these into force, whole or not at all. */
  commit(from: Settings | null, to: Settings): Promise<CommitReport>;
}

/** A room and why it failed. */
interface RoomFailure {
  readonly room: string;
  readonly error: CodedError;
}

export type ApplyResult =
  | { readonly ok: true; readonly reports: readonly { readonly room: string; readonly report: CommitReport }[] }
  | {
      readonly ok: false;
      readonly stage: 'verify' | 'commit';
      /** Every room that did not verify, or the one that did not commit. */
      readonly failures: readonly RoomFailure[];
      /** Rooms that could not be put back and may work with the new settings still. */
      readonly notPutBack: readonly RoomFailure[];
    };

/** Brings settings into force in every room, or in none. At start there is nothing to put back: the caller stops. */
export async function applySettings(
  rooms: readonly Reloadable[],
  from: Settings | null,
  to: Settings,
): Promise<ApplyResult> {
  const failures = await verifyAll(rooms, from, to);
  if (failures.length > 0) return { ok: false, stage: 'verify', failures, notPutBack: [] };
  const committed: Reloadable[] = [];
  const reports: { room: string; report: CommitReport }[] = [];
  for (const room of rooms) {
    try {
      reports.push({ room: room.name, report: await room.commit(from, to) });
      committed.push(room);
    } catch (error) {
      const notPutBack = from === null ? [] : await putBack(committed, to, from);
      return { ok: false, stage: 'commit', failures: [{ room: room.name, error: asCoded(error) }], notPutBack };
    }
  }
  return { ok: true, reports };
}

async function verifyAll(rooms: readonly Reloadable[], from: Settings | null, to: Settings): Promise<RoomFailure[]> {
  const failures: RoomFailure[] = [];
  for (const room of rooms) {
    try {
      await room.verify(from, to);
    } catch (error) {
      failures.push({ room: room.name, error: asCoded(error) });
    }
  }
  return failures;
}

async function putBack(committed: readonly Reloadable[], from: Settings, to: Settings): Promise<RoomFailure[]> {
  const failures: RoomFailure[] = [];
  for (const room of committed.toReversed()) {
    try {
      // Both steps, as forward: a room may prepare in one what it brings into force in the other.
      await room.verify(from, to);
      await room.commit(from, to);
    } catch (error) {
      failures.push({ room: room.name, error: asCoded(error) });
    }
  }
  return failures;
}
