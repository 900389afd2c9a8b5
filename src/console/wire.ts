// The messages between the console's pages and its process: types, and the schemas of what the process reads. No logic.
// The pages import only types from here, so nothing of Node is bundled.
//
// To give the pages another verb, add its name to `PAGE_VERBS` or `PAGE_STREAMS`.

import { z } from 'zod';
import type { Verbs } from '#control/control.ts';
import type { Followed } from '#control/follow.ts';
import type { Authority, Verb } from '#control/verb.ts';

/** The verbs that a page can call with `POST /api/verbs/NAME`. The body is the argument of the verb as JSON, or `{}`. */
export const PAGE_VERBS = [
  'status',
  'settings',
  'endpoints',
  'listUpdates',
  'explainTimeout',
  'retryCredentials',
  'confirmChange',
  'showTrust',
  'holdUpdates',
  'releaseUpdates',
  'listQueue',
  'showQueued',
  'retryQueued',
  'dropQueued',
  'sendLogs',
  'listLogs',
  'showLogs',
  'readLogs',
  'approveLogs',
  'deleteLogs',
  'listLogsRequests',
  'decideLogsRequest',
  'listSent',
  'showActivation',
  'requestActivation',
  'previewReport',
  'listAdvice',
] as const satisfies readonly (keyof Verbs)[];
export type PageVerb = (typeof PAGE_VERBS)[number];

/** The verbs that take time or report events: `POST /api/streams/NAME`. */
export const PAGE_STREAMS = [
  'follow',
  'check',
  'checkNow',
  'diagnose',
  'verifyUpdates',
  'publishUpdate',
  'verifyQueue',
  'followLogs',
  'planLogs',
  'activate',
  'installLicense',
  'releaseActivation',
] as const satisfies readonly (keyof Verbs)[];
export type PageStream = (typeof PAGE_STREAMS)[number];

/** The argument of a verb; `undefined` if it has none, which is sent as `{}`. */
export type VerbRequest<N extends keyof Verbs> = Verbs[N] extends Verb<infer Q, infer _R, infer _E> ? Q : never;
/** The result of a verb. */
export type VerbResult<N extends keyof Verbs> = Verbs[N] extends Verb<infer _Q, infer R, infer _E> ? R : never;

/** `POST /api/key`: exchanges the key of a link for a token. */
export const keyRequestSchema = z.strictObject({ key: z.string().max(128) });
export type KeyRequest = z.infer<typeof keyRequestSchema>;
export interface KeyAnswer {
  readonly token: string;
}

/** A failure as a page shows it. Each field is text that can be shown as it is. */
export interface WireFailure {
  readonly code: string;
  readonly message: string;
  /** What to do. */
  readonly check: string;
  readonly hop: string | null;
  readonly class: string;
}
/** The body of each answer whose status is not 200. */
export interface ErrorAnswer {
  readonly error: WireFailure;
}
/** The body of `POST /api/verbs/NAME`. */
export interface VerbAnswer<R> {
  readonly result: R;
}

/** `GET /api/session`: who looks, and what they may do. */
export interface ConsoleSession {
  readonly user: string;
  readonly uid: number;
  readonly host: string;
  readonly version: string;
  /** The configuration file. */
  readonly file: string;
  readonly may: Readonly<Record<'look' | 'operate' | 'change', boolean>>;
  /** The groups whose members may look, operate and change, for the sentence next to a disabled button. */
  readonly group: Readonly<Record<'look' | 'operate' | 'change', string>>;
  /** The highest level of a verb that this person may call; null if the daemon accepts none, or does not run. */
  readonly authority: Authority | null;
  /** Who writes a change: this process, the change service, or neither. */
  readonly writes: 'file' | 'service' | 'nobody';
  readonly daemon: 'running' | 'stopped' | 'other-file' | 'unreachable';
  /** Why the daemon cannot be asked; null if it can, or is stopped. */
  readonly problem: WireFailure | null;
  readonly idle_minutes: number;
  /** The `ssh` command for the person's own machine; null if none is needed. */
  readonly ssh_line: string | null;
}

/** An event of the log's vocabulary, with its sentence. */
export interface PageLogEvent {
  readonly name: string;
  readonly level: string;
  readonly thread: string;
  /** RFC 3339. */
  readonly at: string;
  readonly message: string;
  /** The facts that are text, numbers or truth values. */
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}
/** The events of each stream. `follow` has messages of its own, and `followLogs` has jobs. */
export type StreamEvent<N extends PageStream> = N extends 'follow'
  ? Followed
  : N extends 'followLogs'
    ? VerbResult<'followLogs'>
    : PageLogEvent;

/**
 * One line of a stream (`application/x-ndjson`). Events are numbered from 1. `skipped` counts events that were left out
 * because too many came. An empty line keeps the connection open. The last line is a result or an error.
 */
export type StreamLine<E, R> =
  | { readonly n: number; readonly event: E }
  | { readonly n: number; readonly skipped: number }
  | { readonly result: R }
  | ErrorAnswer;
