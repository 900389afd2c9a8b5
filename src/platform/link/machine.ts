// The types of the state machine of the link: its states, its events, and the actions that it requests.

import type { CodedError } from '#errors/coded-error.ts';
import type { PollWait } from './poll-wait.ts';

export type LinkMode = 'websocket' | 'poll';

/**
 * Every state, with the states that can follow it. `off` can follow each.
 *
 * off: not enabled, or stopped. connecting: the route is being opened. upgrading: TLS to the platform is up, and the
 * upgrade to WebSocket was requested. connected: a WebSocket is open. polling: long polls over HTTPS. probing: polls
 * pause while WebSocket is tried again. waiting: until the next attempt.
 */
export const TRANSITIONS = {
  off: ['connecting', 'polling'],
  connecting: ['upgrading', 'waiting', 'off'],
  upgrading: ['connected', 'polling', 'waiting', 'off'],
  connected: ['waiting', 'off'],
  polling: ['probing', 'waiting', 'off'],
  probing: ['connected', 'polling', 'off'],
  waiting: ['connecting', 'polling', 'off'],
} as const satisfies Record<string, readonly string[]>;

export type Phase = keyof typeof TRANSITIONS;

/** What blocks WebSocket on this route, while long polling is used instead. */
interface Blocked {
  readonly error: CodedError;
  /** Whether it is only assumed, because upgrades got no answer, until a poll is answered. */
  readonly isAssumed: boolean;
  /** Attempts at WebSocket in vain since then. */
  readonly probes: number;
  /** When WebSocket is tried again. */
  readonly probeAtMs: number;
}

/** What was said in the log, so that a repeated failure or end is not said again for a day. */
interface Said {
  /** When each code was last said. */
  readonly codes: Readonly<Record<string, number>>;
  /** Whether a connection would be news: there was none yet, or a failure was said since. */
  readonly isAwaited: boolean;
  /** When a normal end was last said, and how many there were since. */
  readonly endAtMs: number | null;
  readonly ends: number;
}

/** The whole state. All times are those of the monotonic clock. */
export interface Machine {
  readonly phase: Phase;
  /** Since when it is in this phase. */
  readonly sinceMs: number;
  readonly mode: LinkMode;
  /** Longest time between two pings: the configured one, or less if links were lost in silence. */
  readonly pingMs: number;
  /** Links in a row that were lost while nothing was sent. */
  readonly silentLosses: number;
  /** When something last came from the platform. */
  readonly heardAtMs: number;
  /** The next moment that matters; null if only another event can change something. */
  readonly wakeAtMs: number | null;
  /** Failures in a row. */
  readonly attempts: number;
  /** Upgrades in a row that ended without an answer. */
  readonly upgradesFailed: number;
  readonly blocked: Blocked | null;
  /** Why it waits; null after a normal end. */
  readonly failure: CodedError | null;
  /** When the platform said that it may be contacted again; 0 if it did not. */
  readonly notBeforeMs: number;
  /** While connected or polling: whether the platform has answered. */
  readonly isProven: boolean;
  /** Pings without an answer, and when the next one is due. */
  readonly unanswered: number;
  readonly pingAtMs: number;
  /** Polls that run now: one, or two while a message did not wait for the end of a held poll. */
  readonly polls: 0 | 1 | 2;
  /** Polls in a row that were answered at once although they may wait. */
  readonly hasty: number;
  readonly pollWait: PollWait;
  readonly said: Said;
}

export type LinkEvent =
  /** The link is wanted. Every change of the settings is a `stop` and a `start`. */
  | { readonly kind: 'start'; readonly mode: LinkMode; readonly pingMs: number }
  | { readonly kind: 'stop' }
  /** The route is open, up to TLS with the platform. */
  | { readonly kind: 'opened' }
  /** A WebSocket is open. */
  | { readonly kind: 'upgraded' }
  /** The upgrade had another answer than 101. */
  | { readonly kind: 'refused'; readonly error: CodedError }
  /** The route, the upgrade or a poll failed. `elapsedMs` is how long a poll had waited. */
  | { readonly kind: 'failed'; readonly error: CodedError; readonly elapsedMs?: number; readonly retryAfterMs?: number }
  /** Something came from the platform: a message or a pong. */
  | { readonly kind: 'heard'; readonly isMessage: boolean }
  /** The WebSocket has ended: closed by the platform in order, or cut. */
  | { readonly kind: 'ended'; readonly error: CodedError; readonly isOrderly: boolean }
  /** The platform asks not to be contacted again for this long, once the connection or the poll has ended. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** A poll was answered. */
  | { readonly kind: 'answered'; readonly elapsedMs: number; readonly messages: number }
  /** There is a message that does not wait for the end of a held poll. */
  | { readonly kind: 'urgent' }
  /** `wakeAtMs` has come. */
  | { readonly kind: 'time' };

export type LinkEffect =
  /** Opens a WebSocket; answered by opened, upgraded, refused or failed. */
  | { readonly do: 'open' }
  /** Sends a poll; answered by answered or failed. `isFirst`: it begins with hello. */
  | { readonly do: 'poll'; readonly waitSeconds: number; readonly isFirst: boolean }
  | { readonly do: 'ping' }
  /** Ends whatever is open or being opened, at once. */
  | { readonly do: 'drop' }
  /** A moment that the log shows. */
  | { readonly do: 'say'; readonly what: Saying };

export type Saying =
  | { readonly kind: 'connected'; readonly over: LinkMode }
  | { readonly kind: 'blocked'; readonly error: CodedError; readonly nextMs: number }
  | { readonly kind: 'failed'; readonly error: CodedError; readonly nextMs: number }
  | { readonly kind: 'ended'; readonly error: CodedError; readonly ends: number; readonly nextMs: number };

/** What the machine gets in addition to an event. */
export interface Inputs {
  readonly nowMs: number;
  /** A number in [0, 1). */
  readonly random: number;
  /** Makes the failure for pings, or for a greeting, without an answer. */
  silent(elapsedMs: number): CodedError;
}

export interface Step {
  readonly machine: Machine;
  readonly effects: readonly LinkEffect[];
}
