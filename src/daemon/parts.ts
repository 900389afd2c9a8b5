// The parts of a running Sallyport as a type: what the composition root makes once and every task of the daemon works with.
// `compose.ts` is the only maker; everything else in this folder only knows the type.

import type { Environment } from '#config/places.ts';
import type { LoadResult } from '#config/reading/load.ts';
import type { SecretUse } from '#config/reading/secret-uses.ts';
import type { Authority } from '#control/control.ts';
import type { TokenBindings } from '#http/token-bindings.ts';
import type { Report } from '#logging/events.ts';
import type { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import type { Files } from '#system/files.ts';
import type { Commands } from '#system/process/command.ts';
import type { WatchedClock } from '#system/time/watched-clock.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import type { Outcomes } from './outcomes.ts';
import type { NetworkReloader } from './reload/network-reloader.ts';
import type { ReloadCoordinator } from './reload/reload.ts';

/** What a text from the group may use by reference, and where the secrets in it are registered. */
export interface TextBounds {
  readonly usesAllowed: readonly SecretUse[];
  readonly known: KnownSecrets;
}

/** Reads the settings again; of this text instead of the file where one is given, and then within these bounds. */
export type LoadAgain = (text?: string, bounds?: TextBounds) => Promise<LoadResult>;

/** The parts of a running Sallyport. */
export interface Parts {
  readonly mode: 'daemon' | 'command';
  readonly ports: UpdatesPorts;
  readonly files: Files;
  /** What the hook is run with. */
  readonly commands: Commands;
  readonly clock: WatchedClock;
  /** For whatever leaves by another way than the log. */
  readonly redactor: SpanRedactor;
  readonly report: Report;
  /** Whoever wants to hear every event. */
  readonly events: Set<Report>;
  /** The settings in force, and the file they came from. */
  readonly config: ReloadCoordinator;
  /**
   * Reads settings that are not saved. Those of the group may use a secret by reference, and go direct, only where the
   * active settings do. What the group calls a secret is registered in `known` alone: in the registry of the process it
   * would mask our own words.
   */
  loadCandidate(text: string, authority: Authority, known?: KnownSecrets): Promise<LoadResult>;
  /** A router for settings that need not be in force, with the credential guard of the one that is. */
  routerFor: NetworkReloader['routerFor'];
  gateways(): Promise<readonly string[]>;
  /** The variables of the process. */
  readonly environment: Environment;
  /** How the work of each purpose went the last time. */
  readonly outcomes: Outcomes;
  /** Which origin each token belongs to. */
  readonly tokens: TokenBindings;
  /** What became of each password. */
  readonly credentialGuard: CredentialGuard;
  readonly logFile: string;
  /** After somebody moved the log file away. */
  reopenLog(): void;
  readonly startedAtMs: number;
  close(): void;
}
