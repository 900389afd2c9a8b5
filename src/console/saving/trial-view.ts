// What a page shows of a change while it is tested and written. Types only: plain data without secrets.

import type { ApplyState } from '#changes/daemon-outcome.ts';
import type { Problem } from '#config/problem.ts';
import type { WireFailure } from '#console/wire.ts';
import type { TrialFailure } from '#control/change.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';
import type { KeyConflict, KeyDifference } from './differences.ts';

export interface ShownStage {
  readonly purpose: string;
  readonly stage: string;
  /** `ok`, or the code of a failure. */
  readonly result: string;
}

/** The end of a write. */
export interface ShownMade {
  /** False if the file already had these values. */
  readonly changed: boolean;
  /** The file of the new password, as the configuration names it. */
  readonly stored: string | null;
  /** Files of replaced passwords that may still be in use. */
  readonly kept: readonly string[];
  readonly warnings: readonly string[];
  /** Null if nothing was written. */
  readonly daemon: { readonly taken: ApplyState; readonly refusal: string | null } | null;
}

/**
 * `testing`: the stages run. `waiting`: a stage failed, and the change can still be saved until `until`. `writing`: it
 * can no longer be left. The others are ends: `passed` (a test that writes nothing), `saved`, `failed` (nothing was
 * written), `refused` (the file would not be valid), `conflict` (another user changed the file), `left`.
 */
export type TrialState =
  | 'testing'
  | 'waiting'
  | 'writing'
  | 'passed'
  | 'saved'
  | 'failed'
  | 'refused'
  | 'conflict'
  | 'left';

export interface TrialView {
  readonly trial: number;
  /** Grows with each change of this view. */
  readonly version: number;
  /** `try` writes nothing. */
  readonly kind: 'try' | 'save';
  readonly form: string;
  /** As the page named it in its request; null if it did not. */
  readonly attempt: string | null;
  readonly differences: readonly KeyDifference[];
  /** What is odd about the change, before its test. */
  readonly warnings: readonly string[];
  readonly since: string;
  /** When the test ends at the latest, RFC 3339. Null once it has ended. */
  readonly until: string | null;
  readonly state: TrialState;
  readonly stages: readonly ShownStage[];
  /** The first failure of a stage. */
  readonly failure: TrialFailure | null;
  /** Why the test or the write did not end as it should. */
  readonly error: WireFailure | null;
  readonly problems: readonly Problem[];
  readonly conflicts: readonly KeyConflict[];
  /** The sha256 in hex of the file that has these conflicts; null if there are none. */
  readonly conflict_digest: string | null;
  /** What this host shows with the new settings. */
  readonly outcome: Outcome | null;
  readonly made: ShownMade | null;
}
