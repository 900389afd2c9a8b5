// Lists the parts of a running Sallyport. `compose.ts` makes each part once, and all other files of the daemon get the
// parts from this list. Types only.

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
import type { HostActivation } from './platform/host-activation.ts';
import type { PlatformSlot } from './platform/platform-slot.ts';
import type { NetworkReloader } from './reload/network-reloader.ts';
import type { ReloadCoordinator } from './reload/reload.ts';
import type { Uploads } from './uploads/uploads.ts';

/** The secrets that a text from the group may use by reference, and the registry for those it contains. */
export interface TextBounds {
  readonly usesAllowed: readonly SecretUse[];
  readonly known: KnownSecrets;
}

/** Reads the settings again. With a text, reads that instead of the file, within these bounds. */
export type LoadAgain = (text?: string, bounds?: TextBounds) => Promise<LoadResult>;

/** The parts of a running Sallyport. */
export interface Parts {
  readonly mode: 'daemon' | 'command';
  readonly ports: UpdatesPorts;
  /** What leaves this host for the other purposes. */
  readonly uploads: Uploads;
  /** The identity and activation of this host. */
  readonly activation: HostActivation;
  /** The link to the platform. */
  readonly platform: PlatformSlot;
  readonly files: Files;
  /** Runs the hook command. */
  readonly commands: Commands;
  readonly clock: WatchedClock;
  /** Redacts output that does not go through the log. */
  readonly redactor: SpanRedactor;
  /** Every secret of this process. */
  readonly known: KnownSecrets;
  readonly report: Report;
  /** Listeners that get every event. */
  readonly events: Set<Report>;
  /** The active settings, and the file they came from. */
  readonly config: ReloadCoordinator;
  /**
   * Reads settings that are not saved. Those of the group may use a secret by reference, or go direct, only where the
   * active settings do. What the group declares as a secret is registered in `known` only: in the registry of the
   * process it would mask our own words.
   */
  loadCandidate(text: string, authority: Authority, known?: KnownSecrets): Promise<LoadResult>;
  /** A router for settings that need not be active, with the credential guard of the active one. */
  routerFor: NetworkReloader['routerFor'];
  /** What each purpose permits a proxy to decrypt. */
  permittedInterception: NetworkReloader['permittedInterception'];
  gateways(): Promise<readonly string[]>;
  /** The variables of the process. */
  readonly environment: Environment;
  /** The last result of each purpose. */
  readonly outcomes: Outcomes;
  /** The origin that each token belongs to. */
  readonly tokens: TokenBindings;
  /** The state of each password: accepted, rejected or unknown. */
  readonly credentialGuard: CredentialGuard;
  readonly logFile: string;
  /** Opens the log file again after log rotation has moved it. */
  reopenLog(): void;
  readonly startedAtMs: number;
  close(): void;
}
