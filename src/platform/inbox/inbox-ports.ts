// The interfaces that the inbox needs, and the result that a handler of commands returns.

import type { CodedError } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { AgentMessage, PlatformCommand } from '#platform/messages.ts';
import type { SpoolPorts } from '#spool/spool.ts';
import type { Clock, Random } from '#system/clock.ts';

/** What became of a command. */
export type Handled =
  | { readonly kind: 'done'; readonly job: string | null }
  | { readonly kind: 'refused' | 'failed'; readonly error: CodedError }
  /** A person has to decide; `finish` brings the result. It is durable elsewhere. */
  | { readonly kind: 'waiting' }
  /** Not now: the handler is called again after this time, or after `again`. */
  | { readonly kind: 'later'; readonly waitMs: number; readonly failure: CodedError; readonly isFailure: boolean };

/** The circumstances in which a command is carried out. */
export interface Handling {
  readonly signal: AbortSignal;
  /** When the command was received, in ms since the epoch. */
  readonly receivedAtMs: number;
}

export interface InboxPorts extends Pick<SpoolPorts, 'files' | 'outbox' | 'ballast'> {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: ScopedReport;
  /** The host of the platform, for errors. */
  host(): string;
  /** Carries out a command. It throws only for faults of this host. */
  handle(id: string, command: PlatformCommand, handling: Handling): Promise<Handled>;
  /** Sends a message now, if there is a connection. Returns false if it cannot be sent. */
  send(message: AgentMessage): boolean;
}
