// Tests a change of the settings before it takes effect: for each purpose whose route changes, the connection is tested
// stage by stage. If the settings are the same, all connections through a proxy are tested, because the caller wants to
// know whether they work. This file writes and activates nothing; the caller writes a change that is confirmed.
//
// Guarantees: there is one change at a time, with one result (`confirm-state.ts`), at its deadline at the latest. Its time
// begins when its settings were accepted, so it can neither be confirmed nor expire before. If the caller disconnects
// or the daemon stops, the test ends and the previous settings stay. A crash leaves no files.

import { isDeepStrictEqual } from 'node:util';
import type { Purpose } from '#config/purposes.ts';
import type { LoadResult } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';
import type { ChangeRequest, ChangeVerdict, PendingChange, TrialFailure } from '#control/change.ts';
import type { Authority } from '#control/control.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';
import { findBypasses, proxiesByPurpose } from '#proxy/choosing/bypass-guard.ts';
import { changedRoutes, proxiedRoutes } from '#proxy/choosing/changed-routes.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import { type ConfirmEvent, type ConfirmState, stepConfirm } from './confirm-state.ts';
import type { TrialRequest } from './test-candidate.ts';

export interface TrialParts {
  readonly clock: Clock;
  readonly report: Report;
  /** The active settings. */
  settings(): Settings;
  /** Reads settings that are not saved. */
  loadCandidate(text: string, authority: Authority): Promise<LoadResult>;
  /** The first failure of these purposes with these settings; null when there is none. */
  testCandidate(
    change: TrialRequest,
    signal: AbortSignal,
    noteOutcome: (outcome: Outcome) => void,
  ): Promise<TrialFailure | null>;
}

/** A request with the authority of its sender. */
export interface AuthorizedChange extends ChangeRequest {
  readonly authority: Authority;
}

/** The requester that waits for the verdict on the current change. */
interface Waiting {
  readonly sinceMs: number;
  readonly untilMs: number;
  settle(verdict: ChangeVerdict): void;
}

/** The changes that are tested, one after the other. */
export class ChangeTrials {
  readonly #parts: TrialParts;
  #state: ConfirmState = null;
  #waiting: Waiting | null = null;
  #lastId = 0;
  /** What the running test found; null before. */
  #outcome: Outcome | null = null;

  constructor(parts: TrialParts) {
    this.#parts = parts;
  }

  /** The change that is being tested now. */
  get pending(): PendingChange | null {
    if (this.#state === null || this.#waiting === null) return null;
    const { by, failure } = this.#state;
    const { sinceMs, untilMs } = this.#waiting;
    return { by, failure, since: utcTime(sinceMs), until: utcTime(untilMs) };
  }

  /**
   * Tests it until it is confirmed or its time is over; events meanwhile go to `onEvent`.
   * @throws CodedError CHANGE-PENDING while another one is tested; what refuses the settings; the signal's reason
   */
  async attempt(change: AuthorizedChange, onEvent: Report, signal: AbortSignal): Promise<ChangeVerdict> {
    signal.throwIfAborted();
    if (this.#state !== null) throw this.#occupied();
    const to = await this.#validate(change);
    signal.throwIfAborted();
    this.#lastId += 1;
    this.#outcome = null;
    const id = this.#lastId;
    if (!this.#step({ kind: 'begin', id, by: change.by })) throw this.#occupied();
    const { clock } = this.#parts;
    const sinceMs = clock.now();
    const settled = Promise.withResolvers<ChangeVerdict>();
    this.#waiting = { sinceMs, untilMs: sinceMs + change.window_ms, settle: settled.resolve };
    const ending = new AbortController();
    const stopListening = onAbort(signal, () => void this.#step({ kind: 'gone', id }));
    const timer = clock.after(
      change.window_ms,
      () => void this.#step({ kind: 'expired', id }),
      'a change that is tried',
    );
    const report = this.#reportingTo(onEvent);
    try {
      report({ name: 'change-tried', by: change.by, window: change.window_ms });
      const running = this.#run({ id, change, to, report }, ending.signal);
      // A fault ends it; failed stages wait for a person.
      const verdict = await Promise.race([settled.promise, running.then(() => settled.promise)]);
      signal.throwIfAborted();
      report(
        verdict.confirmed ? { name: 'change-confirmed', by: verdict.by } : { name: 'change-dropped', by: change.by },
      );
      return this.#outcome === null ? verdict : { ...verdict, outcome: this.#outcome };
    } finally {
      timer.cancel();
      stopListening();
      this.#step({ kind: 'gone', id });
      ending.abort(coded('INTERRUPTED', { reason: 'the change is settled' }));
    }
  }

  /** A person accepts the change. @throws CodedError CHANGE-NONE */
  confirm(): void {
    if (!this.#step({ kind: 'confirm' })) throw coded('CHANGE-NONE', {});
  }

  async #run(
    trial: { id: number; change: AuthorizedChange; to: Settings; report: Report },
    signal: AbortSignal,
  ): Promise<void> {
    const { id, change, to, report } = trial;
    const failure = await this.#firstFailure({ change, report }, testedPurposes(this.#parts.settings(), to), signal);
    if (failure === null) this.#step({ kind: 'passed', id });
    else if (this.#step({ kind: 'failed', id, failure })) {
      report({ name: 'change-failed', code: failure.code, message: failure.message });
      if (!change.waits) this.#step({ kind: 'expired', id });
    }
  }

  /** Settings that a reload would reject are not tested. */
  async #validate({ text, authority }: AuthorizedChange): Promise<Settings> {
    const loaded = await this.#parts.loadCandidate(text, authority);
    if (!loaded.ok) throw loaded.error;
    const [direct] = findBypasses(proxiesByPurpose(this.#parts.settings()), loaded.settings);
    if (direct !== undefined) throw direct;
    return loaded.settings;
  }

  async #firstFailure(
    { change, report }: { readonly change: AuthorizedChange; readonly report: Report },
    purposes: Purpose[],
    signal: AbortSignal,
  ): Promise<TrialFailure | null> {
    const { text, typed, authority } = change;
    if (purposes.length === 0) return null;
    const request = { text, typed, purposes, authority, report };
    return await this.#parts.testCandidate(request, signal, (outcome) => {
      this.#outcome = outcome;
    });
  }

  #step(event: ConfirmEvent): boolean {
    const { state, verdict, taken } = stepConfirm(this.#state, event);
    this.#state = state;
    if (verdict !== null) {
      this.#waiting?.settle(verdict);
      this.#waiting = null;
    }
    return taken;
  }

  #occupied(): CodedError {
    const { by, until } = this.pending ?? { by: '-', until: '-' };
    return coded('CHANGE-PENDING', { by, until });
  }

  #reportingTo(onEvent: Report): Report {
    return (event) => {
      this.#parts.report(event);
      onEvent(event);
    };
  }
}

/** Passwords need no comparison of their own: another one changes the route. */
function testedPurposes(from: Settings, to: Settings): Purpose[] {
  const changed = changedRoutes(from, to);
  return changed.length === 0 && isDeepStrictEqual(from, to) ? proxiedRoutes(to) : changed;
}
