// The place where other parts of the daemon find the link to the platform. The link needs these parts, so they must not
// depend on it. They use only the small interface that is declared here.

import type { CodedError } from '#errors/coded-error.ts';
import type { StoredAdvice } from '#platform/inbox/advice.ts';
import type { DoneCommand } from '#platform/inbox/results.ts';
import type { LinkState } from '#platform/link/link.ts';
import type { Clock } from '#system/clock.ts';

/** What is open while the link is enabled. */
export interface PlatformView {
  readonly link: { readonly state: LinkState };
  readonly inbox: { readonly waiting: number; readonly done: readonly DoneCommand[] };
  readonly advice: { readonly all: readonly StoredAdvice[] };
  /** When the link was last connected, in ms since the epoch; null if it was not since the start. */
  readonly connectedAtMs: number | null;
}

/** The link of a daemon. */
export interface PlatformService {
  /** Null while the link is not enabled, or could not be opened. */
  readonly running: PlatformView | null;
  /** Why it could not be opened. */
  readonly failure: CodedError | null;
  /** Since when the link is kept, in ms since the epoch; null while it is not. */
  readonly startedAtMs: number | null;
  /** A request of the platform for support logs was decided. */
  requestDecided(): void;
  /** This host has another agent ID: the link is opened again with it. */
  identityChanged(): void;
}

/** What the composition has for the link. */
export interface PlatformSlotParts {
  /** Measures the opening and the reuse of connections. */
  readonly connectionClock: Clock;
  /** Aborted when new settings change the route. */
  rerouted(): AbortSignal;
}

export class PlatformSlot {
  readonly parts: PlatformSlotParts;
  /** Null in a command without a daemon, which never opens the link. */
  service: PlatformService | null = null;

  constructor(parts: PlatformSlotParts) {
    this.parts = parts;
  }

  get running(): PlatformView | null {
    return this.service?.running ?? null;
  }
}
